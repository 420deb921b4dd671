/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  Scans of a foreign table: begin, iterate, rescan, end.
 *
 * The first row asked for sends the first request; nothing before does.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_SCAN_H
#define CFDW_SCAN_H

#include "postgres.h"

#include "crawl.h"
#include "decode.h"
#include "nodes/execnodes.h"
#include "pushdown.h"
#include "replay.h"
#include "scanspec.h"
#include "table.h"

/* The fdw_state of a scan node. */
typedef struct CfdwScan
{
	CfdwScanSpec *spec;
	const CfdwTable *table;
	CfdwRelation rel;
	Oid			role;			/* whose user mapping is used */
	const char *task;			/* message of errors */
	CfdwCrawlCounts counts;

	/* since the first row was asked for */
	CfdwStatement *statement;	/* NULL: EXPLAIN only */
	CfdwMember	member;
	CfdwSession *session;
	CfdwDecoder *decoder;
	ExprContext *econtext;		/* for the values of clauses */
	List	   *bindings;		/* clauses with values to send */
	CfdwLabelTrial *statuses;	/* clauses over the status; NULL: none */
	ExprState  *limit;			/* of a LIMIT right above; NULL: none */
	ExprState  *offset;

	CfdwReplay *replay;
	bool		has_started;	/* in this run or an earlier one */

	/* since the last rescan */
	bool		is_running;
	CfdwReplayMode mode;
	CfdwCrawl  *crawl;			/* NULL: not begun, or rows are replayed */
	MemoryContext crawl_cxt;

	/* as a part of an asynchronous Append */
	bool		has_to_wait;	/* no row is here, but one may come */
} CfdwScan;

extern void cfdw_scan_begin(ForeignScanState *node, int eflags);
extern TupleTableSlot *cfdw_scan_iterate(ForeignScanState *node);
extern void cfdw_scan_rescan(ForeignScanState *node);
extern void cfdw_scan_end(ForeignScanState *node);

/*
 * Begin a crawl of listings' totals for the node's clauses and parameters as
 * they are now, in the current memory context.  False in *is_exact says that
 * the totals could count rows which the clauses refuse.
 */
extern CfdwCrawl *cfdw_scan_crawl_totals(ForeignScanState *node, CfdwCrawlCounts *counts,
										 bool *is_exact);

/* Send the first requests, if that was not done yet, and do not wait. */
extern void cfdw_scan_start(ForeignScanState *node);

/*
 * Send what will surely be asked for beside the plan, of which the node is
 * the scan or the part that scans.
 */
extern void cfdw_scan_start_companions(ForeignScanState *node, const Plan *plan);

/* Make ready what needs a user mapping; cfdw_scan_iterate() does it by itself. */
extern void cfdw_scan_make_ready(ForeignScanState *node);

/* Clauses of the node's qual with that use. */
extern List *cfdw_scan_clauses(ForeignScanState *node, CfdwClauseUse use);

/* Statuses that pass a trial; any when one that is not documented could. */
extern CfdwValues cfdw_scan_statuses(CfdwLabelTrial *trial, ExprContext *econtext);

#endif							/* CFDW_SCAN_H */
