/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  Begin, iterate, rescan, end; EXPLAIN.
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
#include "compat.h"
#include "crawl.h"
#include "decode.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "memo.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "options.h"
#include "parser/parsetree.h"
#include "pushdown.h"
#include "scanspec.h"
#include "session.h"
#include "text.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

typedef struct TableScan
{
	CfdwScanSpec *spec;
	CfdwRelation rel;
	CfdwOptions table_options;	/* over the server's */
	Oid			server;
	Oid			role;			/* whose user mapping is used */
	const char *task;
	CfdwCrawlCounts counts;

	/* since the first row was asked for */
	CfdwStatement *statement;
	CfdwSession *session;
	CfdwDecoder *decoder;
	ExprContext *econtext;		/* for the values of clauses */
	List	   *bindings;		/* ScanBinding: clauses with values to send */
	CfdwLabelTrial *statuses;	/* clauses over the status; NULL: none */

	/* since the last rescan */
	CfdwCrawl  *crawl;
	MemoryContext crawl_cxt;
} TableScan;

/* A clause whose values are sent, compiled once. */
typedef struct ScanBinding
{
	CfdwClauseUse use;
	CfdwBinding binding;
	ExprState  *value;
} ScanBinding;

/* ---- beginning ---- */

void
cfdwBeginForeignScan(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	Relation	relation = node->ss.ss_currentRelation;
	Oid			relid = RelationGetRelid(relation);
	ForeignTable *foreign = GetForeignTable(relid);
	ForeignServer *server = GetForeignServer(foreign->serverid);
	TableScan  *scan = palloc0(sizeof(TableScan));

	node->fdw_state = scan;
	scan->spec = cfdw_scanspec_from_list(plan->fdw_private);
	scan->rel.resource = scan->spec->resource;
	scan->rel.desc = RelationGetDescr(relation);
	scan->rel.relid = plan->scan.scanrelid;
	scan->rel.fits = cfdw_resource_fit(scan->rel.resource, relid, scan->rel.desc);
	cfdw_options_init(&scan->table_options);
	cfdw_options_apply(&scan->table_options, server->options);
	cfdw_options_apply(&scan->table_options, foreign->options);
	scan->server = foreign->serverid;
	scan->role = cfdw_scan_check_user(node);
	if (!OidIsValid(scan->role))
		scan->role = GetUserId();
	scan->task = psprintf("could not read foreign table \"%s\" from server \"%s\"",
						  RelationGetRelationName(relation), server->servername);
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	scan->statement = cfdw_statement_of(node->ss.ps.state);
	cfdw_statement_join(scan->statement);
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

/* Clauses of the qual with that use. */
static List *
clauses_used(ForeignScanState *node, CfdwClauseUse use)
{
	TableScan  *scan = node->fdw_state;
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

static void
compile_bindings(ForeignScanState *node, CfdwClauseUse use)
{
	TableScan  *scan = node->fdw_state;
	ListCell   *lc;

	foreach(lc, clauses_used(node, use))
	{
		ScanBinding *bound = palloc(sizeof(ScanBinding));

		if (!cfdw_clause_binds(&scan->rel, lfirst(lc), &bound->binding))
			continue;
		bound->use = use;
		bound->value = ExecInitExpr(bound->binding.value, &node->ss.ps);
		scan->bindings = lappend(scan->bindings, bound);
	}
}

static void
compile_clauses(ForeignScanState *node)
{
	TableScan  *scan = node->fdw_state;
	List	   *statuses = clauses_used(node, CFDW_USE_STATUS);

	compile_bindings(node, CFDW_USE_KEY);
	compile_bindings(node, CFDW_USE_MATCH);
	compile_bindings(node, CFDW_USE_FILTER);
	if (statuses != NIL)
		scan->statuses = cfdw_label_trial_create(&scan->rel, statuses, &node->ss.ps);
}

/* The part of beginning that needs a user mapping: put off to the first row. */
static void
make_ready(ForeignScanState *node)
{
	TableScan  *scan = node->fdw_state;
	EState	   *estate = node->ss.ps.state;
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);

	scan->session = cfdw_session_get(scan->server, scan->role);
	scan->econtext = CreateExprContext(estate);
	scan->crawl_cxt = AllocSetContextCreate(estate->es_query_cxt, "connection_fdw crawl",
											ALLOCSET_DEFAULT_SIZES);
	scan->decoder = cfdw_decoder_create(scan->rel.resource,
										RelationGetRelationName(node->ss.ss_currentRelation),
										scan->rel.desc, scan->rel.fits, scan->spec->columns,
										scan->table_options.on_unknown_status,
										scan->session->options.api_key);
	compile_clauses(node);
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
value_text(const CfdwColumn *column, Oid type, Datum value)
{
	char	   *out;
	pg_uuid_t	uuid;

	if (type == UUIDOID)
		uuid = *DatumGetUUIDP(value);
	else
	{
		out = TextDatumGetCString(value);
		if (column->type != CFDW_TYPE_UUID)
			return out;
		if (!cfdw_text_to_uuid(out, strlen(out), &uuid))
			return NULL;
	}
	out = palloc(CFDW_UUID_TEXT_SIZE);
	cfdw_text_from_uuid(&uuid, out);
	return out;
}

static void
add_value(CfdwValues *values, const CfdwColumn *column, Oid type, Datum value, bool isnull)
{
	const char *text = isnull ? NULL : value_text(column, type, value);

	if (text != NULL)
		values->values[values->count++] = text;
}

static void
add_array(CfdwValues *values, const CfdwColumn *column, ArrayType *array)
{
	Oid			type = ARR_ELEMTYPE(array);
	int16		typlen;
	bool		byval;
	char		align;
	Datum	   *items;
	bool	   *nulls;
	int			count;

	get_typlenbyvalalign(type, &typlen, &byval, &align);
	deconstruct_array(array, type, typlen, byval, align, &items, &nulls, &count);
	values->values = palloc(sizeof(char *) * (count + 1));
	for (int i = 0; i < count; i++)
		add_value(values, column, type, items[i], nulls[i]);
}

/* The values of one binding; NULL equals nothing, so it adds none. */
static CfdwValues
binding_values(TableScan *scan, const ScanBinding *bound)
{
	const CfdwBinding *binding = &bound->binding;
	CfdwValues	values = {0};
	bool		isnull;
	Datum		value = ExecEvalExprSwitchContext(bound->value, scan->econtext, &isnull);

	if (isnull)
		return values;
	if (binding->is_array)
		add_array(&values, binding->column, DatumGetArrayTypeP(value));
	else
	{
		values.values = palloc(sizeof(char *));
		add_value(&values, binding->column, exprType((Node *) binding->value), value, false);
	}
	cfdw_values_sort(&values);
	return values;
}

/* Values that all clauses of a use allow in a column; any without a clause. */
static CfdwValues
allowed_values(TableScan *scan, CfdwClauseUse use, const char *column)
{
	CfdwValues	allowed = {.any = true};
	ListCell   *lc;

	foreach(lc, scan->bindings)
	{
		ScanBinding *bound = lfirst(lc);
		CfdwValues	values;

		if (bound->use != use || strcmp(bound->binding.column->name, column) != 0)
			continue;
		values = binding_values(scan, bound);
		cfdw_values_intersect(&allowed, &values);
	}
	return allowed;
}

/* Statuses to ask for; any when a label that is not documented could pass. */
static CfdwValues
allowed_statuses(CfdwLabelTrial *trial, ExprContext *econtext)
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

static bool
is_status_filter(const CfdwFilter *filter)
{
	return filter->column != NULL && strcmp(filter->column, "status") == 0;
}

static CfdwValues
filter_values(TableScan *scan, const CfdwFilter *filter)
{
	CfdwValues	values = {.any = true};

	if (filter->column == NULL)
		return values;
	if (is_status_filter(filter))
		return allowed_statuses(scan->statuses, scan->econtext);
	values = allowed_values(scan, CFDW_USE_FILTER, filter->column);

	/*
	 * whether the API takes an empty parameter for a value or for none is
	 * open
	 */
	if (!values.any && values.count > 0 && values.values[0][0] == '\0')
		values.any = true;
	return values;
}

/* ---- scope ---- */

/* The companies of both lists, each sorted; -1 stands for every company. */
static void
intersect_scopes(CfdwCrawlSpec *crawl, const pg_uuid_t *ids, int count)
{
	pg_uuid_t  *both;
	int			kept = 0;

	if (count < 0)
		return;
	if (crawl->scope_count < 0)
	{
		crawl->scope = ids;
		crawl->scope_count = count;
		return;
	}
	both = palloc(sizeof(pg_uuid_t) * (count + 1));
	for (int i = 0; i < count; i++)
		if (cfdw_uuid_in(&ids[i], crawl->scope, crawl->scope_count))
			both[kept++] = ids[i];
	crawl->scope = both;
	crawl->scope_count = kept;
}

static void
fill_scope(TableScan *scan, CfdwCrawlSpec *crawl)
{
	char	   *bad;
	int			count = -1;
	pg_uuid_t  *ids = NULL;

	crawl->scope = scan->session->companies;
	crawl->scope_count = scan->session->company_count;
	if (scan->table_options.company_ids != NULL)
		ids = cfdw_text_to_uuids(scan->table_options.company_ids, &count, &bad);
	intersect_scopes(crawl, ids, count);
}

/* ---- crawling ---- */

/* Is there a clause that the filter is for? */
static bool
has_filter_clause(ForeignScanState *node, const CfdwFilter *filter)
{
	if (filter->column == NULL)
		return false;
	return clauses_used(node, is_status_filter(filter) ? CFDW_USE_STATUS : CFDW_USE_FILTER) != NIL;
}

static CfdwCrawl *
begin_crawl(ForeignScanState *node)
{
	TableScan  *scan = node->fdw_state;
	const CfdwEndpoint *last = cfdw_route_last(scan->spec->route, NULL);
	CfdwCrawlSpec crawl = {
		.statement = scan->statement,
		.session = scan->session,
		.resource = scan->spec->resource,
		.route = scan->spec->route,
		.task = scan->task,
		.demand = scan->spec->demand,
		.ramp = scan->spec->ramp,
		.pages = scan->spec->pages,
		.needs_bytes = cfdw_decoder_needs_bytes(scan->decoder),
	};

	ResetExprContext(scan->econtext);
	crawl.bound.any = true;
	if (scan->spec->route->bound != NULL)
		crawl.bound = allowed_values(scan, scan->spec->route->match ? CFDW_USE_MATCH : CFDW_USE_KEY,
									 scan->spec->route->bound);
	for (int i = 0; i < CFDW_MAX_FILTERS; i++)
	{
		crawl.filters[i] = filter_values(scan, &last->filters[i]);
		if (crawl.filters[i].any && has_filter_clause(node, &last->filters[i]))
			crawl.demand = 0;
	}
	fill_scope(scan, &crawl);
	return cfdw_crawl_begin(&crawl, &scan->counts);
}

static void
start_crawl(ForeignScanState *node)
{
	TableScan  *scan = node->fdw_state;
	MemoryContext old;

	if (scan->session == NULL)
		make_ready(node);
	old = MemoryContextSwitchTo(scan->crawl_cxt);
	scan->crawl = begin_crawl(node);
	MemoryContextSwitchTo(old);
}

TupleTableSlot *
cfdwIterateForeignScan(ForeignScanState *node)
{
	TableScan  *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	CfdwElement element;

	ExecClearTuple(slot);
	if (scan->crawl == NULL)
		start_crawl(node);
	if (!cfdw_crawl_next(scan->crawl, &element))
		return slot;			/* empty slot: no more rows */
	cfdw_decode(scan->decoder, &element, slot->tts_values, slot->tts_isnull);
	return ExecStoreVirtualTuple(slot);
}

static void
end_crawl(TableScan *scan)
{
	if (scan->crawl == NULL)
		return;
	cfdw_crawl_end(scan->crawl);
	scan->crawl = NULL;
	MemoryContextReset(scan->crawl_cxt);
}

void
cfdwReScanForeignScan(ForeignScanState *node)
{
	end_crawl(node->fdw_state);
}

void
cfdwEndForeignScan(ForeignScanState *node)
{
	TableScan  *scan = node->fdw_state;

	if (scan == NULL || scan->statement == NULL)
		return;
	end_crawl(scan);
	cfdw_statement_leave(scan->statement);
}

/* ---- EXPLAIN ---- */

/* The template of a step: "GET /connection/company/{company_id}?...". */
static char *
step_template(const CfdwEndpoint *endpoint, const CfdwValues *filters, int limit)
{
	StringInfoData out;
	const char *place = strstr(endpoint->path, "{}");
	char		separator = '?';

	initStringInfo(&out);
	appendStringInfoString(&out, "GET ");
	if (place == NULL)
		appendStringInfoString(&out, endpoint->path);
	else
		appendStringInfo(&out, "%.*s{%s}%s", (int) (place - endpoint->path), endpoint->path,
						 endpoint->key, place + 2);
	for (int i = 0; filters != NULL && i < CFDW_MAX_FILTERS; i++)
	{
		const CfdwFilter *filter = &endpoint->filters[i];

		if (filter->column == NULL || filters[i].any)
			continue;
		appendStringInfo(&out, "%c%s={%s}", separator, filter->param, filter->column);
		separator = '&';
	}
	if (endpoint->shape == CFDW_SHAPE_PAGES)
		appendStringInfo(&out, "%climit=%d&page={n}", separator, limit);
	return out.data;
}

/*
 * Which filters will be sent, as far as it can be told without running:
 * statuses are evaluated when they depend on no parameter, else one is
 * assumed.  *is_open: statuses that nobody has documented could pass.
 */
static void
expected_filters(ForeignScanState *node, CfdwValues *filters, bool *sends_status, bool *is_open)
{
	TableScan  *scan = node->fdw_state;
	const CfdwEndpoint *last = cfdw_route_last(scan->spec->route, NULL);
	List	   *statuses = clauses_used(node, CFDW_USE_STATUS);
	int			status = -1;

	for (int i = 0; i < CFDW_MAX_FILTERS; i++)
	{
		filters[i].any = !has_filter_clause(node, &last->filters[i]);
		filters[i].count = 1;
		if (is_status_filter(&last->filters[i]))
			status = i;
	}
	if (statuses != NIL && cfdw_clauses_are_fixed(statuses))
		filters[status] = allowed_statuses(cfdw_label_trial_create(&scan->rel, statuses, &node->ss.ps),
										   CreateStandaloneExprContext());
	*is_open = statuses != NIL && filters[status].any;
	(void) cfdw_crawl_choose_filters(filters, scan->spec->pages);
	*sends_status = statuses != NIL && !filters[status].any;
}

/* One line each as text; a list in formats whose members must be unique. */
static void
explain_list(const char *one, const char *many, List *texts, ExplainState *es)
{
	ListCell   *lc;

	if (es->format != EXPLAIN_FORMAT_TEXT)
		ExplainPropertyList(many, texts, es);
	else
		foreach(lc, texts)
			ExplainPropertyText(one, lfirst(lc), es);
}

/* When rows that a listing may carry are looked up; NULL: never. */
static const char *
lookup_condition(const TableScan *scan)
{
	if (!scan->spec->resource->has_source_option ||
		scan->table_options.accounts_source == CFDW_ACCOUNTS_AUTO)
		return psprintf(", unless listings carry %s", scan->spec->resource->embedded);
	return scan->table_options.accounts_source == CFDW_ACCOUNTS_LIST ? NULL : "";
}

/* Do company_ids stand in for the list of companies that the route begins with? */
static bool
names_companies(const TableScan *scan)
{
	const CfdwRoute *route = scan->spec->route;

	return scan->table_options.company_ids != NULL && route->bound == NULL &&
		route->steps[1] != NULL;
}

static void
explain_requests(ForeignScanState *node, const CfdwValues *filters, ExplainState *es)
{
	TableScan  *scan = node->fdw_state;
	const CfdwRoute *route = scan->spec->route;
	const char *condition = lookup_condition(scan);
	int			limit = scan->table_options.page_size;
	List	   *texts = NIL;

	if (scan->spec->demand > 0 && scan->spec->demand < limit)
		limit = scan->spec->demand;
	for (int i = names_companies(scan) ? 1 : 0; i < CFDW_MAX_STEPS && route->steps[i] != NULL; i++)
		texts = lappend(texts, step_template(route->steps[i], filters, limit));
	explain_list("Remote Request", "Remote Requests", texts, es);
	if (route->detail != NULL && condition != NULL)
		ExplainPropertyText("Remote Lookup",
							psprintf("%s%s", step_template(route->detail, NULL, limit), condition),
							es);
}

static void
explain_clauses(ForeignScanState *node, bool sends_status, bool is_open, ExplainState *es)
{
	TableScan  *scan = node->fdw_state;
	List	   *context = set_deparse_context_plan(es->deparse_cxt, node->ss.ps.plan, NIL);
	bool		prefix = list_length(es->rtable) > 1;
	List	   *texts = NIL;
	ListCell   *clause;
	ListCell   *used;

	forboth(clause, node->ss.ps.plan->qual, used, scan->spec->uses)
	{
		CfdwClauseUse use = lfirst_int(used);
		char	   *text = deparse_expression(lfirst(clause), context, prefix, false);
		const char *class = cfdw_use_class(use);
		const char *reason = cfdw_use_reason(use);

		if (use == CFDW_USE_STATUS && !sends_status)
		{
			class = "local";
			reason = is_open ? cfdw_use_reason(CFDW_USE_OPEN_LABELS) :
				"one unfiltered listing takes fewer requests";
		}
		texts = lappend(texts, psprintf("%s: %s, %s", class, text, reason));
	}
	explain_list("Clause", "Clauses", texts, es);
}

static void
explain_counts(const CfdwCrawlCounts *counts, ExplainState *es)
{
	ExplainPropertyInteger("Requests", NULL, counts->requests, es);
	ExplainPropertyInteger("Shared Answers", NULL, counts->shared, es);
	ExplainPropertyInteger("Pages", NULL, counts->pages, es);
	ExplainPropertyInteger("Bytes", NULL, counts->bytes, es);
	ExplainPropertyInteger("Retries", NULL, counts->retries, es);
	if (es->timing)
		ExplainPropertyInteger("Waits", NULL, counts->waits, es);
}

void
cfdwExplainForeignScan(ForeignScanState *node, ExplainState *es)
{
	TableScan  *scan = node->fdw_state;
	CfdwValues	filters[CFDW_MAX_FILTERS] = {{0}};
	bool		sends_status;
	bool		is_open;

	if (scan == NULL)
		return;
	expected_filters(node, filters, &sends_status, &is_open);
	ExplainPropertyText("Route", scan->spec->route->name, es);
	explain_requests(node, filters, es);
	if (scan->spec->demand > 0)
		ExplainPropertyInteger("Rows Wanted", NULL, scan->spec->demand, es);
	if (es->verbose)
		explain_clauses(node, sends_status, is_open, es);
	if (es->analyze)
		explain_counts(&scan->counts, es);
}
