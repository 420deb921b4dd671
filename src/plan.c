/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  Paths and costs.
 *
 * Each route whose column the clauses bind is a path, and so is the route
 * that needs nothing.  A join clause that binds a route gives a
 * parameterized path.  Costs count requests, in waves of the window, and
 * rows; one cost unit is about a sequential page read, so that a request at
 * some tens of milliseconds is worth hundreds of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "plan.h"

#include <math.h>

#include "access/sysattr.h"
#include "access/table.h"
#include "compat.h"
#include "executor/executor.h"
#include "foreign/foreign.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "options.h"
#include "pushdown.h"
#include "scanspec.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"

/* One wave of requests, waited for. */
#define WAVE_COST 100.0

/*
 * One request beside the waiting.  A request that somebody else's server has
 * to answer is dear even where it can overlap with others.
 */
#define REQUEST_COST 50.0

/* Parsing one element and decoding it. */
#define ELEMENT_COST 0.03

/*
 * A lookup by company that runs again and again mostly finds the listing that an
 * earlier outer row has asked for: the memo answers it.
 */
#define MEMO_SHARE 0.2

/* Companies of an organization, as long as nobody has counted them. */
#define DEFAULT_COMPANIES 100.0

/* What planning knows of a foreign table. */
typedef struct PlanTable
{
	CfdwRelation rel;
	CfdwOptions options;
	double		companies;
	double		company_rows;	/* rows of one company */
	bool		has_fixed_key;	/* some route is bound to constants */
} PlanTable;

/* ---- sizes ---- */

static void
read_options(PlanTable *table, ForeignTable *foreign)
{
	cfdw_options_init(&table->options);
	cfdw_options_apply(&table->options, GetForeignServer(foreign->serverid)->options);
	cfdw_options_apply(&table->options, foreign->options);
}

/*
 * A copy of the columns as clauses see them: the relation is closed before
 * planning ends.
 */
static PlanTable *
make_plan_table(RelOptInfo *baserel, Oid relid)
{
	PlanTable  *table = palloc0(sizeof(PlanTable));
	Relation	relation = table_open(relid, NoLock);

	read_options(table, GetForeignTable(relid));
	table->rel.resource = cfdw_resource_find(table->options.resource);

	/* the validator cannot be relied on: it may have been taken away */
	if (table->rel.resource == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("foreign table \"%s\" names no resource", get_rel_name(relid)),
				 errhint("Its option \"resource\" must be one of: %s.", cfdw_resource_names())));
	table->rel.desc = CreateTupleDescCopy(RelationGetDescr(relation));
	table->rel.relid = baserel->relid;
	table_close(relation, NoLock);
	table->rel.fits = cfdw_resource_fit(table->rel.resource, relid, table->rel.desc);
	return table;
}

/* How many values a binding holds. */
static double
count_values(PlannerInfo *root, const CfdwBinding *binding)
{
	if (!binding->is_array)
		return 1;
	return Max(cfdw_array_length(root, (Node *) binding->value), 1);
}

/* Selectivity of one clause; our own guess of the values that a column has. */
static double
clause_share(PlannerInfo *root, RelOptInfo *baserel, PlanTable *table, RestrictInfo *rinfo)
{
	CfdwBinding binding;

	if (cfdw_clause_binds(&table->rel, rinfo->clause, &binding) &&
		binding.column->ndistinct != 0)
	{
		double		distinct = binding.column->ndistinct < 0 ? baserel->tuples :
			binding.column->ndistinct;

		return Min(count_values(root, &binding) / Max(distinct, 1), 1);
	}
	return clauselist_selectivity(root, list_make1(rinfo), baserel->relid, JOIN_INNER, NULL);
}

static double
guess_rows(PlannerInfo *root, RelOptInfo *baserel, PlanTable *table)
{
	double		rows = baserel->tuples;
	ListCell   *lc;

	foreach(lc, baserel->baserestrictinfo)
		rows *= clause_share(root, baserel, table, lfirst_node(RestrictInfo, lc));
	return clamp_row_est(rows);
}

void
cfdwGetForeignRelSize(PlannerInfo *root, RelOptInfo *baserel, Oid relid)
{
	PlanTable  *table = make_plan_table(baserel, relid);

	baserel->fdw_private = table;
	baserel->tuples = DEFAULT_COMPANIES * table->rel.resource->rows_per_company;
	table->company_rows = table->rel.resource->rows_per_company;
	table->companies = DEFAULT_COMPANIES;
	set_baserel_size_estimates(root, baserel);
	baserel->rows = guess_rows(root, baserel, table);
}

/* ---- costs ---- */

/* Pages of one company's listing. */
static double
pages_per_company(const PlanTable *table)
{
	double		elements = table->company_rows / table->rel.resource->rows_per_element;

	return Max(ceil(elements / table->options.page_size), 1);
}

/*
 * Values that bind the route's column, or -1 when nothing does.  Sets *varies
 * when they change while the statement runs.
 */
static double
count_bound(PlannerInfo *root, PlanTable *table, const CfdwRoute *route, List *clauses,
			bool *varies)
{
	double		least = -1;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		CfdwBinding binding;
		double		count;

		if (!cfdw_clause_binds(&table->rel, lfirst_node(RestrictInfo, lc)->clause, &binding) ||
			strcmp(binding.column->name, route->bound) != 0)
			continue;
		count = count_values(root, &binding);
		*varies |= cfdw_binding_varies(&binding);
		if (least < 0 || count < least)
			least = count;
	}
	return least;
}

/*
 * Requests of a route, and the waves they take, for `keys` values of its
 * column.  A route without a bound column reads every company.
 */
static void
count_requests(const PlanTable *table, const CfdwRoute *route, double keys, double *requests,
			   double *waves, double *elements)
{
	const CfdwEndpoint *last = cfdw_route_last(route, NULL);
	double		companies = route->bound ? keys : table->companies;
	double		window = table->options.max_concurrency;
	double		per_company = table->company_rows / table->rel.resource->rows_per_element;

	*waves = 0;
	*requests = 0;
	*elements = keys;
	if (route->steps[0]->key == NULL)
	{
		/* the list of companies comes first */
		*requests = 1;
		*waves = 1;
		*elements = table->companies;
	}
	if (last == route->steps[0] && last->shape != CFDW_SHAPE_PAGES)
	{
		*requests = Max(*requests, keys);
		*waves = ceil(*requests / window);
		return;
	}
	*requests += companies * pages_per_company(table);
	*waves += ceil(companies * pages_per_company(table) / window);
	*elements += companies * per_company;
}

static void
add_route_path(PlannerInfo *root, RelOptInfo *baserel, const CfdwRoute *route, double keys,
			   bool varies, ParamPathInfo *param)
{
	PlanTable  *table = baserel->fdw_private;
	double		rows = param ? param->ppi_rows : baserel->rows;
	double		requests;
	double		waves;
	double		elements;
	double		share = varies && !table->has_fixed_key &&
		cfdw_route_last(route, NULL)->shape == CFDW_SHAPE_PAGES ?
		MEMO_SHARE : 1.0;
	Cost		startup;
	Cost		run;

	count_requests(table, route, keys, &requests, &waves, &elements);
	startup = share * (WAVE_COST + REQUEST_COST) + baserel->baserestrictcost.startup;
	run = share * ((waves - 1) * WAVE_COST + (requests - 1) * REQUEST_COST) +
		elements * ELEMENT_COST +
		elements * table->rel.resource->rows_per_element *
		(cpu_tuple_cost + baserel->baserestrictcost.per_tuple);
	add_path(baserel, (Path *)
			 cfdw_foreignscan_path(root, baserel, rows, startup, startup + Max(run, 0),
								   param ? param->ppi_req_outer : baserel->lateral_relids,
								   list_make1(makeInteger(cfdw_route_index(table->rel.resource, route)))));
}

/* ---- paths ---- */

static void
add_plain_paths(PlannerInfo *root, RelOptInfo *baserel)
{
	PlanTable  *table = baserel->fdw_private;
	const CfdwResource *resource = table->rel.resource;

	for (int i = 0; i < resource->route_count; i++)
	{
		const CfdwRoute *route = &resource->routes[i];
		double		keys = 1;
		bool		varies = false;

		if (route->bound != NULL)
			keys = count_bound(root, table, route, baserel->baserestrictinfo, &varies);
		table->has_fixed_key |= route->bound != NULL && keys > 0 && !varies;
		if (keys > 0)
			add_route_path(root, baserel, route, keys, varies, NULL);
	}
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

	return cfdw_is_column(sought->rel, (Node *) member->em_expr, &column) &&
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
			cfdw_clause_binds(&table->rel, rinfo->clause, &binding) && binding.column == column)
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
		ParamPathInfo *param;
		double		keys;
		bool		varies = true;

		if (bms_is_empty(outer))
			continue;
		param = get_baserel_parampathinfo(root, baserel, outer);
		if (list_member_ptr(seen, param))
			continue;
		seen = lappend(seen, param);

		/* what equality implies here need not be the clause that was kept */
		keys = count_bound(root, table, route, param->ppi_clauses, &varies);
		if (keys > 0)
			add_route_path(root, baserel, route, keys, varies, param);
	}
}

void
cfdwGetForeignPaths(PlannerInfo *root, RelOptInfo *baserel, Oid relid)
{
	PlanTable  *table = baserel->fdw_private;
	const CfdwResource *resource = table->rel.resource;

	add_plain_paths(root, baserel);
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

/*
 * Rows that a LIMIT right above this scan can take: nothing between them may
 * discard, reorder, join or multiply rows.  limit_tuples is already without
 * a value under grouping, DISTINCT, windows and set-returning targets.
 */
static int
limit_demand(PlannerInfo *root, RelOptInfo *baserel)
{
	if (root->limit_tuples <= 0 || root->limit_tuples > INT_MAX ||
		root->parse->commandType != CMD_SELECT || root->parse->rowMarks != NIL ||
		root->parse->setOperations != NULL || root->sort_pathkeys != NIL ||
		baserel->reloptkind != RELOPT_BASEREL ||
		bms_membership(root->all_baserels) != BMS_SINGLETON)
		return 0;
	return (int) root->limit_tuples;
}

/* A LIMIT somewhere above, or an EXISTS, may stop the scan early. */
static bool
wants_few(PlannerInfo *root)
{
	return root->parse->limitCount != NULL || root->tuple_fraction >= 1.0;
}

ForeignScan *
cfdwGetForeignPlan(PlannerInfo *root, RelOptInfo *baserel, Oid relid, ForeignPath *best_path,
				   List *tlist, List *scan_clauses, Plan *outer_plan)
{
	PlanTable  *table = baserel->fdw_private;
	List	   *clauses = extract_actual_clauses(scan_clauses, false);
	bool		all_exact = true;
	CfdwScanSpec spec = {
		.resource = table->rel.resource,
		.route = &table->rel.resource->routes[intVal(linitial(best_path->fdw_private))],
		.ramp = wants_few(root),
		.pages = (int) Min(pages_per_company(table), INT_MAX),
	};
	ListCell   *lc;

	foreach(lc, clauses)
	{
		CfdwClauseUse use = cfdw_clause_use(&table->rel, spec.route, lfirst(lc));

		spec.uses = lappend_int(spec.uses, use);
		all_exact &= cfdw_use_is_exact(use);
	}
	if (all_exact)
		spec.demand = limit_demand(root, baserel);
	spec.columns = wanted_columns(baserel, table, clauses);
	return make_foreignscan(tlist, clauses, baserel->relid, NIL,
							cfdw_scanspec_to_list(&spec), NIL, NIL, outer_plan);
}
