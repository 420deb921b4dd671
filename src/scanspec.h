/*-------------------------------------------------------------------------
 *
 * scanspec.h
 *	  What the planner promises the executor, to and from fdw_private.
 *
 * Clauses are named by their index in the plan's qual: the executor takes
 * values from the very clauses that it rechecks, so the two cannot differ.
 * The LIMIT and OFFSET right above a scan are the plan's fdw_exprs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_SCANSPEC_H
#define CFDW_SCANSPEC_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "resource.h"

/* What became of a clause; each has a sentence for EXPLAIN. */
typedef enum CfdwClauseUse
{
	CFDW_USE_KEY,				/* exact: its values name what is requested */
	CFDW_USE_KEY_PART,			/* superset: it says more than what is
								 * requested */
	CFDW_USE_FILTER,			/* exact: sent as a query parameter */
	CFDW_USE_FILTER_PART,		/* superset: it says more than the parameter */
	CFDW_USE_STATUS,			/* exact if sent: evaluated label by label */
	CFDW_USE_MATCH,				/* superset: picks companies of the listing */
	CFDW_USE_OTHER_ROUTE,		/* local: would bind another route */
	CFDW_USE_NO_PARAM,			/* local: the API has no parameter for it */
	CFDW_USE_OPEN_LABELS,		/* local: an unrecognized label could pass */
	CFDW_USE_FORM				/* local: not of a form that can be sent */
} CfdwClauseUse;

typedef struct CfdwScanSpec
{
	const CfdwResource *resource;
	const CfdwRoute *route;
	List	   *uses;			/* CfdwClauseUse of each clause of the qual */
	List	   *columns;		/* attribute numbers that are read */
	bool		ramp;			/* under a LIMIT: widen the window slowly */
	int			pages;			/* guess: pages of a company's listing */
	int			share;			/* guess: of it that the filters keep, in
								 * percent */
} CfdwScanSpec;

extern List *cfdw_scanspec_to_list(const CfdwScanSpec *spec);
extern CfdwScanSpec *cfdw_scanspec_from_list(List *list);

/* "exact", "superset" or "local", and why. */
extern const char *cfdw_use_class(CfdwClauseUse use);
extern const char *cfdw_use_reason(CfdwClauseUse use);
extern bool cfdw_use_is_exact(CfdwClauseUse use);

#endif							/* CFDW_SCANSPEC_H */
