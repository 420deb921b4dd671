/*-------------------------------------------------------------------------
 *
 * encode.c
 *	  Values -> the JSON body of an act.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "encode.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "mb/pg_wchar.h"
#include "text.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/uuid.h"

void
cfdw_body_begin(CfdwBody *body)
{
	initStringInfo(&body->text);
	appendStringInfoChar(&body->text, '{');
}

static void
add_name(CfdwBody *body, const char *name)
{
	if (body->text.len > 1)
		appendStringInfoChar(&body->text, ',');
	appendStringInfo(&body->text, "\"%s\":", name);
}

void
cfdw_body_bool(CfdwBody *body, const char *name, bool value)
{
	add_name(body, name);
	appendStringInfoString(&body->text, value ? "true" : "false");
}

static char *
element_text(Oid type, Datum value)
{
	char	   *uuid;

	if (type != UUIDOID)
		return TextDatumGetCString(value);
	uuid = palloc(CFDW_UUID_TEXT_SIZE);
	cfdw_text_from_uuid(DatumGetUUIDP(value), uuid);
	return uuid;
}

void
cfdw_body_array(CfdwBody *body, const char *name, ArrayType *value)
{
	Datum	   *items;
	bool	   *nulls;
	int			count;

	cfdw_array_items(value, &items, &nulls, &count);
	add_name(body, name);
	appendStringInfoChar(&body->text, '[');
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			appendStringInfoChar(&body->text, ',');
		escape_json(&body->text, element_text(ARR_ELEMTYPE(value), items[i]));
	}
	appendStringInfoChar(&body->text, ']');
}

char *
cfdw_body_end(CfdwBody *body)
{
	appendStringInfoChar(&body->text, '}');
	return pg_server_to_any(body->text.data, body->text.len, PG_UTF8);
}
