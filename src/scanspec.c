/*-------------------------------------------------------------------------
 *
 * scanspec.c
 *	  What the planner promises the executor, to and from fdw_private.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "scanspec.h"

#include "nodes/value.h"

/* Places in the list. */
enum
{
	SPEC_RESOURCE,
	SPEC_ROUTE,
	SPEC_USES,
	SPEC_COLUMNS,
	SPEC_RAMP,
	SPEC_PAGES,
	SPEC_SHARE
};

static const struct
{
	const char *class;
	const char *reason;
}			uses[] = {
	[CFDW_USE_KEY] = {"exact", "its values are what is requested"},
	[CFDW_USE_KEY_PART] = {"superset", "the values of one column are what is requested"},
	[CFDW_USE_FILTER] = {"exact", "sent as a query parameter"},
	[CFDW_USE_FILTER_PART] = {"superset", "the values of one column are sent as a query parameter"},
	[CFDW_USE_STATUS] = {"exact", "its statuses are what is requested"},
	[CFDW_USE_MATCH] = {"superset", "picks companies from their listing"},
	[CFDW_USE_OTHER_ROUTE] = {"local", "another route is taken"},
	[CFDW_USE_NO_PARAM] = {"local", "the API has no parameter for it"},
	[CFDW_USE_OPEN_LABELS] = {"local", "an unrecognized label could pass"},
	[CFDW_USE_FORM] = {"local", "not a form that can be sent"},
};

const char *
cfdw_use_class(CfdwClauseUse use)
{
	return uses[use].class;
}

const char *
cfdw_use_reason(CfdwClauseUse use)
{
	return uses[use].reason;
}

bool
cfdw_use_is_exact(CfdwClauseUse use)
{
	return strcmp(uses[use].class, "exact") == 0;
}

List *
cfdw_scanspec_to_list(const CfdwScanSpec *spec)
{
	List	   *list = list_make2(makeString(pstrdup(spec->resource->name)),
								  makeInteger(cfdw_route_index(spec->resource, spec->route)));

	list = lappend(list, spec->uses);
	list = lappend(list, spec->columns);
	list = lappend(list, makeInteger(spec->ramp));
	list = lappend(list, makeInteger(spec->pages));
	return lappend(list, makeInteger(spec->share));
}

CfdwScanSpec *
cfdw_scanspec_from_list(List *list)
{
	CfdwScanSpec *spec = palloc0(sizeof(CfdwScanSpec));

	spec->resource = cfdw_resource_find(strVal(list_nth(list, SPEC_RESOURCE)));
	if (spec->resource == NULL)
		elog(ERROR, "unrecognized resource in a plan");
	spec->route = &spec->resource->routes[intVal(list_nth(list, SPEC_ROUTE))];
	spec->uses = list_nth(list, SPEC_USES);
	spec->columns = list_nth(list, SPEC_COLUMNS);
	spec->ramp = intVal(list_nth(list, SPEC_RAMP)) != 0;
	spec->pages = intVal(list_nth(list, SPEC_PAGES));
	spec->share = intVal(list_nth(list, SPEC_SHARE));
	return spec;
}
