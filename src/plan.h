/*-------------------------------------------------------------------------
 *
 * plan.h
 *	  Paths, costs, EXPLAIN of what will be asked.
 *
 * Planning sends nothing.  Foreign-data wrapper callbacks; see PostgreSQL's
 * documentation, "Foreign Data Wrapper Callback Routines".
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_PLAN_H
#define CFDW_PLAN_H

#include "postgres.h"

#include "foreign/fdwapi.h"

extern void cfdwGetForeignRelSize(PlannerInfo *root, RelOptInfo *baserel, Oid relid);
extern void cfdwGetForeignPaths(PlannerInfo *root, RelOptInfo *baserel, Oid relid);
extern ForeignScan *cfdwGetForeignPlan(PlannerInfo *root, RelOptInfo *baserel, Oid relid,
									   ForeignPath *best_path, List *tlist, List *scan_clauses,
									   Plan *outer_plan);

#endif							/* CFDW_PLAN_H */
