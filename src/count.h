/*-------------------------------------------------------------------------
 *
 * count.h
 *	  count(*) from the totals that listings state.
 *
 * A count node stands for an aggregate.  Below it is the scan whose rows it
 * counts where the totals cannot be relied on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_COUNT_H
#define CFDW_COUNT_H

#include "postgres.h"

#include "compat.h"
#include "foreign/fdwapi.h"

extern void cfdwGetForeignUpperPaths(PlannerInfo *root, UpperRelationKind stage,
									 RelOptInfo *input_rel, RelOptInfo *output_rel, void *extra);

extern ForeignScan *cfdw_count_plan(ForeignPath *path, List *tlist, Plan *outer_plan);
extern void cfdw_count_begin(ForeignScanState *node, int eflags);
extern TupleTableSlot *cfdw_count_iterate(ForeignScanState *node);
extern void cfdw_count_rescan(ForeignScanState *node);
extern void cfdw_count_end(ForeignScanState *node);
extern void cfdw_count_explain(ForeignScanState *node, ExplainState *es);

#endif							/* CFDW_COUNT_H */
