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
	const CfdwJsonNode *const *place;	/* of the value in each row */
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
	int16		typlen;			/* of an array's element */
	bool		byval;
	char		align;
};

struct CfdwDecoder
{
	const char *table;
	CfdwUnknownStatus on_unknown;
	const char *secret;			/* masked in messages */
	const char *embedded[2];	/* members that attrs leaves out */
	const char *const *left_out;	/* more of them, with NULL at the end; or
									 * NULL */
	int			natts;
	int			count;
	Attribute  *attributes;
	int			depth;			/* that rows must be read to */
	CfdwPaths  *of_row;			/* where values are looked for */
	CfdwPaths  *of_parent;
	CfdwJson   *whole;			/* a value that becomes jsonb */
	char	   *warned[MAX_WARNED];
	int			warned_count;
	MemoryContext cxt;

	/* what is being read, for error contexts */
	const char *method;
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
	if (decoder->element->path == NULL)
		errcontext("column \"%s\" of foreign table \"%s\"", decoder->current->name, decoder->table);
	else
		errcontext("column \"%s\" of foreign table \"%s\", remote request: %s %s",
				   decoder->current->name, decoder->table, decoder->method,
				   decoder->element->path);
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

/* A string's text, or digits; refuses what no text datum can hold. */
static CfdwSpan
scalar_text(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	CfdwJsonKind kind = cfdw_json_kind(node);
	const char *why = cfdw_json_text_defect(node);
	CfdwSpan	text = cfdw_json_text(node);

	if (kind == CFDW_JSON_OBJECT || kind == CFDW_JSON_ARRAY)
		refuse(decoder, attr, "is an object or an array");
	if (why != NULL)
		refuse(decoder, attr, why);
	if (pg_encoding_verifymbstr(PG_UTF8, text.at, text.len) != (int) text.len)
		refuse(decoder, attr, "is not valid UTF-8");
	return text;
}

/* Verified UTF-8 in the server encoding; false when that cannot write it. */
static bool
to_server_encoding(CfdwSpan *text)
{
	const char *converted;

	if (GetDatabaseEncoding() == PG_UTF8)
		return true;
	if (!cfdw_text_fits_server(text->at, text->len))
		return false;
	converted = pg_any_to_server(text->at, text->len, PG_UTF8);
	if (converted != text->at)
	{
		text->at = converted;
		text->len = strlen(converted);
	}
	return true;
}

/* Of a text that the server encoding cannot write. */
#define UNWRITABLE "holds a character that the database's encoding lacks"

/* A scalar in the server encoding. */
static CfdwSpan
server_text(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	CfdwSpan	text = scalar_text(decoder, attr, node);

	if (!to_server_encoding(&text))
		refuse(decoder, attr, UNWRITABLE);
	return text;
}

static Datum
read_text(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	CfdwSpan	text = server_text(decoder, attr, node);

	return PointerGetDatum(cstring_to_text_with_len(text.at, text.len));
}

/* ---- uuid, boolean, numeric ---- */

static Datum
read_uuid(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));
	CfdwSpan	text = scalar_text(decoder, attr, node);

	if (!cfdw_text_to_uuid(text.at, text.len, uuid))
		refuse(decoder, attr, "is not a uuid");
	return UUIDPGetDatum(uuid);
}

/* The API sends booleans as strings here and there. */
static Datum
read_bool(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	bool		value = false;
	CfdwSpan	text;

	if (cfdw_json_kind(node) == CFDW_JSON_BOOL)
		return BoolGetDatum(cfdw_json_bool(node));
	text = scalar_text(decoder, attr, node);
	if (!parse_bool_with_len(text.at, text.len, &value))
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

/* A whole number, which may be written with zeros behind a decimal point. */
static Datum
read_integer(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	CfdwSpan	text = scalar_text(decoder, attr, node);
	const char *digits = pnstrdup(text.at, text.len);
	char	   *end;
	long		number;

	errno = 0;
	number = strtol(digits, &end, 10);
	if (*end == '.')
		end += 1 + strspn(end + 1, "0");
	if (!is_json_number(digits) || *end != '\0')
		refuse(decoder, attr, "is not a whole number");
	if (errno != 0 || number < PG_INT32_MIN || number > PG_INT32_MAX)
		refuse(decoder, attr, "is a number beyond integer's limits");
	return Int32GetDatum((int32) number);
}

/* numeric's limits: digits before the decimal point, and behind it. */
#define NUMERIC_MOST_WHOLE 131072
#define NUMERIC_MOST_FRACTION 16383

/* Can numeric hold a number of JSON's grammar? */
static bool
fits_numeric(const char *p)
{
	const char *digits = *p == '-' ? p + 1 : p;
	int			most = NUMERIC_MOST_WHOLE + NUMERIC_MOST_FRACTION;
	ptrdiff_t	whole;
	ptrdiff_t	fraction = 0;
	long		exponent = 0;

	p = skip_digits(digits);
	whole = p - digits;
	if (*p == '.')
	{
		digits = p + 1;
		p = skip_digits(digits);
		fraction = p - digits;
	}
	if (*p != '\0')
		exponent = strtol(p + 1, NULL, 10);
	if (exponent > most || exponent < -most)
		return false;
	return whole + exponent <= NUMERIC_MOST_WHOLE && fraction - exponent <= NUMERIC_MOST_FRACTION;
}

static Datum
numeric_of(const char *digits, int32 typmod)
{
	return DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(typmod));
}

static Datum
read_numeric(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	CfdwSpan	text = scalar_text(decoder, attr, node);
	const char *digits = pnstrdup(text.at, text.len);

	if (!is_json_number(digits))
		refuse(decoder, attr, "is not a number");
	if (!fits_numeric(digits))
		refuse(decoder, attr, "is a number beyond numeric's limits");
	return numeric_of(digits, attr->typmod);
}

/* ---- dates and timestamps ---- */

/* What is left of a text. */
typedef CfdwSpan Rest;

/* Its first byte; NUL at its end. */
static inline char
peek(const Rest *rest)
{
	return rest->len > 0 ? *rest->at : '\0';
}

static inline void
advance(Rest *rest, size_t n)
{
	rest->at += n;
	rest->len -= n;
}

/* Read exactly n digits; false when something else stands there. */
static bool
take_digits(Rest *rest, int n, int *out)
{
	*out = 0;
	if (rest->len < n)
		return false;
	for (int i = 0; i < n; i++)
	{
		char		c = rest->at[i];

		if (c < '0' || c > '9')
			return false;
		*out = *out * 10 + (c - '0');
	}
	advance(rest, n);
	return true;
}

static bool
take_char(Rest *rest, char c)
{
	if (peek(rest) != c)
		return false;
	advance(rest, 1);
	return true;
}

/* YYYY-MM-DD, and a day that exists. */
static bool
take_date(Rest *rest, struct pg_tm *tm)
{
	if (!take_digits(rest, 4, &tm->tm_year) || !take_char(rest, '-') ||
		!take_digits(rest, 2, &tm->tm_mon) || !take_char(rest, '-') ||
		!take_digits(rest, 2, &tm->tm_mday))
		return false;
	return tm->tm_year >= 1 && tm->tm_mon >= 1 && tm->tm_mon <= 12 && tm->tm_mday >= 1 &&
		tm->tm_mday <= day_tab[isleap(tm->tm_year)][tm->tm_mon - 1];
}

/* Digits of a fraction, any number of them, rounded to microseconds. */
static bool
take_fraction(Rest *rest, fsec_t *fsec)
{
	size_t		len = rest->len;
	int			scale = USECS_PER_SEC / 10;

	for (; peek(rest) >= '0' && peek(rest) <= '9'; advance(rest, 1))
	{
		if (scale > 0)
			*fsec += (peek(rest) - '0') * scale;
		else if (len - rest->len == 6 && peek(rest) >= '5')
			(*fsec)++;
		scale /= 10;
	}
	return rest->len < len;
}

/* HH:MM[:SS[.fraction]] */
static bool
take_time(Rest *rest, struct pg_tm *tm, fsec_t *fsec)
{
	if (!take_digits(rest, 2, &tm->tm_hour) || !take_char(rest, ':') ||
		!take_digits(rest, 2, &tm->tm_min))
		return false;
	if (take_char(rest, ':') && !take_digits(rest, 2, &tm->tm_sec))
		return false;
	if (take_char(rest, '.') && !take_fraction(rest, fsec))
		return false;
	return tm->tm_hour <= 23 && tm->tm_min <= 59 && tm->tm_sec <= 60;
}

/* Z, +HH, +HHMM, +HH:MM or nothing; seconds west of Greenwich. */
static bool
take_zone(Rest *rest, int *zone)
{
	bool		east = peek(rest) == '+';
	int			hours;
	int			minutes = 0;

	*zone = 0;
	if (rest->len == 0 || take_char(rest, 'Z') || take_char(rest, 'z'))
		return true;
	if (!take_char(rest, '+') && !take_char(rest, '-'))
		return false;
	if (!take_digits(rest, 2, &hours))
		return false;
	(void) take_char(rest, ':');
	if (rest->len > 0 && !take_digits(rest, 2, &minutes))
		return false;
	*zone = (hours * 60 + minutes) * 60 * (east ? -1 : 1);
	return hours <= 15 && minutes <= 59;
}

/*
 * The API's timestamps are ISO 8601; without a zone they are UTC, whatever
 * the session's TimeZone is, so timestamptz's input function is not for them.
 */
bool
cfdw_decode_timestamptz(CfdwSpan text, TimestampTz *result)
{
	struct pg_tm tm = {0};
	fsec_t		fsec = 0;
	int			zone = 0;
	Rest		rest = text;

	return take_date(&rest, &tm) &&
		(!(take_char(&rest, 'T') || take_char(&rest, ' ') || take_char(&rest, 't')) ||
		 (take_time(&rest, &tm, &fsec) && take_zone(&rest, &zone))) &&
		rest.len == 0 &&
		tm2timestamp(&tm, fsec, &zone, result) == 0;
}

static Datum
read_timestamptz(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	TimestampTz result = 0;

	if (!cfdw_decode_timestamptz(scalar_text(decoder, attr, node), &result))
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

bool
cfdw_decode_date(CfdwSpan text, DateADT *date)
{
	struct pg_tm tm = {0};
	Rest		rest = text;

	if (!take_date(&rest, &tm) || (rest.len > 0 && peek(&rest) != 'T'))
		return false;
	*date = date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE;
	return true;
}

static Datum
read_date(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	DateADT		date = 0;

	if (!cfdw_decode_date(scalar_text(decoder, attr, node), &date))
		refuse(decoder, attr, "is not a date");
	return DateADTGetDatum(date);
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
	char	   *label = cfdw_text_excerpt(text, len, decoder->secret);
	bool		is_whole = strlen(label) == len && memcmp(label, text, len) == 0;
	int			level = decoder->on_unknown == CFDW_UNKNOWN_ERROR ? ERROR : WARNING;

	label[pg_encoding_mbcliplen(GetDatabaseEncoding(), label, strlen(label), NAMEDATALEN - 1)] = '\0';
	if (level == WARNING && was_warned(decoder, label))
		return;
	ereport(level,
			(errcode(cfdw_sqlstate(CFDW_UNKNOWN_LABEL)),
			 errmsg("unrecognized label \"%s\" for column \"%s\" of foreign table \"%s\"",
					label, attr->name, decoder->table),
			 is_whole && len < NAMEDATALEN ?
			 errhint("The owner of the extension can run: ALTER TYPE %s ADD VALUE %s;",
					 format_type_be(attr->type), quote_literal_cstr(label)) : 0));
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
	CfdwSpan	text = scalar_text(decoder, attr, node);

	return ObjectIdGetDatum(find_label(decoder, attr, text.at, text.len));
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
	CfdwSpan	text;

	if (cfdw_json_kind(node) != CFDW_JSON_STRING)
		return NULL;
	text = cfdw_json_text(node);
	return cfdw_status_fact(attr->status, text.at, text.len);
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

/* ---- jsonb ---- */

/* A jsonb that is being made, less secrets. */
typedef struct Making
{
	JsonbParseState *state;
	JsonbValue *result;			/* once the outermost value has ended */
	bool		has_link;		/* some string is a bearer link */
	const char *why;			/* it cannot be made; or NULL */
} Making;

static bool
cannot_make(Making *making, const char *why)
{
	making->why = why;
	return false;
}

/* A text as jsonb's string, in the server encoding. */
static bool
make_string(Making *making, CfdwSpan text, const char *defect, JsonbValue *value)
{
	if (defect != NULL)
		return cannot_make(making, defect);
	if (pg_encoding_verifymbstr(PG_UTF8, text.at, text.len) != (int) text.len)
		return cannot_make(making, "is not valid UTF-8");
	if (!to_server_encoding(&text))
		return cannot_make(making, UNWRITABLE);
	if (text.len > JENTRY_OFFLENMASK)
		return cannot_make(making, "holds a string that is too long for jsonb");
	value->type = jbvString;
	value->val.string.val = unconstify(char *, text.at);
	value->val.string.len = (int) text.len;
	return true;
}

static bool
make_scalar(Making *making, const CfdwJsonNode *node, JsonbValue *value)
{
	CfdwSpan	text = cfdw_json_text(node);
	const char *digits;

	switch (cfdw_json_kind(node))
	{
		case CFDW_JSON_STRING:
			making->has_link |= cfdw_text_is_link(text.at, text.len);
			return make_string(making, text, cfdw_json_text_defect(node), value);
		case CFDW_JSON_NUMBER:
			digits = pnstrdup(text.at, text.len);
			if (!fits_numeric(digits))
				return cannot_make(making, "holds a number beyond numeric's limits");
			value->type = jbvNumeric;
			value->val.numeric = DatumGetNumeric(numeric_of(digits, -1));
			return true;
		case CFDW_JSON_BOOL:
			value->type = jbvBool;
			value->val.boolean = cfdw_json_bool(node);
			return true;
		case CFDW_JSON_NULL:
		case CFDW_JSON_ARRAY:
		case CFDW_JSON_OBJECT:
			break;
	}
	value->type = jbvNull;
	return true;
}

static void
push(Making *making, JsonbIteratorToken token, JsonbValue *value)
{
	making->result = pushJsonbValue(&making->state, token, value);
}

static bool push_value(Making *making, JsonbIteratorToken token, const CfdwJsonNode *node);

/* A member, unless its name speaks of a secret. */
static bool
push_member(Making *making, const CfdwJsonNode *member, const CfdwJsonNode *value)
{
	CfdwSpan	name = cfdw_json_key(member);
	JsonbValue	key;

	if (cfdw_text_names_secret(name.at, name.len))
		return true;
	if (!make_string(making, name, cfdw_json_key_defect(member), &key))
		return false;
	push(making, WJB_KEY, &key);
	return push_value(making, WJB_VALUE, value);
}

static bool
push_object(Making *making, const CfdwJsonNode *object)
{
	push(making, WJB_BEGIN_OBJECT, NULL);
	for (const CfdwJsonNode *child = cfdw_json_first(object); child; child = cfdw_json_next(object, child))
		if (!push_member(making, child, child))
			return false;
	push(making, WJB_END_OBJECT, NULL);
	return true;
}

static bool
push_array(Making *making, const CfdwJsonNode *array)
{
	push(making, WJB_BEGIN_ARRAY, NULL);
	for (const CfdwJsonNode *child = cfdw_json_first(array); child; child = cfdw_json_next(array, child))
		if (!push_value(making, WJB_ELEM, child))
			return false;
	push(making, WJB_END_ARRAY, NULL);
	return true;
}

static bool
push_value(Making *making, JsonbIteratorToken token, const CfdwJsonNode *node)
{
	JsonbValue	value;

	if (cfdw_json_kind(node) == CFDW_JSON_OBJECT)
		return push_object(making, node);
	if (cfdw_json_kind(node) == CFDW_JSON_ARRAY)
		return push_array(making, node);
	if (!make_scalar(making, node, &value))
		return false;
	push(making, token, &value);
	return true;
}

static bool
is_link(const JsonbValue *value)
{
	return value->type == jbvString &&
		cfdw_text_is_link(value->val.string.val, value->val.string.len);
}

/*
 * Drop bearer links.  It is done when all is there, because of members of
 * one name the last one counts, link or not.
 */
static void
drop_links(JsonbValue *value)
{
	int			kept = 0;

	if (value->type == jbvArray)
	{
		for (int i = 0; i < value->val.array.nElems; i++)
		{
			drop_links(&value->val.array.elems[i]);
			if (!is_link(&value->val.array.elems[i]))
				value->val.array.elems[kept++] = value->val.array.elems[i];
		}
		value->val.array.nElems = kept;
	}
	else if (value->type == jbvObject)
	{
		for (int i = 0; i < value->val.object.nPairs; i++)
		{
			drop_links(&value->val.object.pairs[i].value);
			if (!is_link(&value->val.object.pairs[i].value))
				value->val.object.pairs[kept++] = value->val.object.pairs[i];
		}
		value->val.object.nPairs = kept;
	}
}

static Datum
finish(Making *making)
{
	if (making->has_link)
		drop_links(making->result);
	return JsonbPGetDatum(JsonbValueToJsonb(making->result));
}

bool
cfdw_decode_public_jsonb(const CfdwJsonNode *value, Datum *jsonb, const char **why)
{
	Making		making = {0};
	JsonbValue	scalar;
	bool		is_nested = cfdw_json_kind(value) >= CFDW_JSON_ARRAY;

	if (is_nested ? push_value(&making, WJB_VALUE, value) : make_scalar(&making, value, &scalar))
	{
		if (!is_nested)
			making.result = &scalar;
		if (!is_nested && making.has_link)
			scalar.type = jbvNull;
		*jsonb = finish(&making);
		return true;
	}
	*why = making.why;
	return false;
}

/* Is the member one of those that would make attrs depend on the route? */
static bool
is_left_out(const CfdwDecoder *decoder, const CfdwJsonNode *member)
{
	for (int i = 0; i < lengthof(decoder->embedded) && decoder->embedded[i]; i++)
		if (cfdw_json_key_is(member, decoder->embedded[i]))
			return true;
	for (int i = 0; decoder->left_out && decoder->left_out[i]; i++)
		if (cfdw_json_key_is(member, decoder->left_out[i]))
			return true;
	return false;
}

/* The node with all that is in it; holds until the next one is read. */
static const CfdwJsonNode *
read_whole(CfdwDecoder *decoder, const CfdwJsonNode *node)
{
	if (cfdw_json_kind(node) < CFDW_JSON_ARRAY)
		return node;
	return cfdw_json_reread(decoder->whole, node, CFDW_JSON_ALL);
}

/* attrs: the row less what is embedded in it. */
static Datum
read_attrs(CfdwDecoder *decoder, Attribute *attr, const CfdwJsonNode *node)
{
	Making		making = {0};

	push(&making, WJB_BEGIN_OBJECT, NULL);
	for (const CfdwJsonNode *child = cfdw_json_first(node); child; child = cfdw_json_next(node, child))
		if (!is_left_out(decoder, child) &&
			!push_member(&making, child, read_whole(decoder, child)))
			refuse(decoder, attr, making.why);
	push(&making, WJB_END_OBJECT, NULL);
	return finish(&making);
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
	const char *why;
	Datum		jsonb;

	if (!cfdw_decode_public_jsonb(read_whole(decoder, node), &jsonb, &why))
		refuse(decoder, attr, why);
	return jsonb;
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
	CfdwSpan	text;

	if (cfdw_json_kind(node) >= CFDW_JSON_ARRAY)
		return jsonb_text(read_jsonb(decoder, attr, node));
	text = server_text(decoder, attr, node);
	return pnstrdup(text.at, text.len);
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
	if (cfdw_json_kind(node) >= CFDW_JSON_ARRAY)
		return CStringGetTextDatum(input_text(decoder, attr, node));
	return read_text(decoder, attr, node);
}

/* A bearer link does not become a value, whatever member holds it. */
static bool
is_hidden_link(const CfdwJsonNode *node)
{
	CfdwSpan	text;

	if (cfdw_json_kind(node) != CFDW_JSON_STRING)
		return false;
	text = cfdw_json_text(node);
	return cfdw_text_is_link(text.at, text.len);
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

	if (cfdw_json_kind(node) != CFDW_JSON_ARRAY)
		refuse(decoder, attr, "is not an array");
	values = palloc(sizeof(Datum) * (cfdw_json_length(node) + 1));
	nulls = palloc(sizeof(bool) * (cfdw_json_length(node) + 1));
	for (const CfdwJsonNode *item = cfdw_json_first(node); item; item = cfdw_json_next(node, item))
	{
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
	return PointerGetDatum(construct_md_array(values, nulls, 1, dims, lower, element->type,
											  attr->typlen, attr->byval, attr->align));
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
	{INT4OID, read_integer},
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
	get_typlenbyvalalign(element_type, &attr->typlen, &attr->byval, &attr->align);
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

/* How many levels below a row the attribute is read. */
static int
depth_of(const Attribute *attr)
{
	if (attr->origin == CFDW_WHOLE_ELEMENT)
		return 1;
	return attr->path.count + (attr->read == read_array ? 1 : 0);
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
	decoder->depth = Max(decoder->depth, depth_of(attr));
	if (attr->origin != CFDW_WHOLE_ELEMENT)
		attr->place = cfdw_paths_add(attr->origin == CFDW_FROM_PARENT ? decoder->of_parent :
									 decoder->of_row, &attr->path);
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
	decoder->whole = cfdw_json_create();
	decoder->of_row = cfdw_paths_create();
	decoder->of_parent = cfdw_paths_create();
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

void
cfdw_decoder_leave_out(CfdwDecoder *decoder, const char *const *members)
{
	decoder->left_out = members;
}

int
cfdw_decoder_depth(const CfdwDecoder *decoder)
{
	return decoder->depth;
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
	const CfdwJsonNode *node = attr->place ? *attr->place : decoder->element->row;

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

/* Two of our own values of attrs as one, the members of the second winning. */
static Datum
merge_attrs(const Attribute *attr, Datum before, Datum now)
{
	Datum		merged;

	if (attr->type == JSONBOID)
		return DirectFunctionCall2(jsonb_concat, before, now);
	merged = DirectFunctionCall2(jsonb_concat,
								 DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(before))),
								 DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(now))));
	return CStringGetTextDatum(jsonb_text(merged));
}

static void
decode_attribute_over(CfdwDecoder *decoder, Attribute *attr, Datum *value, bool *isnull)
{
	Datum		before = *value;
	bool		had_value = !*isnull;

	if (attr->place != NULL && *attr->place == NULL)
		return;
	decode_attribute(decoder, attr, value, isnull);
	if (attr->origin == CFDW_WHOLE_ELEMENT && had_value && !*isnull)
		*value = merge_attrs(attr, before, *value);
}

/* Fill the attributes one after the other, as `fill` does. */
static void
decode_attributes(CfdwDecoder *decoder, const CfdwElement *element, Datum *values, bool *isnull,
				  void (*fill) (CfdwDecoder *decoder, Attribute *attr, Datum *value, bool *isnull))
{
	ErrorContextCallback callback = {
		.callback = add_context,
		.arg = decoder,
		.previous = error_context_stack,
	};

	decoder->element = element;
	cfdw_paths_find(decoder->of_row, element->row);
	cfdw_paths_find(decoder->of_parent, element->parent);
	error_context_stack = &callback;
	for (int i = 0; i < decoder->count; i++)
	{
		Attribute  *attr = &decoder->attributes[i];

		decoder->current = attr;
		fill(decoder, attr, &values[attr->index], &isnull[attr->index]);
		if (OidIsValid(attr->domain))
			domain_check(values[attr->index], isnull[attr->index], attr->domain,
						 &attr->domain_extra, decoder->cxt);
	}
	decoder->current = NULL;
	error_context_stack = callback.previous;
}

void
cfdw_decode(CfdwDecoder *decoder, const CfdwElement *element, Datum *values, bool *isnull)
{
	memset(isnull, true, sizeof(bool) * decoder->natts);
	decoder->method = "GET";
	decode_attributes(decoder, element, values, isnull, decode_attribute);
}

void
cfdw_decode_over(CfdwDecoder *decoder, const CfdwElement *element, Datum *values, bool *isnull)
{
	decoder->method = "PATCH";
	decode_attributes(decoder, element, values, isnull, decode_attribute_over);
}
