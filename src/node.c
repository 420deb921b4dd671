/*-------------------------------------------------------------------------
 *
 * node.c
 *	  Foreign-data wrapper callbacks that serve two kinds of node: scans of a
 *	  table, and counts.
 *
 * A count stands for an aggregate, so it scans no relation of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "node.h"

#include "compat.h"
#include "count.h"
#include "scanexplain.h"
#include "plan.h"
#include "scan.h"

static bool
is_count(ForeignScanState *node)
{
	return ((ForeignScan *) node->ss.ps.plan)->scan.scanrelid == 0;
}

ForeignScan *
cfdwGetForeignPlan(PlannerInfo *root, RelOptInfo *baserel, Oid relid, ForeignPath *best_path,
				   List *tlist, List *scan_clauses, Plan *outer_plan)
{
	if (IS_UPPER_REL(baserel))
		return cfdw_count_plan(best_path, tlist, outer_plan);
	return cfdw_plan_scan(root, baserel, best_path, tlist, scan_clauses, outer_plan);
}

void
cfdwBeginForeignScan(ForeignScanState *node, int eflags)
{
	if (is_count(node))
		cfdw_count_begin(node, eflags);
	else
		cfdw_scan_begin(node, eflags);
}

TupleTableSlot *
cfdwIterateForeignScan(ForeignScanState *node)
{
	return is_count(node) ? cfdw_count_iterate(node) : cfdw_scan_iterate(node);
}

void
cfdwReScanForeignScan(ForeignScanState *node)
{
	if (is_count(node))
		cfdw_count_rescan(node);
	else
		cfdw_scan_rescan(node);
}

void
cfdwEndForeignScan(ForeignScanState *node)
{
	if (is_count(node))
		cfdw_count_end(node);
	else
		cfdw_scan_end(node);
}

void
cfdwExplainForeignScan(ForeignScanState *node, ExplainState *es)
{
	if (is_count(node))
		cfdw_count_explain(node, es);
	else
		cfdw_explain_scan(node, es);
}
