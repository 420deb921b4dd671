/*-------------------------------------------------------------------------
 *
 * crawl.h
 *	  A scan as a queue of requests: each answer yields rows and further
 *	  requests; window, pages, guards.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_CRAWL_H
#define CFDW_CRAWL_H

#include "postgres.h"

#include "decode.h"
#include "memo.h"
#include "nodes/pg_list.h"
#include "resource.h"
#include "session.h"

/* A set of values that rows may have in a column; texts. */
typedef struct CfdwValues
{
	bool		any;			/* not bound: every value */
	int			count;
	const char **values;		/* sorted, without duplicates */
} CfdwValues;

/* What is crawled.  All of it must outlive the crawl. */
typedef struct CfdwCrawlSpec
{
	CfdwStatement *statement;
	CfdwSession *session;
	const CfdwResource *resource;
	const CfdwRoute *route;
	const char *task;			/* message of errors */

	CfdwValues	bound;			/* of the route's column */
	CfdwValues	filters[CFDW_MAX_FILTERS];	/* of the last step's filters */
	const pg_uuid_t *scope;		/* companies; sorted */
	int			scope_count;	/* -1: every company */

	int64		demand;			/* rows a LIMIT wants: ask no more; 0: no hint */
	bool		ramp;			/* widen the window 1, 2, 4, ... */
	bool		totals;			/* one element of each listing, for its total */
	bool		with_parents;	/* give each element that embeds rows as well */
	int			depth;			/* levels below a row that are read of it */
} CfdwCrawlSpec;

/* For EXPLAIN ANALYZE; added up over rescans. */
typedef struct CfdwCrawlCounts
{
	int64		requests;		/* answers fetched for this scan */
	int64		shared;			/* answers that the statement had already */
	int64		pages;			/* bodies read, shared ones included */
	int64		bytes;			/* on the wire */
	int64		retries;
	int64		waits;			/* times it waited for an answer */
} CfdwCrawlCounts;

typedef struct CfdwCrawl CfdwCrawl;

/*
 * Fill a spec for all rows of a resource that lie in the session's scope, on
 * the route that is bound by nothing.
 */
extern void cfdw_crawl_spec_init(CfdwCrawlSpec *spec, CfdwStatement *statement,
								 CfdwSession *session, const CfdwResource *resource,
								 const char *task);

/* Begin; sends nothing yet.  Lives in the current memory context. */
extern CfdwCrawl *cfdw_crawl_begin(const CfdwCrawlSpec *spec, CfdwCrawlCounts *counts);

/* Send the first requests and do not wait. */
extern void cfdw_crawl_start(CfdwCrawl *crawl);

typedef enum CfdwNext
{
	CFDW_NEXT_ROW,
	CFDW_NEXT_END,
	CFDW_NEXT_LATER				/* none is here, and the caller will not wait */
} CfdwNext;

/*
 * The next row, valid until the next call.  With `wait`, it waits for answers
 * as needed; without, it sends what may be sent and says CFDW_NEXT_LATER.
 *
 * In a crawl with parents, an element that embeds rows comes as a row that is
 * its own parent, once, right before its rows and from the same answer.
 */
extern CfdwNext cfdw_crawl_next(CfdwCrawl *crawl, bool wait, CfdwElement *element);

/* A listing of which only the total was asked for, and its first element. */
typedef struct CfdwListing
{
	pg_uuid_t	company;
	bool		is_comparison;	/* unfiltered, where filtered ones are the
								 * answer */
	bool		has_row;		/* the element that cfdw_crawl_next() filled */
	int64		total;			/* -1: the answer contradicts itself */
} CfdwListing;

/*
 * In a crawl for totals: the listing of the row that was given last.  Each
 * listing gives one, filled only where it has elements.  A company with
 * filtered listings gives its unfiltered one as well, for comparison.
 */
extern const CfdwListing *cfdw_crawl_listing(const CfdwCrawl *crawl);

/* A company whose listing was asked for. */
typedef struct CfdwCompanyRead
{
	pg_uuid_t	company;
	bool		exists;			/* by the list of companies or its own listing */
	bool		is_whole;		/* nothing in its listing changed or went
								 * while it was read */
} CfdwCompanyRead;

/* In a crawl with parents that has ended: CfdwCompanyRead, one a listing. */
extern List *cfdw_crawl_companies(const CfdwCrawl *crawl);

/* Requests known of that are on their way or not sent yet. */
extern int64 cfdw_crawl_outstanding(CfdwCrawl *crawl);

/* End; closes what was fetched.  Not needed after an error. */
extern void cfdw_crawl_end(CfdwCrawl *crawl);

/*
 * Free the filters whose values would take more requests than reading the
 * unfiltered listing: those become "any".  False when one was freed.  Pages
 * are those of the unfiltered listing, of which the filters keep a share, in
 * percent.
 */
extern bool cfdw_crawl_choose_filters(CfdwValues *filters, int pages, int share);

/* Sort values and drop duplicates. */
extern void cfdw_values_sort(CfdwValues *values);

/* Where the text is among the sorted values; -1: nowhere. */
extern int	cfdw_values_find(const CfdwValues *values, const char *text);

/* Keep in `values` only what is in `other` as well. */
extern void cfdw_values_intersect(CfdwValues *values, const CfdwValues *other);

#endif							/* CFDW_CRAWL_H */
