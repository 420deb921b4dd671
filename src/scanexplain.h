/*-------------------------------------------------------------------------
 *
 * scanexplain.h
 *	  What EXPLAIN says of a scan: route, requests, clauses, counts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_SCANEXPLAIN_H
#define CFDW_SCANEXPLAIN_H

#include "postgres.h"

#include "compat.h"
#include "scan.h"

extern void cfdw_explain_scan(ForeignScanState *node, ExplainState *es);

/* What was really sent, for ANALYZE. */
extern void cfdw_explain_counts(const CfdwCrawlCounts *counts, ExplainState *es);

/* What a count above the scan asks for. */
extern void cfdw_explain_totals(ForeignScanState *node, ExplainState *es);

#endif							/* CFDW_SCANEXPLAIN_H */
