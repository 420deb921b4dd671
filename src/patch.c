/*-------------------------------------------------------------------------
 *
 * patch.c
 *	  Which columns an UPDATE can change, and the body that does it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "patch.h"

#include "catalog/pg_type.h"
#include "decode.h"
#include "encode.h"
#include "label.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/uuid.h"

/* ---- columns ---- */

static Form_pg_attribute
attribute_of(const CfdwTable *table, AttrNumber attnum)
{
	return TupleDescAttr(table->desc, attnum - 1);
}

/* The attribute that shows a column of the resource; 0 when none does. */
static AttrNumber
attribute_that_shows(const CfdwTable *table, const CfdwColumn *column)
{
	for (int i = 0; i < table->desc->natts; i++)
		if (table->fits[i].column == column)
			return i + 1;
	return 0;
}

AttrNumber
cfdw_patch_id(const CfdwTable *table)
{
	return attribute_that_shows(table, cfdw_resource_column(table->resource, "id"));
}

bool
cfdw_patch_takes(const CfdwTable *table, AttrNumber attnum)
{
	const CfdwFit *fit = &table->fits[attnum - 1];

	return fit->column != NULL && fit->column->patch != NULL && !fit->is_generated;
}

List *
cfdw_patch_columns(const CfdwTable *table)
{
	List	   *columns = NIL;

	for (int i = 0; i < table->resource->column_count; i++)
	{
		AttrNumber	attnum = attribute_that_shows(table, &table->resource->columns[i]);

		if (attnum != 0 && cfdw_patch_takes(table, attnum))
			columns = lappend_int(columns, attnum);
	}
	return columns;
}

List *
cfdw_patch_members(const CfdwTable *table, List *columns)
{
	List	   *members = NIL;
	ListCell   *lc;

	foreach(lc, columns)
		members = lappend(members, unconstify(char *, table->fits[lfirst_int(lc) - 1].column->patch));
	return members;
}

/* ---- values ---- */

/* A value of a column; texts stand for any type. */
typedef struct Value
{
	const CfdwColumn *column;
	bool		is_text;
	Oid			type;
	Datum		datum;
} Value;

/* What can be sent of a column, a sentence. */
static const char *
takes(const CfdwColumn *column)
{
	if (column->patch_true != NULL)
		return psprintf("It can be set to %s or %s.", column->patch_true, column->patch_false);
	if (column->type == CFDW_TYPE_DATE)
		return "It can be set to a date from 0001-01-01 to 9999-12-31, or null.";
	return "It can be set to true or false.";
}

static bool
add_label(CfdwBody *body, const Value *value)
{
	const CfdwColumn *column = value->column;
	Oid			type;
	const char *label = value->is_text ? TextDatumGetCString(value->datum) :
		cfdw_label_text(DatumGetObjectId(value->datum), &type);
	bool		is_true = strcmp(label, column->patch_true) == 0;

	if (!is_true && strcmp(label, column->patch_false) != 0)
		return false;
	cfdw_body_bool(body, column->patch, is_true);
	return true;
}

static bool
add_bool(CfdwBody *body, const Value *value)
{
	bool		is_true = false;

	if (!value->is_text)
		is_true = DatumGetBool(value->datum);
	else if (!parse_bool(TextDatumGetCString(value->datum), &is_true))
		return false;
	cfdw_body_bool(body, value->column->patch, is_true);
	return true;
}

/* A text is read as the API writes dates, whatever DateStyle is. */
static bool
read_date_text(Datum datum, DateADT *date)
{
	char	   *given = TextDatumGetCString(datum);
	CfdwSpan	span = {given, strlen(given)};

	return cfdw_decode_date(span, date);
}

static bool
add_date(CfdwBody *body, const Value *value)
{
	DateADT		date = 0;

	if (!value->is_text)
		date = DatumGetDateADT(value->datum);
	else if (!read_date_text(value->datum, &date))
		return false;
	if (!cfdw_body_takes_date(date))
		return false;
	cfdw_body_date(body, value->column->patch, date);
	return true;
}

static bool
add_null(CfdwBody *body, const CfdwColumn *column)
{
	if (column->patch_null)
		cfdw_body_null(body, column->patch);
	return column->patch_null;
}

/* Add a member; false when the value is none that the API takes. */
static bool
add_value(CfdwBody *body, const Value *value, bool isnull)
{
	if (isnull)
		return add_null(body, value->column);
	if (value->column->patch_true != NULL)
		return add_label(body, value);
	if (value->column->type == CFDW_TYPE_BOOL)
		return add_bool(body, value);
	if (value->column->type == CFDW_TYPE_DATE)
		return add_date(body, value);
	elog(ERROR, "column \"%s\" is of a type that no PATCH takes", value->column->name);
}

/* The beginning of a value's text, for a message. */
static char *
value_text(Oid type, Datum datum)
{
	Oid			output;
	bool		is_varlena;
	char	   *text;

	getTypeOutputInfo(type, &output, &is_varlena);
	text = OidOutputFunctionCall(output, datum);
	text[pg_mbcliplen(text, strlen(text), NAMEDATALEN - 1)] = '\0';
	return text;
}

char *
cfdw_patch_body(const CfdwTable *table, List *columns, TupleTableSlot *slot,
				CfdwPatchDefect *defect)
{
	CfdwBody	body;
	ListCell   *lc;

	cfdw_body_begin(&body);
	foreach(lc, columns)
	{
		AttrNumber	attnum = lfirst_int(lc);
		const CfdwFit *fit = &table->fits[attnum - 1];
		bool		isnull;
		Value		value = {
			.column = fit->column,
			.is_text = fit->is_text,
			.type = attribute_of(table, attnum)->atttypid,
			.datum = slot_getattr(slot, attnum, &isnull),
		};

		if (add_value(&body, &value, isnull))
			continue;
		defect->hint = takes(fit->column);
		defect->column = fit->column->name;
		defect->value = isnull ? NULL : value_text(value.type, value.datum);
		return NULL;
	}
	return cfdw_body_end(&body);
}

void
cfdw_patch_row_id(const CfdwTable *table, TupleTableSlot *slot, char out[CFDW_UUID_TEXT_SIZE])
{
	AttrNumber	attnum = cfdw_patch_id(table);
	pg_uuid_t	uuid;
	bool		isnull;
	Datum		value = slot_getattr(slot, attnum, &isnull);
	bool		is_uuid = !isnull;

	if (is_uuid && attribute_of(table, attnum)->atttypid == UUIDOID)
		uuid = *DatumGetUUIDP(value);
	else if (is_uuid)
	{
		char	   *given = TextDatumGetCString(value);

		is_uuid = cfdw_text_to_uuid(given, strlen(given), &uuid);
	}
	if (!is_uuid)
		ereport(ERROR,
				(errcode(cfdw_sqlstate(CFDW_BAD_VALUE)),
				 errmsg("a row of foreign table \"%s\" has no id to update it by", table->name)));
	cfdw_text_from_uuid(&uuid, out);
}
