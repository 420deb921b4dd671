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
#include "mb/pg_wchar.h"
#include "text.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
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
	if (body->text.data[body->text.len - 1] != '{')
		appendStringInfoChar(&body->text, ',');
	appendStringInfo(&body->text, "\"%s\":", name);
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

void
cfdw_body_date(CfdwBody *body, const char *name, DateADT value)
{
	int			year;
	int			month;
	int			day;

	if (DATE_NOT_FINITE(value))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("a date sent to the API must be finite")));
	j2date(value + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	if (year < 1 || year > 9999)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("a date sent to the API must lie between the years 1 and 9999")));
	cfdw_body_text(body, name, psprintf("%04d-%02d-%02d", year, month, day));
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
cfdw_body_array(CfdwBody *body, const char *name, ArrayType *value, const char *argument)
{
	Oid			type = ARR_ELEMTYPE(value);
	int16		typlen;
	bool		byval;
	char		align;
	Datum	   *items;
	bool	   *nulls;
	int			count;

	get_typlenbyvalalign(type, &typlen, &byval, &align);
	deconstruct_array(value, type, typlen, byval, align, &items, &nulls, &count);
	add_name(body, name);
	appendStringInfoChar(&body->text, '[');
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not hold nulls", argument)));
		if (i > 0)
			appendStringInfoChar(&body->text, ',');
		escape_json(&body->text, element_text(type, items[i]));
	}
	appendStringInfoChar(&body->text, ']');
}

void
cfdw_body_open(CfdwBody *body, const char *name)
{
	add_name(body, name);
	appendStringInfoChar(&body->text, '{');
}

void
cfdw_body_close(CfdwBody *body)
{
	appendStringInfoChar(&body->text, '}');
}

char *
cfdw_body_end(CfdwBody *body)
{
	char	   *utf8;

	appendStringInfoChar(&body->text, '}');
	utf8 = pg_server_to_any(body->text.data, body->text.len, PG_UTF8);
	if (utf8 != body->text.data)
		cfdw_body_wipe(body->text.data);
	return utf8;
}

void
cfdw_body_wipe(char *text)
{
	explicit_bzero(text, strlen(text));
}
