/*-------------------------------------------------------------------------
 *
 * tied.h
 *	  Clauses on other relations that hold for a column joined with them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_TIED_H
#define CFDW_TIED_H

#include "postgres.h"

#include "nodes/pathnodes.h"
#include "pushdown.h"

/*
 * Clauses that bind the column to values known beforehand, taken over from
 * relations whose columns every row of this one must equal to count: with
 * a.company_id = c.company_id, what c.company_id IN (...) says holds for
 * a.company_id too.  PostgreSQL itself does so for `= constant` alone.
 */
extern List *cfdw_tied_clauses(PlannerInfo *root, RelOptInfo *baserel, const CfdwRelation *rel,
							   const CfdwColumn *column);

#endif							/* CFDW_TIED_H */
