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
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/uuid.h"

void
cfdw_body_begin(CfdwBody *body)
{
	initStringInfo(&body->text);
	appendStringInfoChar(&body->text, '{');
	body->has_members = false;
}

static void
add_name(CfdwBody *body, const char *name)
{
	if (body->has_members)
		appendStringInfoChar(&body->text, ',');
	appendStringInfo(&body->text, "\"%s\":", name);
	body->has_members = true;
}

void
cfdw_body_null(CfdwBody *body, const char *name)
{
	add_name(body, name);
	appendStringInfoString(&body->text, "null");
}

void
cfdw_body_bool(CfdwBody *body, const char *name, bool value)
{
	add_name(body, name);
	appendStringInfoString(&body->text, value ? "true" : "false");
}

void
cfdw_body_int(CfdwBody *body, const char *name, int64 value)
{
	add_name(body, name);
	appendStringInfo(&body->text, INT64_FORMAT, value);
}

void
cfdw_body_text(CfdwBody *body, const char *name, const char *value)
{
	add_name(body, name);
	escape_json(&body->text, value);
}

bool
cfdw_body_takes_date(DateADT value)
{
	return !DATE_NOT_FINITE(value) && value >= date2j(1, 1, 1) - POSTGRES_EPOCH_JDATE &&
		value <= date2j(9999, 12, 31) - POSTGRES_EPOCH_JDATE;
}

void
cfdw_body_date(CfdwBody *body, const char *name, DateADT value)
{
	char		text[MAXDATELEN + 1];
	struct pg_tm parts = {0};

	j2date(value + POSTGRES_EPOCH_JDATE, &parts.tm_year, &parts.tm_mon, &parts.tm_mday);
	EncodeDateOnly(&parts, USE_ISO_DATES, text);
	cfdw_body_text(body, name, text);
}

void
cfdw_body_open(CfdwBody *body, const char *name)
{
	add_name(body, name);
	appendStringInfoChar(&body->text, '{');
	body->has_members = false;
}

void
cfdw_body_close(CfdwBody *body)
{
	appendStringInfoChar(&body->text, '}');
	body->has_members = true;
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
