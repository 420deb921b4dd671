/*-------------------------------------------------------------------------
 *
 * modify.h
 *	  UPDATE of a foreign table: what is refused, the acts of its rows, and what
 *	  became of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_MODIFY_H
#define CFDW_MODIFY_H

#include "postgres.h"

#include "foreign/fdwapi.h"

extern int	cfdwIsForeignRelUpdatable(Relation relation);
extern List *cfdwPlanForeignModify(PlannerInfo *root, ModifyTable *plan, Index result_relation,
								   int subplan_index);
extern void cfdwBeginForeignModify(ModifyTableState *node, ResultRelInfo *result,
								   List *fdw_private, int subplan_index, int eflags);
extern TupleTableSlot *cfdwExecForeignUpdate(EState *estate, ResultRelInfo *result,
											 TupleTableSlot *slot, TupleTableSlot *plan_slot);
extern void cfdwEndForeignModify(EState *estate, ResultRelInfo *result);
extern void cfdwExplainForeignModify(ModifyTableState *node, ResultRelInfo *result,
									 List *fdw_private, int subplan_index,
									 struct ExplainState *es);

#endif							/* CFDW_MODIFY_H */
