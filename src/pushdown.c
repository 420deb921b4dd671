/*-------------------------------------------------------------------------
 *
 * pushdown.c
 *	  Which clauses feed which route, and why the others do not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pushdown.h"

#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "executor/executor.h"
#include "label.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/pg_locale.h"

/* ---- columns ---- */

static Node *
strip_relabel(Node *node)
{
	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node;
}

static bool
is_var_of(const CfdwRelation *rel, Node *node, const CfdwColumn **column)
{
	Var		   *var = (Var *) strip_relabel(node);

	if (var == NULL || !IsA(var, Var) || (Index) var->varno != rel->relid ||
		var->varlevelsup != 0 || var->varattno <= 0)
		return false;
	*column = rel->fits[var->varattno - 1].column;
	return *column != NULL;
}

/* `id::text` and `id::varchar`, as drivers write them. */
static bool
is_text_of_uuid(const CfdwRelation *rel, Node *node, const CfdwColumn **column)
{
	CoerceViaIO *coerce = (CoerceViaIO *) strip_relabel(node);

	return coerce != NULL && IsA(coerce, CoerceViaIO) &&
		(coerce->resulttype == TEXTOID || coerce->resulttype == VARCHAROID) &&
		exprType((Node *) coerce->arg) == UUIDOID &&
		is_var_of(rel, (Node *) coerce->arg, column);
}

bool
cfdw_is_column(const CfdwRelation *rel, Node *node, const CfdwColumn **column, bool *is_text)
{
	*is_text = is_text_of_uuid(rel, node, column);
	return *is_text || is_var_of(rel, node, column);
}

/* status, and what is computed from it alone. */
static bool
is_status_column(const CfdwColumn *column)
{
	return column != NULL &&
		(column->type == CFDW_TYPE_CONNECTION_STATUS ||
		 column->origin == CFDW_CATEGORY_OF || column->origin == CFDW_NEEDS_USER_OF);
}

/* ---- bindings ---- */

bool
cfdw_is_shared_equality(Oid function, Oid collation)
{
	if (function == F_UUID_EQ)
		return true;
	return function == F_TEXTEQ &&
		(!OidIsValid(collation) || get_collation_isdeterministic(collation));
}

/* Is the value known before the relation's rows are, and the same for all? */
static bool
is_known_before(const CfdwRelation *rel, Node *value)
{
	Relids		vars = pull_varnos(NULL, value);

	return !bms_is_member(rel->relid, vars) && !contain_volatile_functions(value) &&
		!contain_subplans(value);
}

static bool
bind_sides(const CfdwRelation *rel, Node *column_side, Node *value, bool is_array,
		   CfdwBinding *binding)
{
	bool		is_text;
	CfdwTerm   *term;

	if (!cfdw_is_column(rel, column_side, &binding->column, &is_text) ||
		!is_known_before(rel, value))
		return false;
	term = palloc(sizeof(CfdwTerm));
	term->value = (Expr *) value;
	term->is_array = is_array;
	term->is_uuid_text = is_text;
	binding->terms = list_make1(term);
	binding->is_exact = true;
	binding->takes_null = false;
	return true;
}

/* `column = value`, either side first; a DistinctExpr has the same fields. */
static bool
bind_equality(const CfdwRelation *rel, OpExpr *op, CfdwBinding *binding)
{
	if (list_length(op->args) != 2 || !cfdw_is_shared_equality(get_opcode(op->opno), op->inputcollid))
		return false;
	return bind_sides(rel, linitial(op->args), lsecond(op->args), false, binding) ||
		bind_sides(rel, lsecond(op->args), linitial(op->args), false, binding);
}

static bool
bind_any(const CfdwRelation *rel, ScalarArrayOpExpr *op, CfdwBinding *binding)
{
	return op->useOr && cfdw_is_shared_equality(get_opcode(op->opno), op->inputcollid) &&
		bind_sides(rel, linitial(op->args), lsecond(op->args), true, binding);
}

static List *bindings_of(const CfdwRelation *rel, Expr *clause);

static CfdwBinding *
find_binding(List *bindings, const CfdwColumn *column)
{
	ListCell   *lc;

	foreach(lc, bindings)
	{
		CfdwBinding *binding = lfirst(lc);

		if (column == NULL || binding->column == column)
			return binding;
	}
	return NULL;
}

/* An OR binds what each of its arms binds. */
static List *
bindings_of_or(const CfdwRelation *rel, List *arms)
{
	List	   *merged = bindings_of(rel, linitial(arms));
	ListCell   *arm;
	ListCell   *lc;

	for_each_from(arm, arms, 1)
	{
		List	   *others = merged ? bindings_of(rel, lfirst(arm)) : NIL;

		foreach(lc, merged)
		{
			CfdwBinding *binding = lfirst(lc);
			CfdwBinding *other = find_binding(others, binding->column);

			if (other == NULL)
			{
				merged = foreach_delete_current(merged, lc);
				continue;
			}
			binding->terms = list_concat(binding->terms, other->terms);
			binding->is_exact &= other->is_exact;
			binding->takes_null |= other->takes_null;
		}
	}
	return merged;
}

/* An AND, as an arm of an OR, binds what one of its parts does, and says more. */
static List *
bindings_of_and(const CfdwRelation *rel, List *parts)
{
	List	   *found = NIL;
	ListCell   *part;
	ListCell   *lc;

	foreach(part, parts)
		found = list_concat(found, bindings_of(rel, lfirst(part)));
	foreach(lc, found)
		((CfdwBinding *) lfirst(lc))->is_exact = false;
	return found;
}

/* What a clause says of each column that it binds. */
static List *
bindings_of(const CfdwRelation *rel, Expr *clause)
{
	CfdwBinding binding = {0};
	bool		found = false;

	if (is_orclause(clause))
		return bindings_of_or(rel, ((BoolExpr *) clause)->args);
	if (is_andclause(clause))
		return bindings_of_and(rel, ((BoolExpr *) clause)->args);
	if (IsA(clause, OpExpr))
		found = bind_equality(rel, (OpExpr *) clause, &binding);
	else if (IsA(clause, ScalarArrayOpExpr))
		found = bind_any(rel, (ScalarArrayOpExpr *) clause, &binding);
	else if (is_notclause(clause) && IsA(get_notclausearg(clause), DistinctExpr))
	{
		found = bind_equality(rel, (OpExpr *) get_notclausearg(clause), &binding);
		binding.takes_null = true;
	}
	return found ? list_make1(memcpy(palloc(sizeof(binding)), &binding, sizeof(binding))) : NIL;
}

bool
cfdw_clause_binds(const CfdwRelation *rel, Expr *clause, const CfdwColumn *column,
				  CfdwBinding *binding)
{
	CfdwBinding *found = find_binding(bindings_of(rel, clause), column);

	if (found == NULL)
		return false;
	*binding = *found;
	return true;
}

/* Could a NULL among the terms let rows pass that no key finds? */
static bool
finds_nulls(const CfdwBinding *binding)
{
	ListCell   *lc;

	if (!binding->takes_null || binding->column->required)
		return false;
	foreach(lc, binding->terms)
	{
		Const	   *value = (Const *) ((CfdwTerm *) lfirst(lc))->value;

		if (!IsA(value, Const) || value->constisnull)
			return true;
	}
	return false;
}

bool
cfdw_clause_binds_route(const CfdwRelation *rel, const CfdwRoute *route, Expr *clause,
						CfdwBinding *binding)
{
	const CfdwColumn *column = route->bound ? cfdw_resource_column(rel->resource, route->bound) : NULL;

	return column != NULL && cfdw_clause_binds(rel, clause, column, binding) &&
		!finds_nulls(binding);
}

static bool
find_exec_param(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		return true;
	return expression_tree_walker(node, find_exec_param, context);
}

bool
cfdw_binding_varies(const CfdwBinding *binding)
{
	ListCell   *lc;

	foreach(lc, binding->terms)
	{
		if (find_exec_param((Node *) ((CfdwTerm *) lfirst(lc))->value, NULL))
			return true;
	}
	return false;
}

/* ---- clauses over the status alone ---- */

typedef struct StatusWalk
{
	const CfdwRelation *rel;
	bool		has_column;
	bool		has_text_status;	/* the label itself, declared text */
} StatusWalk;

/* Types whose functions and operators cannot fail on a label. */
static bool
is_tame_type(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case TEXTOID:
		case VARCHAROID:
		case NAMEOID:
		case UNKNOWNOID:
		case TEXTARRAYOID:
		case VARCHARARRAYOID:
		case ANYENUMOID:
			return true;
		default:
			return type_is_enum(type) || type_is_enum(get_element_type(type));
	}
}

/* Evaluated for labels that no row may have: so it must not raise. */
static bool
is_tame_function(Oid function)
{
	return function < FirstNormalObjectId && func_volatile(function) == PROVOLATILE_IMMUTABLE;
}

static bool
is_our_function(Oid function)
{
	return get_func_namespace(function) == get_namespace_oid("nectar", true) &&
		func_volatile(function) == PROVOLATILE_IMMUTABLE;
}

static bool
is_tame_call(Oid function, void *context)
{
	return !is_tame_function(function) && !is_our_function(function);
}

/* A cast by text form cannot fail towards text. */
static bool
is_tame_coercion(Node *node)
{
	CoerceViaIO *coerce = (CoerceViaIO *) node;

	return coerce->resulttype == TEXTOID || coerce->resulttype == VARCHAROID;
}

/* Stops (true) at whatever keeps a clause from being a status clause. */
static bool
find_untame(Node *node, StatusWalk *walk)
{
	const CfdwColumn *column;

	if (node == NULL)
		return false;

	/* what is known before is a value, however it is computed */
	if (!IsA(node, Var) && !IsA(node, List) && is_known_before(walk->rel, node))
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
			if (!is_var_of(walk->rel, node, &column) || !is_status_column(column))
				return true;
			walk->has_column = true;
			walk->has_text_status |= column->type == CFDW_TYPE_CONNECTION_STATUS &&
				walk->rel->fits[((Var *) node)->varattno - 1].is_text;
			return false;
		case T_CoerceViaIO:
			if (!is_tame_coercion(node))
				return true;
			break;
		case T_Const:
		case T_Param:
		case T_OpExpr:
		case T_FuncExpr:
		case T_ScalarArrayOpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_BoolExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_RelabelType:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CaseTestExpr:
		case T_CoalesceExpr:
		case T_ArrayExpr:
		case T_ArrayCoerceExpr:
			break;
		case T_List:
			return expression_tree_walker(node, find_untame, walk);
		default:
			return true;
	}
	if (!IsA(node, CaseWhen) && !is_tame_type(exprType(node)))
		return true;
	if (!IsA(node, CoerceViaIO) && check_functions_in_node(node, is_tame_call, NULL))
		return true;
	return expression_tree_walker(node, find_untame, walk);
}

/* Equality of a status column of text names all labels that can pass. */
static bool
binds_status(const CfdwRelation *rel, Expr *clause, CfdwBinding *binding)
{
	return cfdw_clause_binds(rel, clause, NULL, binding) &&
		binding->column->type == CFDW_TYPE_CONNECTION_STATUS;
}

static bool
names_its_labels(const CfdwRelation *rel, Expr *clause)
{
	CfdwBinding binding;

	return binds_status(rel, clause, &binding);
}

/* Tell status clauses from others; *is_closed is false when labels that
 * nobody has documented could satisfy it in a text column. */
static bool
is_status_clause(const CfdwRelation *rel, Expr *clause, bool *is_closed)
{
	StatusWalk	walk = {.rel = rel};

	if (find_untame((Node *) clause, &walk) || !walk.has_column)
		return false;
	*is_closed = !walk.has_text_status || names_its_labels(rel, clause);
	return true;
}

/* ---- what a route makes of a clause ---- */

static const CfdwFilter *
find_filter(const CfdwEndpoint *endpoint, const char *column)
{
	for (int i = 0; i < CFDW_MAX_FILTERS && endpoint->filters[i].column; i++)
		if (strcmp(endpoint->filters[i].column, column) == 0)
			return &endpoint->filters[i];
	return NULL;
}

static bool
binds_some_route(const CfdwResource *resource, const CfdwColumn *column)
{
	for (int i = 0; i < resource->route_count; i++)
		if (resource->routes[i].bound && strcmp(resource->routes[i].bound, column->name) == 0)
			return true;
	return false;
}

/* Could another form of the clause be sent, by some route? */
static bool
mentions_sendable(const CfdwRelation *rel, Expr *clause)
{
	ListCell   *lc;

	foreach(lc, pull_vars_of_level((Node *) clause, 0))
	{
		const CfdwColumn *column;

		if (!is_var_of(rel, lfirst(lc), &column))
			continue;
		if (binds_some_route(rel->resource, column))
			return true;
		for (int i = 0; i < rel->resource->route_count; i++)
			if (find_filter(cfdw_route_last(&rel->resource->routes[i], NULL), column->name))
				return true;
	}
	return false;
}

/* The column of a filter of the endpoint that the clause binds, or NULL. */
static const CfdwColumn *
bound_filter(const CfdwRelation *rel, const CfdwEndpoint *endpoint, Expr *clause,
			 CfdwBinding *binding)
{
	for (int i = 0; i < CFDW_MAX_FILTERS && endpoint->filters[i].column; i++)
	{
		const CfdwColumn *column = cfdw_resource_column(rel->resource, endpoint->filters[i].column);

		if (cfdw_clause_binds(rel, clause, column, binding))
			return column;
	}
	return NULL;
}

CfdwClauseUse
cfdw_clause_use(const CfdwRelation *rel, const CfdwRoute *route, Expr *clause)
{
	const CfdwEndpoint *last = cfdw_route_last(route, NULL);
	CfdwBinding binding;
	bool		is_closed;

	if (is_status_clause(rel, clause, &is_closed))
	{
		if (find_filter(last, "status") == NULL)
			return CFDW_USE_NO_PARAM;
		return is_closed ? CFDW_USE_STATUS : CFDW_USE_OPEN_LABELS;
	}
	if (cfdw_clause_binds_route(rel, route, clause, &binding))
	{
		if (route->match)
			return CFDW_USE_MATCH;
		return binding.is_exact ? CFDW_USE_KEY : CFDW_USE_KEY_PART;
	}
	if (bound_filter(rel, last, clause, &binding) != NULL &&
		binding.column->type != CFDW_TYPE_CONNECTION_STATUS)
		return binding.is_exact ? CFDW_USE_FILTER : CFDW_USE_FILTER_PART;
	if (!cfdw_clause_binds(rel, clause, NULL, &binding) || finds_nulls(&binding))
		return mentions_sendable(rel, clause) ? CFDW_USE_FORM : CFDW_USE_NO_PARAM;
	return binds_some_route(rel->resource, binding.column) ?
		CFDW_USE_OTHER_ROUTE : CFDW_USE_NO_PARAM;
}

/* ---- choosing labels ---- */

static bool
find_param(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return true;
	return expression_tree_walker(node, find_param, context);
}

bool
cfdw_clauses_are_fixed(List *clauses)
{
	return !find_param((Node *) clauses, NULL);
}

/*
 * A label under trial.  NULL text is a status that is missing or unknown; an
 * invalid OID one that the type lacks, which decodes as NULL.
 */
typedef struct Candidate
{
	const char *text;
	Oid			oid;
	const CfdwStatusFact *fact;
} Candidate;

static Datum
derived_datum(const CfdwColumn *column, Oid type, const Candidate *candidate)
{
	const char *category = candidate->fact ? candidate->fact->category : CFDW_CATEGORY_UNKNOWN;
	bool		needs_user = cfdw_fact_needs_user(candidate->fact);

	if (column->origin == CFDW_NEEDS_USER_OF)
		return type == BOOLOID ? BoolGetDatum(needs_user) :
			CStringGetTextDatum(needs_user ? "true" : "false");
	if (!type_is_enum(type))
		return CStringGetTextDatum(category);
	return ObjectIdGetDatum(cfdw_labels_find(cfdw_labels_read(type), category, strlen(category)));
}

/* Give the slot the candidate's values, as decoding such a row would. */
static void
fill_slot(const CfdwRelation *rel, TupleTableSlot *slot, const Candidate *candidate)
{
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, sizeof(bool) * rel->desc->natts);
	for (int i = 0; i < rel->desc->natts; i++)
	{
		const CfdwColumn *column = rel->fits[i].column;
		Oid			type = TupleDescAttr(rel->desc, i)->atttypid;

		if (!is_status_column(column))
			continue;
		if (column->type != CFDW_TYPE_CONNECTION_STATUS)
			slot->tts_values[i] = derived_datum(column, type, candidate);
		else if (candidate->text == NULL)
			continue;
		else if (rel->fits[i].is_text)
			slot->tts_values[i] = CStringGetTextDatum(candidate->text);
		else if (!OidIsValid(candidate->oid))
			continue;
		else
			slot->tts_values[i] = ObjectIdGetDatum(candidate->oid);
		slot->tts_isnull[i] = false;
	}
	ExecStoreVirtualTuple(slot);
}

struct CfdwLabelTrial
{
	CfdwRelation rel;
	CfdwLabels *labels;
	TupleTableSlot *slot;
	ExprState  *qual;
	List	   *names;			/* WrittenLabel: texts that clauses write out */
};

/* The value of a `status = value` clause over a text column. */
typedef struct WrittenLabel
{
	ExprState  *value;
	bool		is_array;
} WrittenLabel;

static WrittenLabel *
written_label(const CfdwTerm *term, PlanState *parent)
{
	WrittenLabel *name = palloc(sizeof(WrittenLabel));

	name->value = ExecInitExpr(term->value, parent);
	name->is_array = term->is_array;
	return name;
}

CfdwLabelTrial *
cfdw_label_trial_create(const CfdwRelation *rel, List *clauses, PlanState *parent)
{
	CfdwLabelTrial *trial = palloc0(sizeof(CfdwLabelTrial));
	ListCell   *lc;

	trial->rel = *rel;
	trial->labels = cfdw_labels_read(cfdw_type_oid(CFDW_TYPE_CONNECTION_STATUS));

	/* a copy, which needs no resource owner to be released */
	trial->slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(rel->desc), &TTSOpsVirtual);
	trial->qual = ExecInitQual(clauses, parent);
	foreach(lc, clauses)
	{
		CfdwBinding binding;
		ListCell   *term;

		if (!binds_status(rel, lfirst(lc), &binding))
			continue;
		foreach(term, binding.terms)
			trial->names = lappend(trial->names, written_label(lfirst(term), parent));
	}
	return trial;
}

static bool
passes(CfdwLabelTrial *trial, ExprContext *econtext, const Candidate *candidate)
{
	MemoryContext old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	bool		result;

	fill_slot(&trial->rel, trial->slot, candidate);
	econtext->ecxt_scantuple = trial->slot;
	result = ExecQual(trial->qual, econtext);
	MemoryContextSwitchTo(old);
	return result;
}

/* The texts of a name; they may be undocumented. */
static List *
texts_of(const WrittenLabel *name, ExprContext *econtext)
{
	List	   *texts = NIL;
	bool		isnull;
	Datum		value = ExecEvalExprSwitchContext(name->value, econtext, &isnull);
	Datum	   *items;
	bool	   *nulls;
	int			count;

	if (isnull)
		return NIL;
	if (!name->is_array)
		return list_make1(TextDatumGetCString(value));
	cfdw_array_items(DatumGetArrayTypeP(value), &items, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			texts = lappend(texts, TextDatumGetCString(items[i]));
	return texts;
}

/* Does an undocumented text that a clause writes out pass? */
static bool
written_out_passes(CfdwLabelTrial *trial, const CfdwEnum *status, ExprContext *econtext)
{
	ListCell   *name;
	ListCell   *text;

	foreach(name, trial->names)
		foreach(text, texts_of(lfirst(name), econtext))
	{
		Candidate	candidate = {.text = lfirst(text)};

		if (cfdw_status_fact(status, candidate.text, strlen(candidate.text)) == NULL &&
			passes(trial, econtext, &candidate))
			return true;
	}
	return false;
}

/* Does a label pass that was added to the type? */
static bool
added_passes(CfdwLabelTrial *trial, const CfdwEnum *status, ExprContext *econtext)
{
	for (int i = 0; i < trial->labels->count; i++)
	{
		const CfdwLabel *label = &trial->labels->labels[i];
		Candidate	candidate = {.text = label->text, .oid = label->oid};

		if (cfdw_status_fact(status, label->text, label->len) == NULL &&
			passes(trial, econtext, &candidate))
			return true;
	}
	return false;
}

void
cfdw_label_trial_run(CfdwLabelTrial *trial, ExprContext *econtext, CfdwLabelChoice *choice)
{
	const CfdwEnum *status = cfdw_enum_find(CFDW_TYPE_CONNECTION_STATUS);
	TupleTableSlot *old_slot = econtext->ecxt_scantuple;
	Candidate	nobody_knows = {0};

	choice->count = 0;
	choice->labels = palloc(sizeof(char *) * status->fact_count);
	choice->is_open = passes(trial, econtext, &nobody_knows) ||
		written_out_passes(trial, status, econtext) || added_passes(trial, status, econtext);
	for (int i = 0; i < status->fact_count; i++)
	{
		Candidate	candidate = {.fact = &status->facts[i], .text = status->facts[i].label};

		candidate.oid = cfdw_labels_find(trial->labels, candidate.text, strlen(candidate.text));
		if (passes(trial, econtext, &candidate))
			choice->labels[choice->count++] = candidate.text;
	}
	econtext->ecxt_scantuple = old_slot;
}

double
cfdw_status_share(const CfdwRelation *rel, Expr *clause)
{
	double		labels = cfdw_enum_find(CFDW_TYPE_CONNECTION_STATUS)->fact_count;
	bool		is_closed;
	List	   *clauses;
	ExprContext *econtext;
	CfdwLabelChoice choice;

	if (!is_status_clause(rel, clause, &is_closed))
		return -1;
	clauses = list_make1(copyObject(clause));
	if (!cfdw_clauses_are_fixed(clauses))
		return 1 / labels;
	fix_opfuncids((Node *) clauses);
	econtext = CreateStandaloneExprContext();
	cfdw_label_trial_run(cfdw_label_trial_create(rel, clauses, NULL), econtext, &choice);
	FreeExprContext(econtext, true);
	return Max(choice.count + choice.is_open, 1) / labels;
}
