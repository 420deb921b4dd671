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

/* One of the values, or arrays of values, that a clause compares a column with. */
typedef struct CfdwTerm
{
	Expr	   *value;
	bool		is_array;
	bool		is_uuid_text;	/* a uuid column is compared in its text form */
} CfdwTerm;

/*
 * What a clause says of one column: that it equals one of the terms.  An OR
 * of equalities has several terms.
 */
typedef struct CfdwBinding
{
	const CfdwColumn *column;
	List	   *terms;			/* CfdwTerm */
	bool		is_exact;		/* false: the clause says more than that */
	bool		takes_null;		/* IS NOT DISTINCT FROM: a NULL term finds
								 * NULLs */
} CfdwBinding;

/*
 * Does equality by that function mean the same bytes, as it does to the API:
 * of uuids, and of text of a deterministic collation?
 */
extern bool cfdw_is_shared_equality(Oid function, Oid collation);

/*
 * Does the clause bind the column (NULL: some column) of the relation to
 * values that are known before its rows are: constants, parameters, other
 * relations' columns?  False for equality that the API does not share, such
 * as that of a nondeterministic collation.
 */
extern bool cfdw_clause_binds(const CfdwRelation *rel, Expr *clause,
							  const CfdwColumn *column, CfdwBinding *binding);

/* The same for the column that a route is bound by. */
extern bool cfdw_clause_binds_route(const CfdwRelation *rel, const CfdwRoute *route,
									Expr *clause, CfdwBinding *binding);

/* Does a value change while the statement runs: an outer query's column? */
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

/*
 * The part of documented statuses that a clause over the status alone keeps,
 * as if all were as frequent; with parameters, one status.  Negative when it
 * is no such clause.
 */
extern double cfdw_status_share(const CfdwRelation *rel, Expr *clause);

/* May the clauses be evaluated now, without an executor's parameters? */
extern bool cfdw_clauses_are_fixed(List *clauses);

/*
 * Is this Expr the column's Var, beneath relabelling, or, with *is_text, the
 * text form of a uuid column?
 */
extern bool cfdw_is_column(const CfdwRelation *rel, Node *node,
						   const CfdwColumn **column, bool *is_text);

#endif							/* CFDW_PUSHDOWN_H */
