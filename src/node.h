/*-------------------------------------------------------------------------
 *
 * node.h
 *	  Foreign-data wrapper callbacks that serve two kinds of node: scans of a
 *	  table, and counts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_NODE_H
#define CFDW_NODE_H

#include "postgres.h"

#include "foreign/fdwapi.h"

extern ForeignScan *cfdwGetForeignPlan(PlannerInfo *root, RelOptInfo *baserel, Oid relid,
									   ForeignPath *best_path, List *tlist, List *scan_clauses,
									   Plan *outer_plan);
extern void cfdwBeginForeignScan(ForeignScanState *node, int eflags);
extern TupleTableSlot *cfdwIterateForeignScan(ForeignScanState *node);
extern void cfdwReScanForeignScan(ForeignScanState *node);
extern void cfdwEndForeignScan(ForeignScanState *node);
extern void cfdwExplainForeignScan(ForeignScanState *node, struct ExplainState *es);

#endif							/* CFDW_NODE_H */
