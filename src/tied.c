/*-------------------------------------------------------------------------
 *
 * tied.c
 *	  Clauses on other relations that hold for a column joined with them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "tied.h"

#include "access/stratnum.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"

/* One expression is put in another's place. */
typedef struct Replacement
{
	Node	   *from;
	Node	   *to;
} Replacement;

static Node *
replace(Node *node, void *context)
{
	Replacement *replacement = context;

	if (node == NULL)
		return NULL;
	if (equal(node, replacement->from))
		return copyObject(replacement->to);
	return expression_tree_mutator(node, replace, context);
}

/*
 * What the restrictions of the relation that `other` belongs to say of
 * `ours`, as far as they bind the column.  A clause that could come out
 * otherwise the second time is left where it is, and so is a subplan, which
 * belongs to one place.
 */
static List *
take_over(PlannerInfo *root, const CfdwRelation *rel, const CfdwColumn *column, Expr *ours,
		  Expr *other)
{
	Relids		relids = pull_varnos(root, (Node *) other);
	Replacement replacement = {(Node *) other, (Node *) ours};
	List	   *found = NIL;
	RelOptInfo *from;
	ListCell   *lc;
	int			relid;

	if (!bms_get_singleton_member(relids, &relid) || relid == (int) rel->relid)
		return NIL;
	from = root->simple_rel_array[relid];
	foreach(lc, from ? from->baserestrictinfo : NIL)
	{
		Expr	   *clause = (Expr *) replace((Node *) lfirst_node(RestrictInfo, lc)->clause,
											  &replacement);
		CfdwBinding binding;

		if (bms_is_member(relid, pull_varnos(root, (Node *) clause)) ||
			contain_volatile_functions((Node *) clause) || contain_subplans((Node *) clause))
			continue;
		if (cfdw_clause_binds(rel, clause, column, &binding) && !binding.takes_null)
			found = lappend(found, clause);
	}
	return found;
}

static bool
is_sought(const CfdwRelation *rel, Expr *expr, const CfdwColumn *column)
{
	const CfdwColumn *found;
	bool		is_text;

	return cfdw_is_column(rel, (Node *) expr, &found, &is_text) && found == column;
}

/*
 * Are members of that type the very same value?  Under a collation that takes
 * different texts for equal, or in a type such as citext, they need not be.
 */
static bool
holds_same_values(EquivalenceClass *ec, Oid type)
{
	Oid			equality = get_opfamily_member(linitial_oid(ec->ec_opfamilies), type, type,
											   BTEqualStrategyNumber);

	return OidIsValid(equality) && cfdw_is_shared_equality(get_opcode(equality), ec->ec_collation);
}

/* Through an equivalence class that holds the column. */
static List *
take_over_class(PlannerInfo *root, const CfdwRelation *rel, const CfdwColumn *column,
				EquivalenceClass *ec)
{
	EquivalenceMember *ours = NULL;
	List	   *found = NIL;
	ListCell   *lc;

	foreach(lc, ec->ec_members)
	{
		EquivalenceMember *member = lfirst(lc);

		if (is_sought(rel, member->em_expr, column) && holds_same_values(ec, member->em_datatype))
			ours = member;
	}
	foreach(lc, ours ? ec->ec_members : NIL)
	{
		EquivalenceMember *other = lfirst(lc);

		if (!other->em_is_child && other->em_datatype == ours->em_datatype)
			found = list_concat(found, take_over(root, rel, column, ours->em_expr, other->em_expr));
	}
	return found;
}

/*
 * Through a join clause that is no equivalence, such as that of an outer join
 * on whose inner side the relation is.
 */
static List *
take_over_join(PlannerInfo *root, const CfdwRelation *rel, const CfdwColumn *column, Expr *clause)
{
	CfdwBinding binding;
	CfdwTerm   *term;
	OpExpr	   *op = (OpExpr *) clause;

	if (!IsA(clause, OpExpr) || !cfdw_clause_binds(rel, clause, column, &binding))
		return NIL;
	term = linitial(binding.terms);
	return take_over(root, rel, column,
					 term->value == linitial(op->args) ? lsecond(op->args) : linitial(op->args),
					 term->value);
}

List *
cfdw_tied_clauses(PlannerInfo *root, RelOptInfo *baserel, const CfdwRelation *rel,
				  const CfdwColumn *column)
{
	List	   *found = NIL;
	ListCell   *lc;

	foreach(lc, root->eq_classes)
	{
		EquivalenceClass *ec = lfirst(lc);

		if (!ec->ec_has_volatile && !ec->ec_has_const && list_length(ec->ec_members) > 1)
			found = list_concat(found, take_over_class(root, rel, column, ec));
	}
	foreach(lc, baserel->joininfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

		if (join_clause_is_movable_to(rinfo, baserel))
			found = list_concat(found, take_over_join(root, rel, column, rinfo->clause));
	}
	return found;
}
