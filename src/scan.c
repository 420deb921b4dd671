/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  Scans of a foreign table: begin, iterate, rescan, end.
 *
 * Values are taken from the plan's own qual, so that what is asked for and
 * what is rechecked cannot differ.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "scan.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "companion.h"
#include "compat.h"
#include "executor/executor.h"
#include "memo.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "session.h"
#include "text.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* A clause whose values are sent, compiled once. */
typedef struct ScanBinding
{
	CfdwClauseUse use;
	CfdwBinding binding;
	List	   *values;			/* ExprState of each term */
} ScanBinding;

/* ---- beginning ---- */

void
cfdw_scan_begin(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	Relation	relation = node->ss.ss_currentRelation;
	CfdwScan   *scan = palloc0(sizeof(CfdwScan));

	node->fdw_state = scan;
	scan->spec = cfdw_scanspec_from_list(plan->fdw_private);
	scan->table = cfdw_table_get(RelationGetRelid(relation));
	scan->rel.resource = scan->spec->resource;
	scan->rel.desc = scan->table->desc;
	scan->rel.relid = plan->scan.scanrelid;
	scan->rel.fits = scan->table->fits;
	scan->role = cfdw_scan_check_user(node);
	if (!OidIsValid(scan->role))
		scan->role = GetUserId();
	scan->task = psprintf("could not read foreign table \"%s\" from server \"%s\"",
						  scan->table->name, scan->table->server_name);
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	scan->statement = cfdw_statement_of(node->ss.ps.state);
	scan->member.node = node;
	scan->member.start = cfdw_scan_start;
	cfdw_statement_join(scan->statement, &scan->member);
	if (cfdw_route_last(scan->spec->route, NULL)->shape == CFDW_SHAPE_PAGES)
		cfdw_statement_add_listings(scan->statement, 1);
	if (eflags & EXEC_FLAG_REWIND)
		cfdw_statement_share(scan->statement);
}

static bool is_run_again(Plan *plan, bool again, const Plan *sought);

static bool
any_is_run_again(List *plans, bool again, const Plan *sought)
{
	ListCell   *lc;

	foreach(lc, plans)
	{
		if (is_run_again(lfirst(lc), again, sought))
			return true;
	}
	return false;
}

/* Is the node sought below something that runs its input more than once? */
static bool
is_run_again(Plan *plan, bool again, const Plan *sought)
{
	if (plan == NULL)
		return false;
	if (plan == sought)
		return again;
	if (IsA(plan, Append) &&
		any_is_run_again(((Append *) plan)->appendplans, again, sought))
		return true;
	if (IsA(plan, MergeAppend) &&
		any_is_run_again(((MergeAppend *) plan)->mergeplans, again, sought))
		return true;
	if (IsA(plan, SubqueryScan) &&
		is_run_again(((SubqueryScan *) plan)->subplan, again, sought))
		return true;
	return is_run_again(outerPlan(plan), again, sought) ||
		is_run_again(innerPlan(plan),
					 again || IsA(plan, NestLoop) || IsA(plan, RecursiveUnion), sought);
}

/*
 * Can the statement ask for the same thing twice?  It can with two foreign
 * tables, with subplans, and when a scan runs again.
 */
static bool
may_ask_twice(ForeignScanState *node)
{
	PlannedStmt *planned = node->ss.ps.state->es_plannedstmt;
	int			foreign = 0;
	ListCell   *lc;

	if (!bms_is_empty(node->ss.ps.plan->extParam) || planned->subplans != NIL)
		return true;
	foreach(lc, planned->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_FOREIGN_TABLE)
			foreign++;
	}
	return foreign > 1 || is_run_again(planned->planTree, false, node->ss.ps.plan);
}

List *
cfdw_scan_clauses(ForeignScanState *node, CfdwClauseUse use)
{
	CfdwScan   *scan = node->fdw_state;
	List	   *found = NIL;
	ListCell   *clause;
	ListCell   *used;

	forboth(clause, node->ss.ps.plan->qual, used, scan->spec->uses)
	{
		if (lfirst_int(used) == (int) use)
			found = lappend(found, lfirst(clause));
	}
	return found;
}

/* Compile the terms of clauses that say something of the column. */
static void
compile_bindings(ForeignScanState *node, CfdwClauseUse use, const char *column)
{
	CfdwScan   *scan = node->fdw_state;
	const CfdwColumn *bound = column ? cfdw_resource_column(scan->rel.resource, column) : NULL;
	ListCell   *clause;
	ListCell   *term;

	foreach(clause, bound ? cfdw_scan_clauses(node, use) : NIL)
	{
		ScanBinding *binding = palloc0(sizeof(ScanBinding));

		if (!cfdw_clause_binds(&scan->rel, lfirst(clause), bound, &binding->binding))
			continue;
		binding->use = use;
		foreach(term, binding->binding.terms)
			binding->values = lappend(binding->values,
									  ExecInitExpr(((CfdwTerm *) lfirst(term))->value, &node->ss.ps));
		scan->bindings = lappend(scan->bindings, binding);
	}
}

static void
compile_clauses(ForeignScanState *node)
{
	CfdwScan   *scan = node->fdw_state;
	const CfdwRoute *route = scan->spec->route;
	const CfdwEndpoint *last = cfdw_route_last(route, NULL);
	List	   *statuses = cfdw_scan_clauses(node, CFDW_USE_STATUS);
	List	   *limits = ((ForeignScan *) node->ss.ps.plan)->fdw_exprs;

	compile_bindings(node, CFDW_USE_KEY, route->bound);
	compile_bindings(node, CFDW_USE_KEY_PART, route->bound);
	compile_bindings(node, CFDW_USE_MATCH, route->bound);
	for (int i = 0; i < CFDW_MAX_FILTERS; i++)
	{
		compile_bindings(node, CFDW_USE_FILTER, last->filters[i].column);
		compile_bindings(node, CFDW_USE_FILTER_PART, last->filters[i].column);
	}
	if (statuses != NIL)
		scan->statuses = cfdw_label_trial_create(&scan->rel, statuses, &node->ss.ps);
	if (limits != NIL)
	{
		scan->limit = ExecInitExpr(linitial(limits), &node->ss.ps);
		scan->offset = ExecInitExpr(lsecond(limits), &node->ss.ps);
	}
}

void
cfdw_scan_make_ready(ForeignScanState *node)
{
	CfdwScan   *scan = node->fdw_state;
	EState	   *estate = node->ss.ps.state;
	MemoryContext old;

	if (scan->session != NULL)
		return;
	old = MemoryContextSwitchTo(estate->es_query_cxt);
	scan->econtext = CreateExprContext(estate);
	scan->crawl_cxt = AllocSetContextCreate(estate->es_query_cxt, "connection_fdw crawl",
											ALLOCSET_DEFAULT_SIZES);
	scan->replay = cfdw_replay_create(scan->rel.desc);
	compile_clauses(node);
	scan->session = cfdw_session_get(scan->table->server, scan->role);
	scan->decoder = cfdw_decoder_create(scan->rel.resource, scan->table->name, scan->rel.desc,
										scan->rel.fits, scan->spec->columns,
										scan->table->options.on_unknown_status,
										scan->session->options.api_key);
	if (may_ask_twice(node))
		cfdw_statement_share(scan->statement);
	MemoryContextSwitchTo(old);
}

/* ---- values of clauses ---- */

/*
 * The text that a value has in a request; NULL when no row can have it.  A
 * uuid has one spelling there, so that two of them do not bring rows twice.
 */
static const char *
value_text(const CfdwColumn *column, const CfdwTerm *term, Oid type, Datum value)
{
	char	   *given = NULL;
	char	   *out;
	pg_uuid_t	uuid;

	if (type == UUIDOID)
		uuid = *DatumGetUUIDP(value);
	else
	{
		given = TextDatumGetCString(value);
		if (column->type != CFDW_TYPE_UUID)
			return given;
		if (!cfdw_text_to_uuid(given, strlen(given), &uuid))
			return NULL;
	}
	out = palloc(CFDW_UUID_TEXT_SIZE);
	cfdw_text_from_uuid(&uuid, out);

	/* the text form of a uuid is in lower case: no other text equals it */
	return term->is_uuid_text && given != NULL && strcmp(given, out) != 0 ? NULL : out;
}

/* Append a value; NULL equals nothing, so it adds none. */
static void
add_value(CfdwValues *values, const CfdwColumn *column, const CfdwTerm *term, Oid type,
		  Datum value, bool isnull)
{
	const char *text = isnull ? NULL : value_text(column, term, type, value);

	if (text != NULL)
		values->values[values->count++] = text;
}

/* Make room for so many more values. */
static void
reserve_values(CfdwValues *values, int count)
{
	Size		size = sizeof(char *) * (values->count + count + 1);

	values->values = values->values ? repalloc(values->values, size) : palloc(size);
}

static void
add_array(CfdwValues *values, const CfdwColumn *column, const CfdwTerm *term, ArrayType *array)
{
	Oid			type = ARR_ELEMTYPE(array);
	Datum	   *items;
	bool	   *nulls;
	int			count;

	cfdw_array_items(array, &items, &nulls, &count);
	reserve_values(values, count);
	for (int i = 0; i < count; i++)
		add_value(values, column, term, type, items[i], nulls[i]);
}

/* The values of one binding, of all its terms together. */
static CfdwValues
binding_values(CfdwScan *scan, const ScanBinding *bound)
{
	const CfdwBinding *binding = &bound->binding;
	CfdwValues	values = {0};
	ListCell   *lc;
	ListCell   *state;

	forboth(lc, binding->terms, state, bound->values)
	{
		const CfdwTerm *term = lfirst(lc);
		bool		isnull;
		Datum		value = ExecEvalExprSwitchContext(lfirst(state), scan->econtext, &isnull);

		if (isnull)
			values.any |= binding->takes_null && !binding->column->required;
		else if (term->is_array)
			add_array(&values, binding->column, term, DatumGetArrayTypeP(value));
		else
		{
			reserve_values(&values, 1);
			add_value(&values, binding->column, term, exprType((Node *) term->value), value, false);
		}
	}
	cfdw_values_sort(&values);
	return values;
}

/* Values that all compiled clauses allow in a column; any without a clause. */
static CfdwValues
allowed_values(CfdwScan *scan, const char *column)
{
	CfdwValues	allowed = {.any = true};
	ListCell   *lc;

	foreach(lc, scan->bindings)
	{
		ScanBinding *bound = lfirst(lc);
		CfdwValues	values;

		if (strcmp(bound->binding.column->name, column) != 0)
			continue;
		values = binding_values(scan, bound);
		cfdw_values_intersect(&allowed, &values);
	}
	return allowed;
}

CfdwValues
cfdw_scan_statuses(CfdwLabelTrial *trial, ExprContext *econtext)
{
	CfdwValues	allowed = {.any = true};
	CfdwLabelChoice choice;

	if (trial == NULL)
		return allowed;
	cfdw_label_trial_run(trial, econtext, &choice);
	if (choice.is_open)
		return allowed;
	allowed.any = false;
	allowed.count = choice.count;
	allowed.values = choice.labels;
	cfdw_values_sort(&allowed);
	return allowed;
}

static CfdwValues
filter_values(CfdwScan *scan, const CfdwFilter *filter)
{
	CfdwValues	values = {.any = true};

	if (filter->column == NULL)
		return values;
	if (cfdw_filter_is_status(filter))
		return cfdw_scan_statuses(scan->statuses, scan->econtext);
	values = allowed_values(scan, filter->column);

	/*
	 * whether the API takes an empty parameter for a value or for none is
	 * open
	 */
	if (!values.any && values.count > 0 && values.values[0][0] == '\0')
		values.any = true;
	return values;
}

/* ---- crawling ---- */

/* Rows that a LIMIT right above can take, those it skips included; 0: no hint. */
static int64
rows_wanted(CfdwScan *scan)
{
	bool		isnull;
	int64		limit;
	int64		offset;

	if (scan->limit == NULL)
		return 0;
	limit = DatumGetInt64(ExecEvalExprSwitchContext(scan->limit, scan->econtext, &isnull));
	if (isnull || limit < 0)
		return 0;
	offset = DatumGetInt64(ExecEvalExprSwitchContext(scan->offset, scan->econtext, &isnull));
	if (isnull || offset < 0)
		offset = 0;
	return pg_add_s64_overflow(limit, offset, &limit) ? 0 : limit;
}

/* Is there a clause that the filter is for? */
static bool
has_filter_clause(const CfdwScan *scan, const CfdwFilter *filter)
{
	ListCell   *lc;

	if (filter->column == NULL)
		return false;
	if (cfdw_filter_is_status(filter))
		return scan->statuses != NULL;
	foreach(lc, scan->bindings)
	{
		const ScanBinding *bound = lfirst(lc);

		if (strcmp(bound->binding.column->name, filter->column) == 0)
			return true;
	}
	return false;
}

/* What the node's clauses and parameters ask for now. */
static CfdwCrawlSpec
fill_crawl_spec(ForeignScanState *node, bool totals, bool *is_exact)
{
	CfdwScan   *scan = node->fdw_state;
	const CfdwEndpoint *last = cfdw_route_last(scan->spec->route, NULL);
	CfdwCrawlSpec crawl = {
		.statement = scan->statement,
		.session = scan->session,
		.resource = scan->spec->resource,
		.route = scan->spec->route,
		.task = scan->task,
		.ramp = scan->spec->ramp,
		.depth = cfdw_decoder_depth(scan->decoder),
		.scope = scan->table->companies,
		.scope_count = scan->table->company_count,
		.totals = totals,
	};

	ResetExprContext(scan->econtext);
	*is_exact = true;
	crawl.bound.any = true;
	if (scan->spec->route->bound != NULL)
		crawl.bound = allowed_values(scan, scan->spec->route->bound);
	for (int i = 0; i < CFDW_MAX_FILTERS; i++)
	{
		crawl.filters[i] = filter_values(scan, &last->filters[i]);
		if (crawl.filters[i].any && has_filter_clause(scan, &last->filters[i]))
			*is_exact = false;
	}
	if (!totals && !cfdw_crawl_choose_filters(crawl.filters, scan->spec->pages, scan->spec->share))
		*is_exact = false;
	if (*is_exact)
		crawl.demand = rows_wanted(scan);
	return crawl;
}

CfdwCrawl *
cfdw_scan_crawl_totals(ForeignScanState *node, CfdwCrawlCounts *counts, bool *is_exact)
{
	CfdwCrawlSpec spec = fill_crawl_spec(node, true, is_exact);

	/* with two filters, one could be ignored and the total still be smaller */
	if (!spec.filters[0].any && !spec.filters[1].any)
		*is_exact = false;
	return cfdw_crawl_begin(&spec, counts);
}

static void
append_values(StringInfo text, const CfdwValues *values)
{
	appendStringInfo(text, "%c%d", values->any ? '*' : '=', values->count);
	for (int i = 0; i < values->count; i++)
		appendStringInfo(text, "%zu:%s", strlen(values->values[i]), values->values[i]);
}

/* What tells runs apart that ask for other rows, as text. */
static char *
question_of(const CfdwCrawlSpec *spec)
{
	StringInfoData text;

	initStringInfo(&text);
	append_values(&text, &spec->bound);
	for (int i = 0; i < CFDW_MAX_FILTERS; i++)
		append_values(&text, &spec->filters[i]);
	appendStringInfo(&text, "/" INT64_FORMAT, spec->demand);
	return text.data;
}

/* Begin a run: a crawl, or rows that were kept. */
static void
begin_run(ForeignScanState *node)
{
	CfdwScan   *scan = node->fdw_state;
	CfdwCrawlSpec spec;
	MemoryContext old;
	bool		is_exact;

	cfdw_scan_make_ready(node);
	old = MemoryContextSwitchTo(scan->crawl_cxt);
	spec = fill_crawl_spec(node, false, &is_exact);
	scan->mode = cfdw_replay_begin(scan->replay, question_of(&spec));
	if (scan->mode != CFDW_REPLAY_PLAY)
		scan->crawl = cfdw_crawl_begin(&spec, &scan->counts);
	MemoryContextSwitchTo(old);
	scan->is_running = true;
}

void
cfdw_scan_start(ForeignScanState *node)
{
	CfdwScan   *scan = node->fdw_state;

	if (scan->is_running)
		return;
	begin_run(node);
	if (scan->crawl != NULL)
		cfdw_crawl_start(scan->crawl);
}

void
cfdw_scan_start_companions(ForeignScanState *node, const Plan *plan)
{
	CfdwScan   *scan = node->fdw_state;

	cfdw_statement_start(scan->statement,
						 cfdw_companions(node->ss.ps.state->es_plannedstmt, plan));
}

/* The first row of a run is asked for. */
static void
start_run(ForeignScanState *node)
{
	CfdwScan   *scan = node->fdw_state;

	cfdw_scan_start(node);
	if (!scan->has_started && !node->ss.ps.async_capable)
		cfdw_scan_start_companions(node, node->ss.ps.plan);
	scan->has_started = true;
}

/*
 * An asynchronous scan does not wait: an empty slot then is the end, or
 * has_to_wait is set.
 */
TupleTableSlot *
cfdw_scan_iterate(ForeignScanState *node)
{
	CfdwScan   *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	CfdwElement element;
	CfdwNext	next;

	ExecClearTuple(slot);
	if (!scan->is_running)
		start_run(node);
	if (scan->mode == CFDW_REPLAY_PLAY)
	{
		(void) cfdw_replay_next(scan->replay, slot);
		return slot;
	}
	next = cfdw_crawl_next(scan->crawl, !node->ss.ps.async_capable, &element);
	scan->has_to_wait = next == CFDW_NEXT_LATER;
	if (next == CFDW_NEXT_END && scan->mode == CFDW_REPLAY_RECORD)
		cfdw_replay_finish(scan->replay);
	if (next != CFDW_NEXT_ROW)
		return slot;
	cfdw_decode(scan->decoder, &element, slot->tts_values, slot->tts_isnull);
	ExecStoreVirtualTuple(slot);
	if (scan->mode == CFDW_REPLAY_RECORD)
		cfdw_replay_put(scan->replay, slot);
	return slot;
}

static void
end_run(CfdwScan *scan)
{
	if (scan->crawl != NULL)
		cfdw_crawl_end(scan->crawl);
	scan->crawl = NULL;
	if (scan->is_running)
		MemoryContextReset(scan->crawl_cxt);
	scan->is_running = false;
}

void
cfdw_scan_rescan(ForeignScanState *node)
{
	end_run(node->fdw_state);
}

void
cfdw_scan_end(ForeignScanState *node)
{
	CfdwScan   *scan = node->fdw_state;

	if (scan == NULL || scan->statement == NULL)
		return;
	end_run(scan);
	if (scan->replay != NULL)
		cfdw_replay_end(scan->replay);
	cfdw_statement_leave(scan->statement, &scan->member);
}
