/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  Paths and plans of scans.
 *
 * A path for each route that the clauses can feed; costs decide.  They are
 * made of requests, of the waves that the window takes them in, of elements
 * and rows; one cost unit is about a sequential page read, so that a request
 * at some tens of milliseconds is worth hundreds of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "plan.h"

#include <math.h>

#include "access/sysattr.h"
#include "compat.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "pushdown.h"
#include "scanspec.h"
#include "table.h"
#include "tied.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

/* One wave of requests, waited for. */
#define WAVE_COST 100.0

/*
 * One request beside the waiting.  A request that somebody else's server has
 * to answer is dear even where it can overlap with others.
 */
#define REQUEST_COST 25.0

/* Receiving one element, parsing and decoding it. */
#define ELEMENT_COST 0.03

/*
 * What a request by a key that the query names counts, while nobody knows how
 * long listings are: it is the safer choice where both would do.
 */
#define SAFE_REQUEST 0.5

/*
 * A lookup by company in a subplan, run who knows how often, mostly finds the
 * listing that an earlier run has asked for: the memo answers it.
 */
#define MEMO_SHARE 0.2

/* Companies of an organization, as long as nobody has counted them. */
#define DEFAULT_COMPANIES 50.0

/* What planning knows of a foreign table. */
typedef struct PlanTable
{
	const CfdwTable *table;
	CfdwRelation rel;
	bool		is_analyzed;
	double		companies;		/* in scope */
	double		company_rows;	/* rows of one company */
	bool		has_fixed_key;	/* some route is bound to constants */
} PlanTable;

/* Places in a path's fdw_private. */
enum
{
	PATH_ROUTE,					/* index of the route */
	PATH_OVERLAPS,				/* may it run beside others? */
	PATH_TIED					/* clauses to add to the plan's qual */
};

/* ---- sizes ---- */

static PlanTable *
make_plan_table(RelOptInfo *baserel, Oid relid)
{
	PlanTable  *table = palloc0(sizeof(PlanTable));

	table->table = cfdw_table_get(relid);
	table->rel.resource = table->table->resource;
	table->rel.desc = table->table->desc;
	table->rel.fits = table->table->fits;
	table->rel.relid = baserel->relid;
	return table;
}

/* The attribute that names a row's company; 0 when the table has none. */
static AttrNumber
company_attribute(const PlanTable *table)
{
	for (int i = 0; i < table->rel.desc->natts; i++)
	{
		const CfdwColumn *column = table->rel.fits[i].column;

		if (column != NULL && column->is_company)
			return i + 1;
	}
	return 0;
}

/* Companies that the rows of an analyzed table name. */
static double
count_companies(PlannerInfo *root, RelOptInfo *baserel, const PlanTable *table)
{
	AttrNumber	attnum = company_attribute(table);
	double		distinct = DEFAULT_COMPANIES;
	Form_pg_attribute att;
	VariableStatData stats;
	bool		is_default = true;

	if (attnum == 0)
		return distinct;
	att = TupleDescAttr(table->rel.desc, attnum - 1);
	examine_variable(root, (Node *) makeVar(baserel->relid, attnum, att->atttypid, att->atttypmod,
											att->attcollation, 0), 0, &stats);
	if (HeapTupleIsValid(stats.statsTuple))
		distinct = get_variable_numdistinct(&stats, &is_default);
	ReleaseVariableStats(stats);
	return is_default ? DEFAULT_COMPANIES : Max(distinct, 1);
}

static void
set_sizes(PlannerInfo *root, RelOptInfo *baserel, PlanTable *table)
{
	const CfdwResource *resource = table->rel.resource;

	table->is_analyzed = baserel->tuples >= 0;
	table->companies = table->table->company_count >= 0 ? table->table->company_count :
		table->is_analyzed ? count_companies(root, baserel, table) : DEFAULT_COMPANIES;
	table->companies = Max(table->companies, 1);
	if (!table->is_analyzed)
		baserel->tuples = table->companies * resource->rows_per_company;
	table->company_rows = baserel->tuples / table->companies;
}

/* How many values a binding holds. */
static double
count_values(PlannerInfo *root, const CfdwBinding *binding)
{
	double		count = 0;
	ListCell   *lc;

	foreach(lc, binding->terms)
	{
		const CfdwTerm *term = lfirst(lc);

		count += term->is_array ? cfdw_array_length(root, (Node *) term->value) : 1;
	}
	return Max(count, 1);
}

/* Are there statistics of all columns that the clause mentions? */
static bool
has_statistics(PlannerInfo *root, Expr *clause)
{
	ListCell   *lc;

	foreach(lc, pull_var_clause((Node *) clause, PVC_RECURSE_PLACEHOLDERS))
	{
		VariableStatData stats;
		bool		found;

		examine_variable(root, lfirst(lc), 0, &stats);
		found = HeapTupleIsValid(stats.statsTuple);
		ReleaseVariableStats(stats);
		if (!found)
			return false;
	}
	return true;
}

/*
 * Selectivity of a clause by our own guess of the values that a column has;
 * negative where PostgreSQL's is the better one.
 */
static double
guess_share(PlannerInfo *root, RelOptInfo *baserel, PlanTable *table, Expr *clause)
{
	CfdwBinding binding;
	double		distinct;
	double		share;

	if (table->is_analyzed && has_statistics(root, clause))
		return -1;
	share = cfdw_status_share(&table->rel, clause);
	if (share >= 0)
		return Min(share, 1);
	if (!cfdw_clause_binds(&table->rel, clause, NULL, &binding) || binding.column->ndistinct == 0)
		return -1;
	distinct = binding.column->ndistinct < 0 ? baserel->tuples :
		binding.column->is_company ? table->companies : binding.column->ndistinct;
	return Min(count_values(root, &binding) / Max(distinct, 1), 1);
}

/* Selectivity of one clause. */
static double
clause_share(PlannerInfo *root, RelOptInfo *baserel, PlanTable *table, RestrictInfo *rinfo)
{
	double		share = guess_share(root, baserel, table, rinfo->clause);

	if (share >= 0)
		return share;
	return clauselist_selectivity(root, list_make1(rinfo), baserel->relid, JOIN_INNER, NULL);
}

/* Rows that the restrictions leave: by statistics together, guesses apart. */
static double
estimate_rows(PlannerInfo *root, RelOptInfo *baserel, PlanTable *table)
{
	double		rows = baserel->tuples;
	List	   *others = NIL;
	ListCell   *lc;

	foreach(lc, baserel->baserestrictinfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);
		double		share = guess_share(root, baserel, table, rinfo->clause);

		if (share >= 0)
			rows *= share;
		else
			others = lappend(others, rinfo);
	}
	return clamp_row_est(rows * clauselist_selectivity(root, others, 0, JOIN_INNER, NULL));
}

void
cfdwGetForeignRelSize(PlannerInfo *root, RelOptInfo *baserel, Oid relid)
{
	PlanTable  *table = make_plan_table(baserel, relid);

	baserel->fdw_private = table;
	set_sizes(root, baserel, table);
	set_baserel_size_estimates(root, baserel);
	baserel->rows = estimate_rows(root, baserel, table);
}

/* ---- costs ---- */

/* What a route takes, for one run. */
typedef struct Effort
{
	double		requests;
	double		waves;			/* of the window */
	double		first_waves;	/* until the first row can come */
	double		elements;		/* parsed */
} Effort;

/* Elements of the last step that one company has. */
static double
company_elements(const PlanTable *table)
{
	return Max(table->company_rows / table->rel.resource->rows_per_element, 1);
}

/* Pages of one company's unfiltered listing. */
static double
pages_per_company(const PlanTable *table)
{
	return ceil(company_elements(table) / table->table->options.page_size);
}

/* Does the clause narrow the route's listing by something else than its key? */
static bool
filters_listing(PlanTable *table, const CfdwRoute *route, Expr *clause)
{
	CfdwClauseUse use = cfdw_clause_use(&table->rel, route, clause);

	return use == CFDW_USE_FILTER || use == CFDW_USE_FILTER_PART || use == CFDW_USE_STATUS;
}

/* The part of a listing's elements that its filters keep, 1 without filters. */
static double
filtered_share(PlannerInfo *root, RelOptInfo *baserel, const CfdwRoute *route)
{
	PlanTable  *table = baserel->fdw_private;
	double		share = 1;
	ListCell   *lc;

	if (cfdw_route_last(route, NULL)->filters[0].column == NULL)
		return 1;
	foreach(lc, baserel->baserestrictinfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

		if (filters_listing(table, route, rinfo->clause))
			share *= clause_share(root, baserel, table, rinfo);
	}
	return share;
}

/* Add what the listings of so many companies take. */
static void
add_listings(const PlanTable *table, const CfdwRoute *route, double companies, double share,
			 Effort *effort)
{
	double		window = table->table->options.max_concurrency;
	double		elements = Max(company_elements(table) * share, 1);
	double		pages = Max(ceil(elements / table->table->options.page_size), 1);

	effort->requests += companies * pages;
	effort->waves += ceil(companies / window) + ceil(companies * (pages - 1) / window);
	effort->first_waves++;
	effort->elements += companies * elements;
	if (route->detail != NULL && table->rel.resource->has_source_option &&
		table->table->options.accounts_source == CFDW_ACCOUNTS_DETAILS)
	{
		effort->requests += companies * elements;
		effort->waves += ceil(companies * elements / window);
		effort->first_waves++;
	}
}

/*
 * What a route takes for `keys` values of its column.  A route without a
 * bound column reads every company in scope.
 */
static Effort
estimate_effort(const PlanTable *table, const CfdwRoute *route, double keys, double share)
{
	const CfdwEndpoint *first = route->steps[0];
	Effort		effort = {0};
	double		companies = route->bound ? keys : table->companies;

	if (first->key == NULL && (route->bound || route->steps[1] == NULL ||
							   table->table->company_count < 0))
	{
		/* the list of companies comes first */
		effort.requests = effort.waves = effort.first_waves = 1;
		effort.elements = table->companies;
	}
	if (cfdw_route_reads_listings(route))
		add_listings(table, route, companies, share, &effort);
	else if (first->key != NULL)
	{
		effort.requests += keys;
		effort.waves += ceil(keys / table->table->options.max_concurrency);
		effort.first_waves++;
		effort.elements += keys;
	}
	return effort;
}

/* Is it a foreign table of this wrapper, so that fdw_private is a PlanTable? */
static bool
is_ours(RelOptInfo *rel)
{
	/* one that is proven empty has none, as its size was never asked for */
	return rel->fdwroutine != NULL &&
		rel->fdwroutine->GetForeignRelSize == cfdwGetForeignRelSize && rel->fdw_private != NULL;
}

/* Companies whose rows a table's restrictions leave. */
static double
companies_left(PlannerInfo *root, RelOptInfo *rel)
{
	PlanTable  *table = rel->fdw_private;
	double		companies = table->companies;
	ListCell   *lc;

	foreach(lc, rel->baserestrictinfo)
	{
		CfdwBinding binding;

		if (cfdw_clause_binds(&table->rel, lfirst_node(RestrictInfo, lc)->clause, NULL, &binding) &&
			(binding.column->is_company || binding.column->of_company || binding.column->ndistinct < 0))
			companies = Min(companies, count_values(root, &binding));
	}
	return companies;
}

/* Runs of a nested loop over the relations that a path depends on, at least. */
static double
count_runs(PlannerInfo *root, Relids outer)
{
	double		runs = 0;
	int			relid = -1;

	while ((relid = bms_next_member(outer, relid)) >= 0)
	{
		RelOptInfo *rel = relid < root->simple_rel_array_size ? root->simple_rel_array[relid] : NULL;

		if (rel != NULL && rel->rows > 0 && (runs == 0 || rel->rows < runs))
			runs = rel->rows;
	}
	return runs;
}

/* Different values that the clause gives the route's column over so many runs. */
static double
count_different(PlannerInfo *root, PlanTable *table, const CfdwRoute *route, Expr *clause,
				double runs)
{
	CfdwBinding binding;
	CfdwTerm   *term;
	RelOptInfo *outer = NULL;
	int			relid;
	double		different;

	if (!cfdw_clause_binds_route(&table->rel, route, clause, &binding))
		return runs;
	term = linitial(binding.terms);
	if (list_length(binding.terms) > 1 || term->is_array)
		return runs;
	different = has_statistics(root, term->value) ?
		estimate_num_groups(root, list_make1(term->value), runs, NULL, NULL) : runs;
	if (bms_get_singleton_member(pull_varnos(root, (Node *) term->value), &relid))
		outer = root->simple_rel_array[relid];
	if (outer != NULL && is_ours(outer) && cfdw_route_reads_listings(route))
		different = Min(different, companies_left(root, outer));
	return different;
}

/*
 * Different parameters over so many runs as far as Memoize goes by them, which
 * PostgreSQL puts on top: it makes runs with the same ones cheap itself.
 */
static double
count_memoized(PlannerInfo *root, ParamPathInfo *param, double runs)
{
	List	   *values = NIL;
	ListCell   *lc;

	foreach(lc, enable_memoize ? param->ppi_clauses : NIL)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);
		OpExpr	   *op = (OpExpr *) rinfo->clause;
		Node	   *value;

		if (!IsA(op, OpExpr) || list_length(op->args) != 2 ||
			!op_hashjoinable(op->opno, exprType(linitial(op->args))))
			return runs;
		value = bms_is_subset(rinfo->left_relids, param->ppi_req_outer) ?
			linitial(op->args) : lsecond(op->args);
		if (!has_statistics(root, (Expr *) value))
			return runs;
		values = lappend(values, value);
	}
	return values ? estimate_num_groups(root, values, runs, NULL, NULL) : runs;
}

/*
 * The part of a route's requests that a run in a nested loop really sends:
 * keys that come again are answered by the memo.
 */
static double
share_of_new_keys(PlannerInfo *root, RelOptInfo *baserel, const CfdwRoute *route,
				  ParamPathInfo *param)
{
	PlanTable  *table = baserel->fdw_private;
	double		runs = count_runs(root, param->ppi_req_outer);
	double		memoized = count_memoized(root, param, runs);
	double		keys = cfdw_route_reads_listings(route) ? table->companies :
		Max(baserel->tuples / table->rel.resource->rows_per_element, 1);
	ListCell   *lc;

	foreach(lc, param->ppi_clauses)
	{
		Expr	   *clause = lfirst_node(RestrictInfo, lc)->clause;

		if (filters_listing(table, route, clause))
			return 1;
		keys = Min(keys, count_different(root, table, route, clause, runs));
	}
	return memoized > keys ? keys / memoized : 1;
}

/* Companies in scope of the table and of its siblings in an Append. */
static double
companies_of_siblings(PlannerInfo *root, RelOptInfo *baserel)
{
	double		companies = 0;
	ListCell   *lc;

	foreach(lc, root->append_rel_list)
	{
		AppendRelInfo *info = lfirst_node(AppendRelInfo, lc);
		RelOptInfo *rel = root->simple_rel_array[info->child_relid];

		if (info->parent_relid == root->append_rel_array[baserel->relid]->parent_relid &&
			rel != NULL && is_ours(rel))
			companies += ((PlanTable *) rel->fdw_private)->companies;
	}
	return companies;
}

/*
 * The part of a nested loop's runs whose company a partition holds: a key
 * outside its scope asks for nothing.
 */
static double
share_in_scope(PlannerInfo *root, RelOptInfo *baserel, const CfdwRoute *route)
{
	PlanTable  *table = baserel->fdw_private;

	if (baserel->reloptkind != RELOPT_OTHER_MEMBER_REL || table->table->company_count < 0 ||
		!cfdw_route_reads_listings(route))
		return 1;
	return table->companies / Max(companies_of_siblings(root, baserel), table->companies);
}

/*
 * May the plan stop before all rows were read: under a LIMIT without anything
 * between that reads its input to the end, or in an EXISTS?
 */
static bool
may_stop_early(PlannerInfo *root)
{
	Query	   *parse = root->parse;

	if (root->sort_pathkeys != NIL || parse->hasAggs || parse->groupClause != NIL ||
		parse->groupingSets != NIL || parse->distinctClause != NIL || parse->hasWindowFuncs)
		return false;
	return root->tuple_fraction >= 1.0 || parse->limitCount != NULL;
}

/*
 * Is it on the side of a semi or anti join of which one match may be enough?
 * Where such a side is read whole, a hash or a sort above it says so, and
 * companion.c sends its requests early.
 */
static bool
needs_one_match(PlannerInfo *root, RelOptInfo *baserel)
{
	Relids		relids = baserel->top_parent_relids ? baserel->top_parent_relids : baserel->relids;
	ListCell   *lc;

	foreach(lc, root->join_info_list)
	{
		SpecialJoinInfo *join = lfirst_node(SpecialJoinInfo, lc);

		if ((join->jointype == JOIN_SEMI || join->jointype == JOIN_ANTI) &&
			bms_is_subset(relids, join->min_righthand))
			return true;
	}
	return false;
}

/* One way to the rows, and what feeds it. */
typedef struct RouteChoice
{
	const CfdwRoute *route;
	double		keys;			/* values of its column */
	bool		varies;			/* they change while the statement runs */
	ParamPathInfo *param;		/* NULL: not of a nested loop */
	List	   *tied;			/* clauses taken over from other relations */
} RouteChoice;

static double
share_of_new_requests(PlannerInfo *root, RelOptInfo *baserel, const RouteChoice *choice)
{
	PlanTable  *table = baserel->fdw_private;

	/* a partition's few companies bound both, so the shares do not multiply */
	if (choice->param != NULL)
		return Min(share_of_new_keys(root, baserel, choice->route, choice->param),
				   share_in_scope(root, baserel, choice->route));
	if (choice->varies && !table->has_fixed_key &&
		cfdw_route_reads_listings(choice->route))
		return MEMO_SHARE;
	return 1;
}

/* Is the resource read from companies' listings where nothing names its rows? */
static bool
reads_listings(const CfdwResource *resource)
{
	for (int i = 0; i < resource->route_count; i++)
		if (cfdw_route_reads_listings(&resource->routes[i]))
			return true;
	return false;
}

/* Does the query name the keys of what is looked up, with nothing known of listings? */
static bool
is_safe_lookup(const PlanTable *table, const RouteChoice *choice)
{
	return !table->is_analyzed && choice->param == NULL && !choice->varies &&
		cfdw_route_last(choice->route, NULL)->shape == CFDW_SHAPE_OBJECT &&
		reads_listings(table->rel.resource);
}

static void
add_route_path(PlannerInfo *root, RelOptInfo *baserel, const RouteChoice *choice)
{
	PlanTable  *table = baserel->fdw_private;
	ParamPathInfo *param = choice->param;
	double		rows = param ? param->ppi_rows : baserel->rows;
	double		part = share_of_new_requests(root, baserel, choice);
	Effort		effort = estimate_effort(table, choice->route, choice->keys,
										 filtered_share(root, baserel, choice->route));
	Cost		requests = part * effort.requests * REQUEST_COST *
		(is_safe_lookup(table, choice) ? SAFE_REQUEST : 1);
	Cost		waves = part * effort.waves * WAVE_COST;
	Cost		startup = part * effort.first_waves * (WAVE_COST + REQUEST_COST) +
		baserel->baserestrictcost.startup;
	Cost		total = requests + waves + effort.elements * ELEMENT_COST +
		effort.elements * table->rel.resource->rows_per_element *
		(cpu_tuple_cost + baserel->baserestrictcost.per_tuple) + baserel->baserestrictcost.startup;
	bool		overlaps = !may_stop_early(root) && !needs_one_match(root, baserel);
	List	   *private = list_make3(makeInteger(cfdw_route_index(table->rel.resource, choice->route)),
									 makeInteger(overlaps), choice->tied);

	add_path(baserel, (Path *)
			 cfdw_foreignscan_path(root, baserel, rows, startup, Max(startup, total),
								   param ? param->ppi_req_outer : baserel->lateral_relids,
								   private));
}

bool
cfdw_path_may_overlap(const ForeignPath *path)
{
	return list_length(path->fdw_private) > PATH_OVERLAPS &&
		intVal(list_nth(path->fdw_private, PATH_OVERLAPS)) != 0;
}

/*
 * Values that the clauses (RestrictInfo or Expr) bind the route's column to,
 * as far as they lie in scope; -1 when none binds it.  Sets *varies when they
 * change while the statement runs.
 */
static double
count_bound(PlannerInfo *root, PlanTable *table, const CfdwRoute *route, List *clauses,
			bool *varies)
{
	double		least = -1;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		Node	   *node = lfirst(lc);
		Expr	   *clause = IsA(node, RestrictInfo) ? ((RestrictInfo *) node)->clause : (Expr *) node;
		CfdwBinding binding;
		double		count;

		if (!cfdw_clause_binds_route(&table->rel, route, clause, &binding))
			continue;
		count = count_values(root, &binding);
		*varies |= cfdw_binding_varies(&binding);
		if (cfdw_route_reads_listings(route))
			count = Min(count, table->companies);
		if (least < 0 || count < least)
			least = count;
	}
	return least;
}

static const CfdwRoute *
route_of_path(const PlanTable *table, const ForeignPath *path)
{
	return &table->rel.resource->routes[intVal(list_nth(path->fdw_private, PATH_ROUTE))];
}

/* Filtered listings of each company, the unfiltered one not counted. */
static double
filtered_listings(PlannerInfo *root, RelOptInfo *baserel, const CfdwRoute *route)
{
	PlanTable  *table = baserel->fdw_private;
	double		listings = 1;
	ListCell   *lc;

	foreach(lc, baserel->baserestrictinfo)
	{
		Expr	   *clause = lfirst_node(RestrictInfo, lc)->clause;
		double		share = cfdw_status_share(&table->rel, clause);
		CfdwBinding binding;

		if (share >= 0)
			listings *= share * cfdw_enum_find(CFDW_TYPE_CONNECTION_STATUS)->fact_count;
		else if (cfdw_clause_use(&table->rel, route, clause) == CFDW_USE_FILTER &&
				 cfdw_clause_binds(&table->rel, clause, NULL, &binding))
			listings *= count_values(root, &binding);
	}
	return Max(listings, 1);
}

/*
 * Can totals be believed for these clauses?  All must be exact, and of two
 * filters one could be ignored without being noticed.
 */
static bool
suit_totals(RelOptInfo *baserel, const CfdwRoute *route)
{
	PlanTable  *table = baserel->fdw_private;
	bool		by_status = false;
	bool		by_other = false;
	ListCell   *lc;

	foreach(lc, baserel->baserestrictinfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);
		CfdwClauseUse use = cfdw_clause_use(&table->rel, route, rinfo->clause);

		if (rinfo->pseudoconstant || !cfdw_use_is_exact(use))
			return false;
		by_status |= use == CFDW_USE_STATUS;
		by_other |= use == CFDW_USE_FILTER;
	}
	return !(by_status && by_other);
}

bool
cfdw_plan_totals_cost(PlannerInfo *root, RelOptInfo *baserel, const ForeignPath *path,
					  Cost *startup, Cost *total)
{
	PlanTable  *table = baserel->fdw_private;
	const CfdwRoute *route = route_of_path(table, path);
	double		window = table->table->options.max_concurrency;
	double		listings = filtered_listings(root, baserel, route);
	bool		is_filtered = listings > 1 || filtered_share(root, baserel, route) < 1;
	bool		varies = false;
	double		companies;
	double		requests;
	double		waves;

	if (cfdw_route_last(route, NULL)->shape != CFDW_SHAPE_PAGES || route->match != NULL ||
		table->rel.resource->embedded != NULL || !suit_totals(baserel, route))
		return false;
	companies = route->bound == NULL ? table->companies :
		count_bound(root, table, route, baserel->baserestrictinfo, &varies);
	requests = companies * (is_filtered ? listings + 1 : 1);
	waves = ceil(requests / window);
	if (varies && !table->has_fixed_key)
	{
		/* the memo answers totals as often as it does the scan's listings */
		requests *= MEMO_SHARE;
		waves *= MEMO_SHARE;
	}
	if (route->bound == NULL && table->table->company_count < 0)
	{
		requests++;
		waves++;
	}

	/* all answers are needed before the count is known */
	*startup = requests * (REQUEST_COST + ELEMENT_COST) + waves * WAVE_COST +
		(route->bound ? 0 : table->companies * ELEMENT_COST);
	*total = *startup + cpu_tuple_cost;
	return true;
}

/* ---- paths ---- */

/* A route without a bound column is always open; others need their values. */
static void
add_plain_path(PlannerInfo *root, RelOptInfo *baserel, const CfdwRoute *route)
{
	PlanTable  *table = baserel->fdw_private;
	RouteChoice choice = {.route = route, .keys = 1};

	if (route->bound != NULL)
	{
		choice.keys = count_bound(root, table, route, baserel->baserestrictinfo, &choice.varies);
		if (choice.keys < 0)
		{
			choice.tied = cfdw_tied_clauses(root, baserel, &table->rel,
											cfdw_resource_column(table->rel.resource, route->bound));
			choice.keys = count_bound(root, table, route, choice.tied, &choice.varies);
		}
		table->has_fixed_key |= choice.keys > 0 && !choice.varies;
	}
	if (choice.keys > 0)
		add_route_path(root, baserel, &choice);
}

/* For generate_implied_equalities_for_column: the column looked for. */
typedef struct ColumnSought
{
	const CfdwRelation *rel;
	const CfdwColumn *column;
} ColumnSought;

static bool
is_sought(PlannerInfo *root, RelOptInfo *baserel, EquivalenceClass *ec, EquivalenceMember *member,
		  void *arg)
{
	ColumnSought *sought = arg;
	const CfdwColumn *column;
	bool		is_text;

	return cfdw_is_column(sought->rel, (Node *) member->em_expr, &column, &is_text) &&
		column == sought->column;
}

/* Join clauses that bind the column: written out, or implied by equality. */
static List *
binding_join_clauses(PlannerInfo *root, RelOptInfo *baserel, const CfdwColumn *column)
{
	PlanTable  *table = baserel->fdw_private;
	ColumnSought sought = {&table->rel, column};
	List	   *found = NIL;
	ListCell   *lc;

	if (baserel->has_eclass_joins)
		found = generate_implied_equalities_for_column(root, baserel, is_sought, &sought,
													   baserel->lateral_referencers);
	foreach(lc, baserel->joininfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);
		CfdwBinding binding;

		if (join_clause_is_movable_to(rinfo, baserel) &&
			cfdw_clause_binds(&table->rel, rinfo->clause, column, &binding))
			found = lappend(found, rinfo);
	}
	return found;
}

static Relids
outer_of(RelOptInfo *baserel, RestrictInfo *rinfo)
{
	Relids		outer = bms_union(rinfo->clause_relids, baserel->lateral_relids);

	return bms_del_member(outer, baserel->relid);
}

/* One parameterized path for each set of relations that can bind the route. */
static void
add_parameterized_paths(PlannerInfo *root, RelOptInfo *baserel, const CfdwRoute *route)
{
	PlanTable  *table = baserel->fdw_private;
	const CfdwColumn *column = cfdw_resource_column(table->rel.resource, route->bound);
	List	   *seen = NIL;
	ListCell   *lc;

	foreach(lc, binding_join_clauses(root, baserel, column))
	{
		Relids		outer = outer_of(baserel, lfirst_node(RestrictInfo, lc));
		RouteChoice choice = {.route = route, .varies = true};

		if (bms_is_empty(outer))
			continue;
		choice.param = get_baserel_parampathinfo(root, baserel, outer);
		if (list_member_ptr(seen, choice.param))
			continue;
		seen = lappend(seen, choice.param);

		/* what equality implies here need not be the clause that was kept */
		choice.keys = count_bound(root, table, route, choice.param->ppi_clauses, &choice.varies);
		if (choice.keys > 0)
			add_route_path(root, baserel, &choice);
	}
}

void
cfdwGetForeignPaths(PlannerInfo *root, RelOptInfo *baserel, Oid relid)
{
	PlanTable  *table = baserel->fdw_private;
	const CfdwResource *resource = table->rel.resource;

	for (int i = 0; i < resource->route_count; i++)
		add_plain_path(root, baserel, &resource->routes[i]);
	for (int i = 0; i < resource->route_count; i++)
		if (resource->routes[i].bound != NULL)
			add_parameterized_paths(root, baserel, &resource->routes[i]);
}

/* ---- the plan ---- */

static List *
wanted_columns(RelOptInfo *baserel, PlanTable *table, List *clauses)
{
	Bitmapset  *used = NULL;
	List	   *columns = NIL;

	pull_varattnos((Node *) baserel->reltarget->exprs, baserel->relid, &used);
	pull_varattnos((Node *) clauses, baserel->relid, &used);
	for (int attnum = 1; attnum <= table->rel.desc->natts; attnum++)
		if (bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, used) ||
			bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used))
			columns = lappend_int(columns, attnum);
	return columns;
}

/* Is it safe to evaluate a LIMIT or OFFSET once more than the LIMIT itself does? */
static bool
is_repeatable(Node *expr)
{
	return !contain_volatile_functions(expr) && !contain_subplans(expr);
}

/*
 * The LIMIT and OFFSET right above this scan, as expressions, or NIL.  Nothing
 * between them may discard, reorder, join or multiply rows; an Append of
 * this scan and others does none of that.
 */
static List *
limit_above(PlannerInfo *root, RelOptInfo *baserel)
{
	Query	   *parse = root->parse;
	Node	   *offset = parse->limitOffset;

	if (parse->limitCount == NULL || parse->commandType != CMD_SELECT ||
		parse->rowMarks != NIL || parse->setOperations != NULL || parse->hasAggs ||
		parse->groupClause != NIL || parse->groupingSets != NIL || parse->havingQual != NULL ||
		parse->distinctClause != NIL || parse->hasWindowFuncs || parse->hasTargetSRFs ||
		root->sort_pathkeys != NIL || bms_membership(root->all_baserels) != BMS_SINGLETON)
		return NIL;
	if (offset == NULL)
		offset = (Node *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(0), false,
									FLOAT8PASSBYVAL);
	if (!is_repeatable(parse->limitCount) || !is_repeatable(offset))
		return NIL;
	return list_make2(copyObject(parse->limitCount), copyObject(offset));
}

ForeignScan *
cfdw_plan_scan(PlannerInfo *root, RelOptInfo *baserel, ForeignPath *best_path, List *tlist,
			   List *scan_clauses, Plan *outer_plan)
{
	PlanTable  *table = baserel->fdw_private;
	List	   *clauses = list_concat(extract_actual_clauses(scan_clauses, false),
									  list_nth(best_path->fdw_private, PATH_TIED));
	bool		all_exact = true;
	CfdwScanSpec spec = {
		.resource = table->rel.resource,
		.route = route_of_path(table, best_path),
		.ramp = may_stop_early(root),
		.pages = (int) Min(pages_per_company(table), INT_MAX),
	};
	ListCell   *lc;

	spec.share = (int) (filtered_share(root, baserel, spec.route) * 100);
	foreach(lc, clauses)
	{
		CfdwClauseUse use = cfdw_clause_use(&table->rel, spec.route, lfirst(lc));

		spec.uses = lappend_int(spec.uses, use);
		all_exact &= cfdw_use_is_exact(use);
	}
	spec.columns = wanted_columns(baserel, table, clauses);
	return make_foreignscan(tlist, clauses, baserel->relid,
							all_exact ? limit_above(root, baserel) : NIL,
							cfdw_scanspec_to_list(&spec), NIL, NIL, outer_plan);
}
