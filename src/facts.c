/*-------------------------------------------------------------------------
 *
 * facts.c
 *	  SQL functions over the catalogue: status facts, options, errors.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "facts.h"

#include "compat.h"
#include "error.h"
#include "label.h"
#include "options.h"
#include "resource.h"
#include "utils/builtins.h"
#include "utils/elog.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(connection_fdw_status_category);
PG_FUNCTION_INFO_V1(connection_fdw_needs_user_action);
PG_FUNCTION_INFO_V1(connection_fdw_is_checked_weekly);
PG_FUNCTION_INFO_V1(connection_fdw_is_terminal);
PG_FUNCTION_INFO_V1(connection_fdw_guidance);
PG_FUNCTION_INFO_V1(connection_fdw_status_facts);
PG_FUNCTION_INFO_V1(connection_fdw_options);
PG_FUNCTION_INFO_V1(connection_fdw_errors);

/* ---- one status ---- */

/* The fact behind an enum value; NULL for a label that was added later. */
static const CfdwStatusFact *
fact_of_value(Oid value)
{
	Oid			type;
	char	   *label = cfdw_label_text(value, &type);
	CfdwType	kind = type == cfdw_type_oid(CFDW_TYPE_ACCOUNT_STATUS) ?
		CFDW_TYPE_ACCOUNT_STATUS : CFDW_TYPE_CONNECTION_STATUS;

	return cfdw_status_fact(cfdw_enum_find(kind), label, strlen(label));
}

Datum
connection_fdw_status_category(PG_FUNCTION_ARGS)
{
	const CfdwStatusFact *fact = fact_of_value(PG_GETARG_OID(0));
	const char *category = fact ? fact->category : CFDW_CATEGORY_UNKNOWN;
	CfdwLabels *labels = cfdw_labels_read(cfdw_type_oid(CFDW_TYPE_CATEGORY));

	PG_RETURN_OID(cfdw_labels_find(labels, category, strlen(category)));
}

Datum
connection_fdw_needs_user_action(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(cfdw_fact_needs_user(fact_of_value(PG_GETARG_OID(0))));
}

Datum
connection_fdw_is_checked_weekly(PG_FUNCTION_ARGS)
{
	const CfdwStatusFact *fact = fact_of_value(PG_GETARG_OID(0));

	if (fact == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(fact->checked_weekly);
}

Datum
connection_fdw_is_terminal(PG_FUNCTION_ARGS)
{
	const CfdwStatusFact *fact = fact_of_value(PG_GETARG_OID(0));

	if (fact == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(fact->terminal);
}

Datum
connection_fdw_guidance(PG_FUNCTION_ARGS)
{
	const CfdwStatusFact *fact = fact_of_value(PG_GETARG_OID(0));

	if (fact == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(fact->action));
}

/* ---- tables ---- */

static void
put_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;
	if (text != NULL)
		values[column] = CStringGetTextDatum(text);
}

/* status_facts(type): the documented labels of an enum with their facts. */
Datum
connection_fdw_status_facts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < cfdw_enum_count; i++)
	{
		const CfdwEnum *def = &cfdw_enums[i];

		if (def->facts == NULL || strcmp(def->name, name) != 0)
			continue;
		for (int j = 0; j < def->fact_count; j++)
		{
			const CfdwStatusFact *fact = &def->facts[j];
			Datum		values[8];
			bool		nulls[8] = {false};

			put_text(values, nulls, 0, fact->label);
			put_text(values, nulls, 1, fact->description);
			put_text(values, nulls, 2, fact->category);
			put_text(values, nulls, 3, fact->who_acts);
			put_text(values, nulls, 4, fact->action);
			values[5] = BoolGetDatum(fact->paused);
			values[6] = BoolGetDatum(fact->checked_weekly);
			values[7] = BoolGetDatum(fact->terminal);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
	}
	return (Datum) 0;
}

/* options(): a row for each option and place. */
Datum
connection_fdw_options(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CfdwOptionRow row;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; cfdw_option_row(i, &row); i++)
		for (int place = CFDW_PLACE_SERVER; place <= CFDW_PLACE_IMPORT; place <<= 1)
		{
			Datum		values[9];
			bool		nulls[9] = {false};

			if ((row.places & place) == 0)
				continue;
			put_text(values, nulls, 0, row.name);
			put_text(values, nulls, 1, cfdw_place_name(place));
			put_text(values, nulls, 2, row.type);
			put_text(values, nulls, 3, row.defval);
			put_text(values, nulls, 4, row.minval);
			put_text(values, nulls, 5, row.maxval);
			values[6] = BoolGetDatum(row.secret);
			values[7] = BoolGetDatum(row.superuser);
			put_text(values, nulls, 8, row.help);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
	return (Datum) 0;
}

/* errors(): a row for each cause of a remote failure. */
Datum
connection_fdw_errors(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int cause = CFDW_OK + 1; cause < CFDW_CAUSES; cause++)
	{
		const CfdwErrorRow *row = cfdw_error_row(cause);
		Datum		values[3];
		bool		nulls[3] = {false};

		put_text(values, nulls, 0, row->name);
		put_text(values, nulls, 1, unpack_sql_state(row->sqlstate));
		put_text(values, nulls, 2, row->when);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
