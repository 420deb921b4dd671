/*-------------------------------------------------------------------------
 *
 * decode.c
 *	  JSON value + column -> Datum, or an error that names the column.
 *
 * Each wanted attribute has a reader chosen once by the type it is declared
 * with.  The types that the resources use are read directly; any other type
 * of a json_path column goes through its own input function.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "decode.h"

#include "catalog/pg_type.h"
#include "common/jsonapi.h"
#include "compat.h"
#include "error.h"
#include "label.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "text.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

/* Labels beyond the documented ones that a scan warns of, each once. */
#define MAX_WARNED 16

typedef struct Attribute Attribute;

typedef Datum (*Reader) (CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node);

struct Attribute
{
	int			index;			/* attribute number - 1 */
	const char *name;
	const char *path_text;
	CfdwPath	path;
	CfdwOrigin	origin;
	bool		required;
	bool		is_company;
	Reader		read;
	Oid			type;
	int32		typmod;

	/* enum types, derived columns included */
	CfdwLabels *labels;
	const CfdwEnum *status;		/* where facts are looked up */

	/* a domain over the type; InvalidOid: none */
	Oid			domain;
	void	   *domain_extra;

	/* any other type */
	FmgrInfo	input;
	Oid			ioparam;
	Attribute  *element;		/* of an array type */
};

struct CfdwDecoder
{
	const char *table;
	CfdwUnknownStatus on_unknown;
	const char *secret;			/* masked in messages */
	const char *embedded[2];	/* members that attrs leaves out */
	int			natts;
	int			count;
	Attribute  *attributes;
	bool		needs_bytes;
	char	   *warned[MAX_WARNED];
	int			warned_count;
	MemoryContext cxt;

	/* what is being read, for error contexts */
	const CfdwElement *element;
	const Attribute *current;
};

/* ---- refusals ---- */

static void
add_context(void *arg)
{
	CfdwDecoder *decoder = arg;

	if (decoder->current == NULL)
		return;
	errcontext("column \"%s\" of foreign table \"%s\", remote request: GET %s",
			   decoder->current->name, decoder->table, decoder->element->path);
}

static void
refuse(CfdwDecoder *decoder, const Attribute *attr, const char *why)
{
	ereport(ERROR,
			(errcode(cfdw_sqlstate(CFDW_BAD_VALUE)),
			 errmsg("cannot read column \"%s\" of foreign table \"%s\"",
					attr->name, decoder->table),
			 attr->path_text[0] == '\0' ? errdetail("The remote object %s.", why) :
			 errdetail("The value of \"%s\" in the remote object %s.",
					   attr->path_text, why)));
}

/* ---- text ---- */

/* A string's bytes, or digits; refuses what no text datum can hold. */
static const char *
scalar_text(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node, size_t *len)
{
	CfdwJsonKind kind = cfdw_json_kind(node);
	const char *text;

	if (kind == CFDW_JSON_OBJECT || kind == CFDW_JSON_ARRAY)
		refuse(decoder, attr, "is an object or an array");
	if (cfdw_json_is_saturated(node))
		refuse(decoder, attr, "is a number beyond 64 bits");
	text = cfdw_json_text(node, len);
	if (memchr(text, '\0', *len) != NULL)
		refuse(decoder, attr, "holds the character \\u0000");
	if (cfdw_json_has_lone_surrogate(decoder->element->json) &&
		strstr(text, "\xEF\xBF\xBD") != NULL)
		refuse(decoder, attr, "holds a lone surrogate");
	if (pg_encoding_verifymbstr(PG_UTF8, text, *len) != (int) *len)
		refuse(decoder, attr, "is not valid UTF-8");
	return text;
}

/* The same in the server encoding, NUL-terminated. */
static const char *
server_text(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node, size_t *len)
{
	const char *text = scalar_text(decoder, attr, node, len);
	const char *converted;

	if (GetDatabaseEncoding() == PG_UTF8)
		return text;
	converted = pg_any_to_server(text, *len, PG_UTF8);
	if (converted != text)
		*len = strlen(converted);
	return converted;
}

static Datum
read_text(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	size_t		len;
	const char *text = server_text(decoder, attr, node, &len);

	return PointerGetDatum(cstring_to_text_with_len(text, len));
}

/* ---- uuid, boolean, numeric ---- */

static Datum
read_uuid(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));
	size_t		len;
	const char *text = scalar_text(decoder, attr, node, &len);

	if (!cfdw_text_to_uuid(text, len, uuid))
		refuse(decoder, attr, "is not a uuid");
	return UUIDPGetDatum(uuid);
}

/* The API sends booleans as strings here and there. */
static Datum
read_bool(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	bool		value = false;
	size_t		len;

	if (cfdw_json_kind(node) == CFDW_JSON_BOOL)
		return BoolGetDatum(cfdw_json_bool(node));
	if (!parse_bool(scalar_text(decoder, attr, node, &len), &value))
		refuse(decoder, attr, "is not a boolean");
	return BoolGetDatum(value);
}

static const char *
skip_digits(const char *p)
{
	while (*p >= '0' && *p <= '9')
		p++;
	return p;
}

/* JSON's grammar of numbers: keeps out NaN, Infinity and blanks. */
static bool
is_json_number(const char *p)
{
	const char *digits = *p == '-' ? p + 1 : p;

	p = skip_digits(digits);
	if (p == digits)
		return false;
	if (*p == '.')
	{
		digits = p + 1;
		p = skip_digits(digits);
		if (p == digits)
			return false;
	}
	if (*p == 'e' || *p == 'E')
	{
		digits = p[1] == '+' || p[1] == '-' ? p + 2 : p + 1;
		p = skip_digits(digits);
		if (p == digits)
			return false;
	}
	return *p == '\0';
}

static Datum
read_numeric(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	size_t		len;
	const char *text = scalar_text(decoder, attr, node, &len);

	if (!is_json_number(text))
		refuse(decoder, attr, "is not a number");
	return DirectFunctionCall3(numeric_in, CStringGetDatum(text),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(attr->typmod));
}

/* ---- dates and timestamps ---- */

/* Read exactly n digits; false when something else stands there. */
static bool
take_digits(const char **p, int n, int *out)
{
	*out = 0;
	for (int i = 0; i < n; i++)
	{
		char		c = (*p)[i];

		if (c < '0' || c > '9')
			return false;
		*out = *out * 10 + (c - '0');
	}
	*p += n;
	return true;
}

static bool
take_char(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* YYYY-MM-DD, and a day that exists. */
static bool
take_date(const char **p, struct pg_tm *tm)
{
	if (!take_digits(p, 4, &tm->tm_year) || !take_char(p, '-') ||
		!take_digits(p, 2, &tm->tm_mon) || !take_char(p, '-') ||
		!take_digits(p, 2, &tm->tm_mday))
		return false;
	return tm->tm_year >= 1 && tm->tm_mon >= 1 && tm->tm_mon <= 12 && tm->tm_mday >= 1 &&
		tm->tm_mday <= day_tab[isleap(tm->tm_year)][tm->tm_mon - 1];
}

/* Digits of a fraction, any number of them, rounded to microseconds. */
static bool
take_fraction(const char **p, fsec_t *fsec)
{
	const char *start = *p;
	int			scale = USECS_PER_SEC / 10;

	for (; **p >= '0' && **p <= '9'; (*p)++)
	{
		if (scale > 0)
			*fsec += (**p - '0') * scale;
		else if (*p - start == 6 && **p >= '5')
			(*fsec)++;
		scale /= 10;
	}
	return *p > start;
}

/* HH:MM[:SS[.fraction]] */
static bool
take_time(const char **p, struct pg_tm *tm, fsec_t *fsec)
{
	if (!take_digits(p, 2, &tm->tm_hour) || !take_char(p, ':') ||
		!take_digits(p, 2, &tm->tm_min))
		return false;
	if (take_char(p, ':') && !take_digits(p, 2, &tm->tm_sec))
		return false;
	if (take_char(p, '.') && !take_fraction(p, fsec))
		return false;
	return tm->tm_hour <= 23 && tm->tm_min <= 59 && tm->tm_sec <= 60;
}

/* Z, +HH, +HHMM, +HH:MM or nothing; seconds west of Greenwich. */
static bool
take_zone(const char **p, int *zone)
{
	bool		east = **p == '+';
	int			hours;
	int			minutes = 0;

	*zone = 0;
	if (**p == '\0' || take_char(p, 'Z') || take_char(p, 'z'))
		return true;
	if (!take_char(p, '+') && !take_char(p, '-'))
		return false;
	if (!take_digits(p, 2, &hours))
		return false;
	(void) take_char(p, ':');
	if (**p != '\0' && !take_digits(p, 2, &minutes))
		return false;
	*zone = (hours * 60 + minutes) * 60 * (east ? -1 : 1);
	return hours <= 15 && minutes <= 59;
}

/*
 * The API's timestamps are ISO 8601; without a zone they are UTC, whatever
 * the session's TimeZone is, so timestamptz's input function is not for them.
 */
static Datum
read_timestamptz(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	struct pg_tm tm = {0};
	fsec_t		fsec = 0;
	int			zone = 0;
	Timestamp	result = 0;
	size_t		len;
	const char *p = scalar_text(decoder, attr, node, &len);

	if (!take_date(&p, &tm) ||
		((take_char(&p, 'T') || take_char(&p, ' ') || take_char(&p, 't')) &&
		 (!take_time(&p, &tm, &fsec) || !take_zone(&p, &zone))) ||
		*p != '\0' ||
		tm2timestamp(&tm, fsec, &zone, &result) != 0)
		refuse(decoder, attr, "is not a timestamp");
	return TimestampTzGetDatum(result);
}

/* A column timestamptz(p), timestamp or timestamp(p); the latter show UTC. */
static Datum
read_rounded_timestamp(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	Datum		value = read_timestamptz(decoder, attr, node);

	if (attr->typmod < 0)
		return value;
	return DirectFunctionCall2(timestamptz_scale, value, Int32GetDatum(attr->typmod));
}

/* A date, or the day that a timestamp names. */
static Datum
read_date(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	struct pg_tm tm = {0};
	size_t		len;
	const char *p = scalar_text(decoder, attr, node, &len);

	if (!take_date(&p, &tm) || (*p != '\0' && *p != 'T'))
		refuse(decoder, attr, "is not a date");
	return DateADTGetDatum(date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE);
}

/* ---- statuses ---- */

static bool
was_warned(CfdwDecoder *decoder, const char *label)
{
	MemoryContext old;

	for (int i = 0; i < decoder->warned_count; i++)
		if (strcmp(decoder->warned[i], label) == 0)
			return true;
	if (decoder->warned_count == MAX_WARNED)
		return true;
	old = MemoryContextSwitchTo(decoder->cxt);
	decoder->warned[decoder->warned_count++] = pstrdup(label);
	MemoryContextSwitchTo(old);
	return false;
}

/* Warn or raise, as on_unknown_status says. */
static void
report_unknown(CfdwDecoder *decoder, Attribute *attr, const char *text, size_t len)
{
	char	   *label = cfdw_text_excerpt(text, Min(len, NAMEDATALEN - 1), decoder->secret);
	int			level = decoder->on_unknown == CFDW_UNKNOWN_ERROR ? ERROR : WARNING;

	if (level == WARNING && was_warned(decoder, label))
		return;
	ereport(level,
			(errcode(cfdw_sqlstate(CFDW_UNKNOWN_LABEL)),
			 errmsg("unrecognized label \"%s\" for column \"%s\" of foreign table \"%s\"",
					label, attr->name, decoder->table),
			 errhint("The owner of the extension can run: ALTER TYPE %s ADD VALUE %s;",
					 format_type_be(attr->type), quote_literal_cstr(label))));
}

/* InvalidOid stands for NULL: the type lacks the label. */
static Oid
find_label(CfdwDecoder *decoder, Attribute *attr, const char *text, size_t len)
{
	Oid			oid = cfdw_labels_find(attr->labels, text, len);

	if (!OidIsValid(oid))
		report_unknown(decoder, attr, text, len);
	return oid;
}

static Datum
read_enum(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	size_t		len;
	const char *text = scalar_text(decoder, attr, node, &len);

	return ObjectIdGetDatum(find_label(decoder, attr, text, len));
}

/* A label that the type lacks is NULL. */
static bool
is_unknown_label(const Attribute *attr, Datum value)
{
	return attr->read == read_enum && !OidIsValid(DatumGetObjectId(value));
}

static const CfdwStatusFact *
fact_of(Attribute *attr, const CfdwJsonNode *node)
{
	const char *text;
	size_t		len;

	if (cfdw_json_kind(node) != CFDW_JSON_STRING)
		return NULL;
	text = cfdw_json_text(node, &len);
	return cfdw_status_fact(attr->status, text, len);
}

/* Never NULL: what is not known is "unknown", so that it cannot hide. */
static Datum
read_category(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	const CfdwStatusFact *fact = fact_of(attr, node);
	const char *category = fact ? fact->category : CFDW_CATEGORY_UNKNOWN;

	if (attr->labels == NULL)
		return CStringGetTextDatum(category);
	return ObjectIdGetDatum(cfdw_labels_find(attr->labels, category, strlen(category)));
}

static Datum
read_needs_user(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	bool		needs = cfdw_fact_needs_user(fact_of(attr, node));

	if (attr->type == BOOLOID)
		return BoolGetDatum(needs);
	return CStringGetTextDatum(needs ? "true" : "false");
}

/* ---- whole objects ---- */

/* Is the member one of those that would make attrs depend on the route? */
static bool
is_embedded(const CfdwDecoder *decoder, CfdwSpan key)
{
	for (int i = 0; i < lengthof(decoder->embedded) && decoder->embedded[i]; i++)
		if (cfdw_span_key_is(key, decoder->embedded[i]))
			return true;
	return false;
}

static bool
is_link(const JsonbValue *value)
{
	return value->type == jbvString &&
		cfdw_text_is_link(value->val.string.val, value->val.string.len);
}

/*
 * Copy a jsonb less secrets.  A member's key is held back until its value is
 * seen, because a value that is a bearer link goes with its key.
 */
static Datum
copy_public(Jsonb *jsonb)
{
	JsonbIterator *iter = JsonbIteratorInit(&jsonb->root);
	JsonbParseState *state = NULL;
	JsonbValue *result = NULL;
	JsonbValue	value;
	JsonbValue	key;
	bool		has_key = false;
	bool		is_scalar;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iter, &value, false)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			has_key = !cfdw_text_names_secret(value.val.string.val, value.val.string.len);
			key = value;
			if (!has_key)
				(void) JsonbIteratorNext(&iter, &value, true);
			continue;
		}
		if ((token == WJB_VALUE || token == WJB_ELEM) && is_link(&value))
		{
			has_key = false;
			continue;
		}
		if (has_key)
			(void) pushJsonbValue(&state, WJB_KEY, &key);
		has_key = false;
		is_scalar = token == WJB_BEGIN_ARRAY && value.val.array.rawScalar;
		result = pushJsonbValue(&state, token, token == WJB_VALUE || token == WJB_ELEM || is_scalar ?
								&value : NULL);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(result));
}

/* Why jsonb cannot hold the text, or NULL. */
static const char *
jsonb_defect(char *text, int len)
{
	switch (pg_parse_json(cfdw_json_lex(text, len, GetDatabaseEncoding()), &nullSemAction))
	{
		case JSON_SUCCESS:
			return NULL;
		case JSON_UNICODE_CODE_POINT_ZERO:
			return "holds the character \\u0000";
		case JSON_UNICODE_HIGH_SURROGATE:
		case JSON_UNICODE_LOW_SURROGATE:
			return "holds a lone surrogate";
		case CFDW_JSON_UNTRANSLATABLE:
			return "holds a character that the server encoding lacks";
		default:
			return "is not well-formed";
	}
}

/* jsonb_in's own errors would quote the object, secrets included. */
static Jsonb *
make_jsonb(const char *utf8, size_t len, const char **why)
{
	char	   *text;

	*why = "is not valid UTF-8";
	if (pg_encoding_verifymbstr(PG_UTF8, utf8, len) != (int) len)
		return NULL;
	text = pg_any_to_server(utf8, len, PG_UTF8);
	if (text == utf8)
		text = pnstrdup(utf8, len);
	*why = jsonb_defect(text, strlen(text));
	if (*why != NULL)
		return NULL;
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

bool
cfdw_decode_public_jsonb(CfdwSpan value, Datum *jsonb, const char **why)
{
	Jsonb	   *whole = make_jsonb(value.at, value.len, why);

	if (whole != NULL)
		*jsonb = copy_public(whole);
	return whole != NULL;
}

/*
 * The object's text less the members that attrs leaves out.  They are cut
 * here already because they can be most of it.
 */
static void
append_members(CfdwDecoder *decoder, CfdwSpan object, StringInfo out)
{
	CfdwSpanIter iter;
	CfdwSpan	key;
	CfdwSpan	value;
	bool		bad;
	const char *separator = "";

	appendStringInfoChar(out, '{');
	(void) cfdw_span_object(object, &iter);
	while (cfdw_span_next(&iter, &key, &value, &bad))
	{
		if (is_embedded(decoder, key))
			continue;
		appendStringInfo(out, "%s\"", separator);
		appendBinaryStringInfo(out, key.at, key.len);
		appendStringInfoString(out, "\":");
		appendBinaryStringInfo(out, value.at, value.len);
		separator = ",";
	}
	appendStringInfoChar(out, '}');
}

/* attrs: from the element's own bytes, so that numbers stay exact. */
static Datum
read_attrs(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	StringInfoData members;
	const char *why;
	Jsonb	   *jsonb;

	initStringInfo(&members);
	append_members(decoder, decoder->element->bytes, &members);
	jsonb = make_jsonb(members.data, members.len, &why);
	if (jsonb == NULL)
		refuse(decoder, attr, why);
	return copy_public(jsonb);
}

static char *
jsonb_text(Datum jsonb)
{
	return JsonbToCString(NULL, &DatumGetJsonbP(jsonb)->root, -1);
}

static Datum
read_attrs_text(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	return CStringGetTextDatum(jsonb_text(read_attrs(decoder, attr, node)));
}

/* Any value of a json_path column as jsonb. */
static Datum
read_jsonb(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	const char *text = cfdw_json_serialize(node);
	const char *why;
	Jsonb	   *jsonb;

	if (cfdw_json_has_lone_surrogate(decoder->element->json) &&
		strstr(text, "\xEF\xBF\xBD") != NULL)
		refuse(decoder, attr, "holds a lone surrogate");
	jsonb = make_jsonb(text, strlen(text), &why);
	if (jsonb == NULL)
		refuse(decoder, attr, why);
	return copy_public(jsonb);
}

/* The same as json. */
static Datum
read_json(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	return CStringGetTextDatum(jsonb_text(read_jsonb(decoder, attr, node)));
}

/* ---- any other type ---- */

/* An object or array as JSON text less secrets, a scalar as it is. */
static char *
input_text(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	CfdwJsonKind kind = cfdw_json_kind(node);
	size_t		len;

	if (kind == CFDW_JSON_OBJECT || kind == CFDW_JSON_ARRAY)
		return jsonb_text(read_jsonb(decoder, attr, node));
	return unconstify(char *, server_text(decoder, attr, node, &len));
}

static Datum
read_by_input(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	return InputFunctionCall(&attr->input, input_text(decoder, attr, node),
							 attr->ioparam, attr->typmod);
}

/* Text of whatever a json_path points at; in a resource's column, a scalar. */
static Datum
read_any_text(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	return CStringGetTextDatum(input_text(decoder, attr, node));
}

/* A bearer link does not become a value, whatever member holds it. */
static bool
is_hidden_link(const CfdwJsonNode *node)
{
	const char *text;
	size_t		len;

	if (cfdw_json_kind(node) != CFDW_JSON_STRING)
		return false;
	text = cfdw_json_text(node, &len);
	return cfdw_text_is_link(text, len);
}

static Datum
read_array(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	Attribute  *element = attr->element;
	Datum	   *values;
	bool	   *nulls;
	int			n = 0;
	int			dims[1];
	int			lower[1] = {1};
	int16		typlen;
	bool		byval;
	char		align;

	if (cfdw_json_kind(node) != CFDW_JSON_ARRAY)
		refuse(decoder, attr, "is not an array");
	values = palloc(sizeof(Datum) * (cfdw_json_length(node) + 1));
	nulls = palloc(sizeof(bool) * (cfdw_json_length(node) + 1));
	for (int i = 0; i < cfdw_json_length(node); i++)
	{
		const CfdwJsonNode *item = cfdw_json_item(node, i);

		if (is_hidden_link(item))
			continue;
		nulls[n] = cfdw_json_kind(item) == CFDW_JSON_NULL;
		if (!nulls[n])
			values[n] = element->read(decoder, element, item);
		nulls[n] |= !nulls[n] && is_unknown_label(element, values[n]);
		n++;
	}
	if (n == 0)
		return PointerGetDatum(construct_empty_array(element->type));
	dims[0] = n;
	get_typlenbyvalalign(element->type, &typlen, &byval, &align);
	return PointerGetDatum(construct_md_array(values, nulls, 1, dims, lower, element->type,
											  typlen, byval, align));
}

/* ---- choosing readers ---- */

static const struct
{
	Oid			type;
	Reader		read;
}			direct_readers[] = {
	{TEXTOID, read_text},
	{UUIDOID, read_uuid},
	{BOOLOID, read_bool},
	{NUMERICOID, read_numeric},
	{DATEOID, read_date},
	{TIMESTAMPTZOID, read_rounded_timestamp},
	{TIMESTAMPOID, read_rounded_timestamp},
	{JSONBOID, read_jsonb},
	{JSONOID, read_json},
};

static bool
is_our_enum(Oid type)
{
	for (int i = 0; i < cfdw_enum_count; i++)
		if (cfdw_type_oid(cfdw_enums[i].type) == type)
			return true;
	return false;
}

static void choose_reader(Attribute *attr);

static void
use_input_function(Attribute *attr)
{
	Oid			input;

	getTypeInputInfo(attr->type, &input, &attr->ioparam);
	fmgr_info(input, &attr->input);
	attr->read = read_by_input;
}

static void
choose_array_reader(Attribute *attr, Oid element_type)
{
	attr->element = palloc(sizeof(Attribute));
	*attr->element = *attr;
	attr->element->type = element_type;
	choose_reader(attr->element);
	attr->read = read_array;
}

static void
choose_reader(Attribute *attr)
{
	Oid			element_type = get_element_type(attr->type);

	for (int i = 0; i < lengthof(direct_readers); i++)
		if (direct_readers[i].type == attr->type)
		{
			attr->read = direct_readers[i].read;
			return;
		}
	if (OidIsValid(element_type))
		choose_array_reader(attr, element_type);
	else if (is_our_enum(attr->type))
	{
		attr->labels = cfdw_labels_read(attr->type);
		attr->read = read_enum;
	}
	else
		use_input_function(attr);
}

/* Columns that are computed, not read. */
static void
choose_derived_reader(Attribute *attr, const CfdwColumn *column)
{
	attr->status = cfdw_enum_find(CFDW_TYPE_CONNECTION_STATUS);
	switch (column->origin)
	{
		case CFDW_CATEGORY_OF:
			attr->read = read_category;
			if (is_our_enum(attr->type))
				attr->labels = cfdw_labels_read(attr->type);
			break;
		case CFDW_NEEDS_USER_OF:
			attr->read = read_needs_user;
			break;
		case CFDW_WHOLE_ELEMENT:
			attr->read = attr->type == JSONBOID ? read_attrs : read_attrs_text;
			break;
		case CFDW_FROM_ELEMENT:
		case CFDW_FROM_PARENT:
			break;
	}
}

/* May objects or arrays stand where a text column reads? */
static bool
may_be_nested(const CfdwColumn *column)
{
	return column == NULL || column->type == CFDW_TYPE_TEXT_ARRAY ||
		column->type == CFDW_TYPE_UUID_ARRAY;
}

static void
prepare(CfdwDecoder *decoder, Attribute *attr, Form_pg_attribute att, const CfdwFit *fit)
{
	const CfdwColumn *column = fit->column;

	attr->index = att->attnum - 1;
	attr->name = pstrdup(NameStr(att->attname));
	attr->typmod = att->atttypmod;
	attr->type = getBaseTypeAndTypmod(att->atttypid, &attr->typmod);
	attr->domain = attr->type != att->atttypid ? att->atttypid : InvalidOid;
	attr->path_text = fit->json_path ? fit->json_path : column->path ? column->path : "";
	attr->origin = column ? column->origin : CFDW_FROM_ELEMENT;
	if (!cfdw_path_split(attr->path_text, &attr->path))
		refuse(decoder, attr, "lies too deep");
	choose_reader(attr);
	if (attr->read == read_text && may_be_nested(column))
		attr->read = read_any_text;
	if (column != NULL)
	{
		attr->required = column->required;
		attr->is_company = column->is_company;
		choose_derived_reader(attr, column);
	}
	decoder->needs_bytes |= attr->origin == CFDW_WHOLE_ELEMENT;
}

CfdwDecoder *
cfdw_decoder_create(const CfdwResource *resource, const char *table, TupleDesc desc,
					const CfdwFit *fits, List *columns, CfdwUnknownStatus on_unknown,
					const char *secret)
{
	CfdwDecoder *decoder = palloc0(sizeof(CfdwDecoder));
	ListCell   *lc;

	decoder->table = pstrdup(table);
	decoder->on_unknown = on_unknown;
	decoder->secret = secret;
	decoder->cxt = CurrentMemoryContext;
	decoder->natts = desc->natts;
	decoder->attributes = palloc0(sizeof(Attribute) * (list_length(columns) + 1));
	if (resource->embedded == NULL)
	{
		decoder->embedded[0] = "accounts";
		decoder->embedded[1] = "sites";
	}
	foreach(lc, columns)
	{
		int			index = lfirst_int(lc) - 1;
		Form_pg_attribute att = TupleDescAttr(desc, index);

		if (!att->attisdropped)
			prepare(decoder, &decoder->attributes[decoder->count++], att, &fits[index]);
	}
	return decoder;
}

bool
cfdw_decoder_needs_bytes(const CfdwDecoder *decoder)
{
	return decoder->needs_bytes;
}

/* ---- a row ---- */

/* The company that was asked for stands in where the answer names none. */
static bool
fill_in_company(CfdwDecoder *decoder, Attribute *attr, Datum *value)
{
	const char *company = decoder->element->company;
	pg_uuid_t  *uuid;

	if (!attr->is_company || company == NULL)
		return false;
	uuid = palloc(sizeof(pg_uuid_t));
	if (!cfdw_text_to_uuid(company, strlen(company), uuid))
		return false;
	*value = attr->type == UUIDOID ? UUIDPGetDatum(uuid) : CStringGetTextDatum(company);
	return true;
}

static bool
is_computed(const Attribute *attr)
{
	return attr->origin == CFDW_CATEGORY_OF || attr->origin == CFDW_NEEDS_USER_OF ||
		attr->origin == CFDW_WHOLE_ELEMENT;
}

static void
decode_attribute(CfdwDecoder *decoder, Attribute *attr, Datum *value, bool *isnull)
{
	const CfdwElement *element = decoder->element;
	const CfdwJsonNode *from = attr->origin == CFDW_FROM_PARENT ? element->parent : element->row;
	const CfdwJsonNode *node = attr->origin == CFDW_WHOLE_ELEMENT ? from :
		cfdw_json_at(from, &attr->path);

	*isnull = false;
	if (cfdw_json_kind(node) == CFDW_JSON_NULL && !is_computed(attr))
	{
		*isnull = !fill_in_company(decoder, attr, value);
		if (*isnull && attr->required)
			refuse(decoder, attr, "is missing");
		return;
	}
	*isnull = is_hidden_link(node);
	if (*isnull)
		return;
	*value = attr->read(decoder, attr, node);
	*isnull = is_unknown_label(attr, *value);
}

void
cfdw_decode(CfdwDecoder *decoder, const CfdwElement *element, Datum *values, bool *isnull)
{
	ErrorContextCallback callback = {
		.callback = add_context,
		.arg = decoder,
		.previous = error_context_stack,
	};

	memset(isnull, true, sizeof(bool) * decoder->natts);
	decoder->element = element;
	error_context_stack = &callback;
	for (int i = 0; i < decoder->count; i++)
	{
		Attribute  *attr = &decoder->attributes[i];

		decoder->current = attr;
		decode_attribute(decoder, attr, &values[attr->index], &isnull[attr->index]);
		if (OidIsValid(attr->domain))
			domain_check(values[attr->index], isnull[attr->index], attr->domain,
						 &attr->domain_extra, decoder->cxt);
	}
	decoder->current = NULL;
	error_context_stack = callback.previous;
}
