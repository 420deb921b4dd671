/*-------------------------------------------------------------------------
 *
 * plan.h
 *	  Paths and plans of scans.
 *
 * Foreign-data wrapper callbacks.  Nothing here contacts the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_PLAN_H
#define CFDW_PLAN_H

#include "postgres.h"

#include "foreign/fdwapi.h"

extern void cfdwGetForeignRelSize(PlannerInfo *root, RelOptInfo *baserel, Oid relid);
extern void cfdwGetForeignPaths(PlannerInfo *root, RelOptInfo *baserel, Oid relid);

/* The plan of a path that cfdwGetForeignPaths() made. */
extern ForeignScan *cfdw_plan_scan(PlannerInfo *root, RelOptInfo *baserel, ForeignPath *best_path,
								   List *tlist, List *scan_clauses, Plan *outer_plan);

/*
 * What counting the path's rows by the totals of listings would cost; false
 * when totals cannot answer: the route reads no listing of the rows, or a
 * clause is not exact.
 */
extern bool cfdw_plan_totals_cost(PlannerInfo *root, RelOptInfo *baserel, const ForeignPath *path,
								  Cost *startup, Cost *total);

/* May the path's scan run beside others, because it will be read to its end? */
extern bool cfdw_path_may_overlap(const ForeignPath *path);

#endif							/* CFDW_PLAN_H */
