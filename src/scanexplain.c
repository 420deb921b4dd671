/*-------------------------------------------------------------------------
 *
 * scanexplain.c
 *	  What EXPLAIN says of a scan: route, requests, clauses, counts.
 *
 * Plain EXPLAIN has no session and sends nothing: it shows templates, and
 * evaluates only what depends on no parameter.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "scanexplain.h"

#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/ruleutils.h"

/* The template of a step: "GET /connection/company/{company_id}?...". */
static char *
step_template(const CfdwEndpoint *endpoint, const CfdwValues *filters, int limit)
{
	StringInfoData out;
	char		separator = '?';

	initStringInfo(&out);
	appendStringInfoString(&out, "GET ");
	cfdw_endpoint_append_path(&out, endpoint, endpoint->key ? psprintf("{%s}", endpoint->key) : NULL);
	for (int i = 0; filters != NULL && i < CFDW_MAX_FILTERS; i++)
	{
		const CfdwFilter *filter = &endpoint->filters[i];

		if (filter->column == NULL || filters[i].any)
			continue;
		appendStringInfo(&out, "%c%s={%s}", separator, filter->param, filter->column);
		separator = '&';
	}
	if (endpoint->shape == CFDW_SHAPE_PAGES)
		appendStringInfo(&out, "%climit=%d&page=%s", separator, limit, limit > 1 ? "{n}" : "1");
	return out.data;
}

static bool
binds_filter(const CfdwScan *scan, const CfdwFilter *filter, List *clauses)
{
	const CfdwColumn *column = cfdw_resource_column(scan->rel.resource, filter->column);
	ListCell   *lc;

	foreach(lc, clauses)
	{
		CfdwBinding binding;

		if (cfdw_clause_binds(&scan->rel, lfirst(lc), column, &binding))
			return true;
	}
	return false;
}

/* Is there a clause whose values will be sent for the filter? */
static bool
has_filter(ForeignScanState *node, const CfdwFilter *filter)
{
	CfdwScan   *scan = node->fdw_state;

	if (filter->column == NULL)
		return false;
	if (cfdw_filter_is_status(filter))
		return cfdw_scan_clauses(node, CFDW_USE_STATUS) != NIL;
	return binds_filter(scan, filter, cfdw_scan_clauses(node, CFDW_USE_FILTER)) ||
		binds_filter(scan, filter, cfdw_scan_clauses(node, CFDW_USE_FILTER_PART));
}

/*
 * Which filters will be sent, as far as it can be told without running:
 * statuses are evaluated when they depend on no parameter, else one is
 * assumed.  *is_open: statuses that nobody has documented could pass.
 */
static void
expected_filters(ForeignScanState *node, CfdwValues *filters, bool *sends_status, bool *is_open)
{
	CfdwScan   *scan = node->fdw_state;
	const CfdwEndpoint *last = cfdw_route_last(scan->spec->route, NULL);
	List	   *statuses = cfdw_scan_clauses(node, CFDW_USE_STATUS);
	int			status = -1;

	for (int i = 0; i < CFDW_MAX_FILTERS; i++)
	{
		filters[i].any = !has_filter(node, &last->filters[i]);
		filters[i].count = 1;
		if (cfdw_filter_is_status(&last->filters[i]))
			status = i;
	}
	if (statuses != NIL && cfdw_clauses_are_fixed(statuses))
		filters[status] = cfdw_scan_statuses(cfdw_label_trial_create(&scan->rel, statuses, &node->ss.ps),
											 CreateStandaloneExprContext());
	*is_open = statuses != NIL && filters[status].any;
	(void) cfdw_crawl_choose_filters(filters, scan->spec->pages, scan->spec->share);
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
lookup_condition(const CfdwScan *scan)
{
	if (!scan->spec->resource->has_source_option ||
		scan->table->options.accounts_source == CFDW_ACCOUNTS_AUTO)
		return psprintf(", unless listings carry %s", scan->spec->resource->embedded);
	return scan->table->options.accounts_source == CFDW_ACCOUNTS_LIST ? NULL : "";
}

/* Do company_ids stand in for the list of companies that the route begins with? */
static bool
names_companies(const CfdwScan *scan)
{
	const CfdwRoute *route = scan->spec->route;

	return scan->table->company_count >= 0 && route->bound == NULL && route->steps[1] != NULL;
}

static void
explain_requests(ForeignScanState *node, const CfdwValues *filters, int64 wanted, ExplainState *es)
{
	CfdwScan   *scan = node->fdw_state;
	const CfdwRoute *route = scan->spec->route;
	const char *condition = lookup_condition(scan);
	int			limit = scan->table->options.page_size;
	List	   *texts = NIL;

	if (wanted > 0 && wanted < limit)
		limit = wanted;
	for (int i = names_companies(scan) ? 1 : 0; i < CFDW_MAX_STEPS && route->steps[i] != NULL; i++)
		texts = lappend(texts, step_template(route->steps[i], filters, limit));
	explain_list("Remote Request", "Remote Requests", texts, es);
	if (route->detail != NULL && condition != NULL)
		ExplainPropertyText("Remote Lookup",
							psprintf("%s%s", step_template(route->detail, NULL, limit), condition),
							es);
}

/* The constant rows of a LIMIT or OFFSET expression; false when it is none. */
static bool
constant_rows(Node *expr, int64 *rows)
{
	Const	   *value = (Const *) expr;

	if (!IsA(value, Const))
		return false;
	*rows = value->constisnull ? 0 : DatumGetInt64(value->constvalue);
	return true;
}

/*
 * Rows that a LIMIT right above wants, as text, and as a number where it is
 * known now; NULL and 0 where there is none.
 */
static char *
rows_wanted(ForeignScanState *node, List *context, int64 *number)
{
	List	   *limits = ((ForeignScan *) node->ss.ps.plan)->fdw_exprs;
	int64		limit;
	int64		offset;

	*number = 0;
	if (limits == NIL)
		return NULL;
	if (constant_rows(linitial(limits), &limit) && constant_rows(lsecond(limits), &offset))
	{
		*number = limit + offset;
		return psprintf("%lld", (long long) *number);
	}
	if (constant_rows(lsecond(limits), &offset) && offset == 0)
		return deparse_expression(linitial(limits), context, false, false);
	return psprintf("%s + %s", deparse_expression(linitial(limits), context, false, false),
					deparse_expression(lsecond(limits), context, false, false));
}

static void
explain_clauses(ForeignScanState *node, List *context, bool sends_status, bool is_open,
				ExplainState *es)
{
	CfdwScan   *scan = node->fdw_state;
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

void
cfdw_explain_counts(const CfdwCrawlCounts *counts, ExplainState *es)
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
cfdw_explain_scan(ForeignScanState *node, ExplainState *es)
{
	CfdwScan   *scan = node->fdw_state;
	List	   *context;
	CfdwValues	filters[CFDW_MAX_FILTERS] = {{0}};
	bool		sends_status;
	bool		is_open;
	char	   *wanted;
	int64		rows;

	if (scan == NULL)
		return;
	context = set_deparse_context_plan(es->deparse_cxt, node->ss.ps.plan, NIL);
	wanted = rows_wanted(node, context, &rows);
	expected_filters(node, filters, &sends_status, &is_open);
	ExplainPropertyText("Route", scan->spec->route->name, es);
	explain_requests(node, filters, rows, es);
	if (rows > 0)
		ExplainPropertyInteger("Rows Wanted", NULL, rows, es);
	else if (wanted != NULL)
		ExplainPropertyText("Rows Wanted", wanted, es);
	if (es->verbose)
		explain_clauses(node, context, sends_status, is_open, es);
	if (es->analyze)
		cfdw_explain_counts(&scan->counts, es);
}

void
cfdw_explain_totals(ForeignScanState *node, ExplainState *es)
{
	CfdwScan   *scan = node->fdw_state;
	const CfdwRoute *route = scan->spec->route;
	const CfdwEndpoint *last = cfdw_route_last(route, NULL);
	CfdwValues	filters[CFDW_MAX_FILTERS] = {{0}};
	bool		any = true;
	List	   *texts = NIL;

	for (int i = 0; i < CFDW_MAX_FILTERS; i++)
	{
		filters[i].any = !has_filter(node, &last->filters[i]);
		any &= filters[i].any;
	}
	if (route->steps[1] != NULL && !names_companies(scan))
		texts = lappend(texts, step_template(route->steps[0], NULL, 1));
	texts = lappend(texts, step_template(last, filters, 1));
	if (!any)
		texts = lappend(texts, step_template(last, NULL, 1));
	explain_list("Remote Total", "Remote Totals", texts, es);
}
