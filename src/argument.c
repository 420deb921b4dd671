/*-------------------------------------------------------------------------
 *
 * argument.c
 *	  Arguments of functions that act: read, and refused before anything is sent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "argument.h"

#include "compat.h"
#include "encode.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* ---- texts ---- */

char *
cfdw_arg_text(FunctionCallInfo fcinfo, int index, const char *argument)
{
	return PG_ARGISNULL(index) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(index));
}

static bool
has_blank(const char *text)
{
	for (const unsigned char *p = (const unsigned char *) text; *p; p++)
		if (*p <= ' ' || *p == 0x7f)
			return true;
	return false;
}

/* Loose on purpose: which addresses exist is the API's to say. */
static bool
is_email(const char *text)
{
	const char *at = strchr(text, '@');

	return at != NULL && at != text && at[1] != '\0' && strchr(at + 1, '@') == NULL &&
		!has_blank(text);
}

static int
hint_email(void)
{
	return errhint("An address is written name@example.com, without a display name and without blanks.");
}

char *
cfdw_arg_email(FunctionCallInfo fcinfo, int index, const char *argument)
{
	char	   *email = cfdw_arg_text(fcinfo, index, argument);

	if (email != NULL && !is_email(email))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is no e-mail address", argument),
				 hint_email()));
	return email;
}

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

char *
cfdw_arg_country(FunctionCallInfo fcinfo, int index, const char *argument)
{
	char	   *country = cfdw_arg_text(fcinfo, index, argument);

	if (country == NULL)
		return NULL;
	if (strlen(country) != 2 || !is_letter(country[0]) || !is_letter(country[1]))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is no country code", argument),
				 errhint("A country code has two letters, such as US or DE.")));
	country[0] = pg_ascii_toupper(country[0]);
	country[1] = pg_ascii_toupper(country[1]);
	return country;
}

/* ---- numbers and times ---- */

bool
cfdw_arg_bool(FunctionCallInfo fcinfo, int index, bool *value)
{
	if (PG_ARGISNULL(index))
		return false;
	*value = PG_GETARG_BOOL(index);
	return true;
}

bool
cfdw_arg_int(FunctionCallInfo fcinfo, int index, const char *argument, int32 least, int32 *value)
{
	if (PG_ARGISNULL(index))
		return false;
	*value = PG_GETARG_INT32(index);
	if (*value < least)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be at least %d", argument, least),
				 errhint("Leave it out to set no bound.")));
	return true;
}

bool
cfdw_arg_date(FunctionCallInfo fcinfo, int index, const char *argument, DateADT *value)
{
	if (PG_ARGISNULL(index))
		return false;
	*value = PG_GETARG_DATEADT(index);
	if (!cfdw_body_takes_date(*value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is a date that cannot be sent", argument),
				 errhint("Dates go from 0001-01-01 to 9999-12-31.")));
	return true;
}

/* EXTRACT(epoch ...): a year has 365.25 days, a month 30. */
static int64
whole_seconds(const Interval *interval)
{
	int64		seconds = interval->time / USECS_PER_SEC;

	seconds += (int64) interval->day * SECS_PER_DAY;
	seconds += (int64) (interval->month / MONTHS_PER_YEAR) * (SECS_PER_DAY / 4 * 1461);
	seconds += (int64) (interval->month % MONTHS_PER_YEAR) * (DAYS_PER_MONTH * SECS_PER_DAY);
	return seconds;
}

bool
cfdw_arg_seconds(FunctionCallInfo fcinfo, int index, const char *argument, int32 least,
				 int32 *value)
{
	int64		seconds;

	if (PG_ARGISNULL(index))
		return false;
	seconds = whole_seconds(PG_GETARG_INTERVAL_P(index));
	if (seconds < least || seconds > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be from %d to %d seconds", argument, least, PG_INT32_MAX),
				 errhint("It is sent in whole seconds, a month as 30 days and a year as 365.25 days.")));
	*value = seconds;
	return true;
}

/* ---- arrays ---- */

ArrayType *
cfdw_arg_array(FunctionCallInfo fcinfo, int index, const char *argument, const char *elements)
{
	ArrayType  *array;

	if (PG_ARGISNULL(index))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(index);
	if (ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) == 0 || array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must hold %s and no nulls", argument, elements),
				 errhint("Leave it out where there are none.")));
	return array;
}

ArrayType *
cfdw_arg_emails(FunctionCallInfo fcinfo, int index, const char *argument)
{
	ArrayType  *array = cfdw_arg_array(fcinfo, index, argument, "e-mail addresses");
	Datum	   *items;
	bool	   *nulls;
	int			count = 0;

	if (array != NULL)
		cfdw_array_items(array, &items, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (!is_email(TextDatumGetCString(items[i])))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("element %d of argument \"%s\" is no e-mail address", i + 1, argument),
					 hint_email()));
	return array;
}
