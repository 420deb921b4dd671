/*-------------------------------------------------------------------------
 *
 * resource.c
 *	  Looking rows of the catalogue up; fit of a relation to a resource.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "resource.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "compat.h"
#include "foreign/foreign.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"


/* SQL names of natural types that are no enums, and their OIDs. */
static const struct
{
	const char *name;
	Oid			oid;
}			plain_types[CFDW_TYPES] = {
	[CFDW_TYPE_TEXT] = {"text", TEXTOID},
	[CFDW_TYPE_UUID] = {"uuid", UUIDOID},
	[CFDW_TYPE_BOOL] = {"boolean", BOOLOID},
	[CFDW_TYPE_INTEGER] = {"integer", INT4OID},
	[CFDW_TYPE_NUMERIC] = {"numeric", NUMERICOID},
	[CFDW_TYPE_DATE] = {"date", DATEOID},
	[CFDW_TYPE_TIMESTAMPTZ] = {"timestamp with time zone", TIMESTAMPTZOID},
	[CFDW_TYPE_TEXT_ARRAY] = {"text[]", TEXTARRAYOID},
	[CFDW_TYPE_UUID_ARRAY] = {"uuid[]", UUIDARRAYOID},
	[CFDW_TYPE_JSONB] = {"jsonb", JSONBOID},
};

const CfdwResource *
cfdw_resource_find(const char *name)
{
	for (int i = 0; name != NULL && i < cfdw_resource_count; i++)
		if (strcmp(cfdw_resources[i].name, name) == 0)
			return &cfdw_resources[i];
	return NULL;
}

char *
cfdw_resource_names(void)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < cfdw_resource_count; i++)
		appendStringInfo(&names, "%s%s", i ? ", " : "", cfdw_resources[i].name);
	return names.data;
}

const CfdwColumn *
cfdw_resource_column(const CfdwResource *resource, const char *name)
{
	for (int i = 0; i < resource->column_count; i++)
		if (strcmp(resource->columns[i].name, name) == 0)
			return &resource->columns[i];
	return NULL;
}

const CfdwRoute *
cfdw_resource_route(const CfdwResource *resource, const char *bound)
{
	for (int i = 0; i < resource->route_count; i++)
	{
		const char *column = resource->routes[i].bound;

		if (bound == NULL ? column == NULL : column != NULL && strcmp(column, bound) == 0)
			return &resource->routes[i];
	}
	return NULL;
}

int
cfdw_route_index(const CfdwResource *resource, const CfdwRoute *route)
{
	return route - resource->routes;
}

const CfdwEndpoint *
cfdw_route_last(const CfdwRoute *route, int *index)
{
	int			last = 0;

	while (last + 1 < CFDW_MAX_STEPS && route->steps[last + 1] != NULL)
		last++;
	if (index != NULL)
		*index = last;
	return route->steps[last];
}

void
cfdw_endpoint_append_path(StringInfo path, const CfdwEndpoint *endpoint, const char *key)
{
	const char *place = strstr(endpoint->path, "{}");

	if (place == NULL)
		appendStringInfoString(path, endpoint->path);
	else
		appendStringInfo(path, "%.*s%s%s", (int) (place - endpoint->path), endpoint->path, key,
						 place + 2);
}

char *
cfdw_endpoint_path(const CfdwEndpoint *endpoint, const char *key)
{
	StringInfoData path;

	initStringInfo(&path);
	cfdw_endpoint_append_path(&path, endpoint, key);
	return path.data;
}

bool
cfdw_route_reads_listings(const CfdwRoute *route)
{
	CfdwShape	shape = cfdw_route_last(route, NULL)->shape;

	return shape == CFDW_SHAPE_PAGES || shape == CFDW_SHAPE_LIST;
}

bool
cfdw_filter_is_status(const CfdwFilter *filter)
{
	return filter->column != NULL && strcmp(filter->column, "status") == 0;
}

const CfdwEnum *
cfdw_enum_find(CfdwType type)
{
	for (int i = 0; i < cfdw_enum_count; i++)
		if (cfdw_enums[i].type == type)
			return &cfdw_enums[i];
	return NULL;
}

const CfdwStatusFact *
cfdw_status_fact(const CfdwEnum *def, const char *label, size_t len)
{
	if (def->facts == NULL)
		return NULL;
	for (int i = 0; i < def->fact_count; i++)
	{
		const char *known = def->facts[i].label;

		if (strlen(known) == len && memcmp(known, label, len) == 0)
			return &def->facts[i];
	}
	return NULL;
}

bool
cfdw_fact_needs_user(const CfdwStatusFact *fact)
{
	return fact != NULL && strcmp(fact->who_acts, "user") == 0;
}

/* The type's OID; InvalidOid when it is gone. */
static Oid
find_type(CfdwType type)
{
	const CfdwEnum *def = cfdw_enum_find(type);

	if (def == NULL)
		return plain_types[type].oid;
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(def->name),
						   ObjectIdGetDatum(get_namespace_oid("nectar", true)));
}

Oid
cfdw_type_oid(CfdwType type)
{
	Oid			oid = find_type(type);

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("type \"nectar.%s\" does not exist", cfdw_enum_find(type)->name),
				 errhint("Run CREATE EXTENSION connection_fdw.")));
	return oid;
}

const char *
cfdw_type_name(CfdwType type)
{
	const CfdwEnum *def = cfdw_enum_find(type);

	return def ? psprintf("nectar.%s", def->name) : plain_types[type].name;
}

static bool
is_text_type(Oid type)
{
	return type == TEXTOID || type == VARCHAROID;
}

/* The json_path option of a column, or NULL. */
static const char *
json_path_of(Oid relid, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, GetForeignColumnOptions(relid, attnum))
	{
		DefElem    *def = lfirst(lc);

		if (strcmp(def->defname, "json_path") == 0)
			return defGetString(def);
	}
	return NULL;
}

static void
refuse_column(const CfdwResource *resource, Oid relid, const char *name)
{
	ClosestMatchState match;
	const char *closest;

	initClosestMatch(&match, name, 5);
	for (int i = 0; i < resource->column_count; i++)
		updateClosestMatch(&match, resource->columns[i].name);
	closest = getClosestMatch(&match);
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_COLUMN_NAME),
			 errmsg("column \"%s\" of foreign table \"%s\" fits no column of resource \"%s\"",
					name, get_rel_name(relid), resource->name),
			 closest ? errhint("Perhaps you meant the column \"%s\". Another field of the API needs the column option \"json_path\".", closest)
			 : errhint("Another field of the API needs the column option \"json_path\".")));
}

static void
refuse_type(const CfdwColumn *column, Oid relid, Oid type)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
			 errmsg("column \"%s\" of foreign table \"%s\" cannot be of type %s",
					column->name, get_rel_name(relid), format_type_be(type)),
			 column->type == CFDW_TYPE_TEXT ? errhint("Declare it text.") :
			 errhint("Declare it %s, or text.", cfdw_type_name(column->type))));
}

/* Say where a column comes from; not whether it fits. */
static void
find_source(CfdwFit *fit, const CfdwResource *resource, Oid relid, Form_pg_attribute att)
{
	fit->is_text = is_text_type(att->atttypid);
	fit->is_generated = att->attgenerated != '\0';
	fit->json_path = json_path_of(relid, att->attnum);
	if (fit->json_path == NULL)
		fit->column = cfdw_resource_column(resource, NameStr(att->attname));
}

static void
fit_column(CfdwFit *fit, const CfdwResource *resource, Oid relid,
		   Form_pg_attribute att)
{
	find_source(fit, resource, relid, att);
	if (fit->json_path != NULL)
		return;
	if (fit->column == NULL)
		refuse_column(resource, relid, NameStr(att->attname));
	if (!fit->is_text && att->atttypid != cfdw_type_oid(fit->column->type))
		refuse_type(fit->column, relid, att->atttypid);
}

static bool
try_fit_column(CfdwFit *fit, const CfdwResource *resource, Oid relid, Form_pg_attribute att)
{
	find_source(fit, resource, relid, att);
	if (fit->json_path != NULL)
		return true;
	return fit->column != NULL && (fit->is_text || att->atttypid == find_type(fit->column->type));
}

CfdwFit *
cfdw_resource_fit(const CfdwResource *resource, Oid relid, TupleDesc desc)
{
	CfdwFit    *fits = palloc0(sizeof(CfdwFit) * desc->natts);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped)
			fit_column(&fits[i], resource, relid, att);
	}
	return fits;
}

CfdwFit *
cfdw_resource_try_fit(const CfdwResource *resource, Oid relid, TupleDesc desc)
{
	CfdwFit    *fits = palloc0(sizeof(CfdwFit) * desc->natts);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && !try_fit_column(&fits[i], resource, relid, att))
			return NULL;
	}
	return fits;
}
