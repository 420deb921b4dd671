/*-------------------------------------------------------------------------
 *
 * import.c
 *	  IMPORT FOREIGN SCHEMA: the catalogue as CREATE FOREIGN TABLE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "import.h"

#include "foreign/foreign.h"
#include "options.h"
#include "resource.h"
#include "utils/builtins.h"

/* The only schema that the API has, as it were. */
#define REMOTE_SCHEMA "nectar"

static const char *
declared_type(const CfdwColumn *column, const CfdwOptions *options)
{
	if (options->status_type == CFDW_STATUS_TEXT && cfdw_enum_find(column->type) != NULL)
		return cfdw_type_name(CFDW_TYPE_TEXT);
	return cfdw_type_name(column->type);
}

static char *
create_table(const CfdwResource *resource, const char *server, const CfdwOptions *options)
{
	StringInfoData sql;
	bool		first = true;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE FOREIGN TABLE %s (", quote_identifier(resource->name));
	for (int i = 0; i < resource->column_count; i++)
	{
		const CfdwColumn *column = &resource->columns[i];

		if (column->origin == CFDW_WHOLE_ELEMENT && !options->attrs)
			continue;
		appendStringInfo(&sql, "%s\n  %s %s", first ? "" : ",", quote_identifier(column->name),
						 declared_type(column, options));
		first = false;
	}
	appendStringInfo(&sql, "\n) SERVER %s OPTIONS (resource %s)", quote_identifier(server),
					 quote_literal_cstr(resource->name));
	return sql.data;
}

List *
cfdwImportForeignSchema(ImportForeignSchemaStmt *stmt, Oid serverOid)
{
	ForeignServer *server = GetForeignServer(serverOid);
	CfdwOptions options;
	List	   *commands = NIL;

	if (strcmp(stmt->remote_schema, REMOTE_SCHEMA) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				 errmsg("schema \"%s\" is not present on foreign server \"%s\"",
						stmt->remote_schema, server->servername),
				 errhint("The schema to import is called \"%s\".", REMOTE_SCHEMA)));
	cfdw_options_validate(stmt->options, CFDW_PLACE_IMPORT);
	cfdw_options_init(&options);
	cfdw_options_apply(&options, stmt->options);
	for (int i = 0; i < cfdw_resource_count; i++)
		if (IsImportableForeignTable(cfdw_resources[i].name, stmt))
			commands = lappend(commands, create_table(&cfdw_resources[i], server->servername,
													  &options));
	return commands;
}
