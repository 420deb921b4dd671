/*-------------------------------------------------------------------------
 *
 * pushdown.h
 *	  Which clauses feed which route, and why the others do not.
 *
 * A clause that narrows a request is rechecked locally as well, so nothing
 * here decides what is true.  Nothing here contacts the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_PUSHDOWN_H
#define CFDW_PUSHDOWN_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "nodes/primnodes.h"
#include "resource.h"
#include "scanspec.h"

/* A relation as clauses see it. */
typedef struct CfdwRelation
{
	const CfdwResource *resource;
	const CfdwFit *fits;
	TupleDesc	desc;
	Index		relid;			/* of its Vars */
} CfdwRelation;

/* A clause `column = value` or `column = ANY (value)`. */
typedef struct CfdwBinding
{
	const CfdwColumn *column;
	Expr	   *value;
	bool		is_array;
} CfdwBinding;

/*
 * Does the clause bind a column of the relation to values that are known
 * before its rows are: constants, parameters, other relations' columns?
 * False for equality that the API does not share, such as that of a
 * nondeterministic collation.
 */
extern bool cfdw_clause_binds(const CfdwRelation *rel, Expr *clause,
							  CfdwBinding *binding);

/* Does the value change while the statement runs: an outer query's column? */
extern bool cfdw_binding_varies(const CfdwBinding *binding);

/* What a route makes of a clause. */
extern CfdwClauseUse cfdw_clause_use(const CfdwRelation *rel,
									 const CfdwRoute *route, Expr *clause);

/*
 * Which documented labels of the status satisfy all the given clauses.
 * is_open says that rows with another label, or none, could satisfy them
 * too: then the statuses cannot be asked for one by one.
 */
typedef struct CfdwLabelChoice
{
	bool		is_open;
	int			count;
	const char **labels;
} CfdwLabelChoice;

/* CFDW_USE_STATUS clauses made ready to be tried on labels. */
typedef struct CfdwLabelTrial CfdwLabelTrial;

/*
 * Compile the clauses, in the current memory context; once per statement,
 * since a rescan may have other parameters but not other clauses.  parent may
 * be NULL when there are no parameters.
 */
extern CfdwLabelTrial *cfdw_label_trial_create(const CfdwRelation *rel, List *clauses,
											   PlanState *parent);

/*
 * Try the clauses over the labels that the type has now.  The choice is made
 * in the current memory context.
 */
extern void cfdw_label_trial_run(CfdwLabelTrial *trial, ExprContext *econtext,
								 CfdwLabelChoice *choice);

/* May the clauses be evaluated now, without an executor's parameters? */
extern bool cfdw_clauses_are_fixed(List *clauses);

/* Is this Expr the column's Var, beneath relabelling? */
extern bool cfdw_is_column(const CfdwRelation *rel, Node *node,
						   const CfdwColumn **column);

#endif							/* CFDW_PUSHDOWN_H */
