/*-------------------------------------------------------------------------
 *
 * json.c
 *	  Elements of a body, paths, typed reading; all of json-c is here.
 *
 * The walk over spans knows only brackets, strings and commas: it finds the
 * bounds of values and leaves their grammar to json-c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json.h"

#include <json-c/json.h>
#include <limits.h>

#include "utils/memutils.h"

#define MAX_BODY_DEPTH 64
#define MAX_ELEMENT_DEPTH 32

struct CfdwJson
{
	MemoryContextCallback on_reset;
	struct json_tokener *tokener;
	struct json_object *element;
	bool		lone_surrogate;
};

/* ---- walking spans ---- */

static const char *
skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/*
 * Bytes at which the walk through nested values must look; it runs over all
 * others.  The NUL behind every body is one, so that it need not look for
 * the end.
 */
static const bool stops_nested[256] = {
	['\0'] = true,['"'] = true,['{'] = true,['}'] = true,['['] = true,[']'] = true,
};

/* The byte after the string that begins at p; NULL and *why when it is bad. */
static const char *
skip_string(const char *p, const char *end, const char **why)
{
	for (p++; p < end; p++)
	{
		while ((unsigned char) *p >= ' ' && *p != '"' && *p != '\\')
			p++;
		if (p >= end)
			break;
		if (*p == '"')
			return p + 1;
		if (*p != '\\')
		{
			*why = "a string holds a raw control character";
			return NULL;
		}
		p++;
	}
	*why = "it breaks off inside a string";
	return NULL;
}

static bool
ends_scalar(char c)
{
	return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\n' ||
		c == '\r' || c == '\t';
}

static const char *
skip_scalar(const char *p, const char *end, const char **why)
{
	const char *start = p;

	while (p < end && !ends_scalar(*p))
	{
		if (!isalnum((unsigned char) *p) && strchr("+-.", *p) == NULL)
			break;
		p++;
	}
	if (p == start || *start == '\0' || (p < end && !ends_scalar(*p)))
	{
		*why = p == end ? "it breaks off" : "an unexpected character";
		return NULL;
	}
	return p;
}

/*
 * The byte after the object or array that begins at p.  Commas and colons
 * are left to json-c; brackets must match.
 */
static const char *
skip_nested(const char *p, const char *end, const char **why)
{
	char		closers[MAX_BODY_DEPTH];
	int			depth = 0;

	while (p < end)
	{
		while (!stops_nested[(unsigned char) *p])
			p++;
		if (p >= end)
			break;
		if (*p == '"')
		{
			p = skip_string(p, end, why);
			if (p == NULL)
				return NULL;
			continue;
		}
		if (*p == '{' || *p == '[')
		{
			if (depth == MAX_BODY_DEPTH)
			{
				*why = "it is nested too deeply";
				return NULL;
			}
			closers[depth++] = *p == '{' ? '}' : ']';
		}
		else if (*p == '}' || *p == ']')
		{
			if (closers[--depth] != *p)
			{
				*why = "brackets do not match";
				return NULL;
			}
			if (depth == 0)
				return p + 1;
		}
		p++;
	}
	*why = "it breaks off";
	return NULL;
}

static const char *
skip_value(const char *p, const char *end, const char **why)
{
	if (p >= end)
	{
		*why = "it breaks off";
		return NULL;
	}
	if (*p == '"')
		return skip_string(p, end, why);
	if (*p == '{' || *p == '[')
		return skip_nested(p, end, why);
	return skip_scalar(p, end, why);
}

bool
cfdw_json_check(const char *body, size_t len, CfdwSpan *value,
				const char **why, size_t *offset)
{
	const char *end = body + len;
	const char *start = skip_blanks(body, end);
	const char *after;

	*offset = start - body;
	if (start == end)
	{
		*why = "it is empty";
		return false;
	}
	after = skip_value(start, end, why);
	if (after == NULL)
		return false;
	value->at = start;
	value->len = after - start;
	after = skip_blanks(after, end);
	*offset = after - body;
	*why = "something follows its end";
	return after == end;
}

static bool
begin_walk(CfdwSpan value, CfdwSpanIter *iter, char opener)
{
	if (value.len < 2 || value.at[0] != opener)
		return false;
	iter->next = value.at + 1;
	iter->end = value.at + value.len - 1;
	iter->is_object = opener == '{';
	return true;
}

bool
cfdw_span_object(CfdwSpan value, CfdwSpanIter *iter)
{
	return begin_walk(value, iter, '{');
}

bool
cfdw_span_array(CfdwSpan value, CfdwSpanIter *iter)
{
	return begin_walk(value, iter, '[');
}

/* Read `"key" :` of a member; the byte after the colon, or NULL. */
static const char *
read_key(const char *p, const char *end, CfdwSpan *key)
{
	const char *why;
	const char *after;

	if (p == end || *p != '"' || (after = skip_string(p, end, &why)) == NULL)
		return NULL;
	key->at = p + 1;
	key->len = after - p - 2;
	p = skip_blanks(after, end);
	if (p == end || *p != ':')
		return NULL;
	return skip_blanks(p + 1, end);
}

bool
cfdw_span_next(CfdwSpanIter *iter, CfdwSpan *key, CfdwSpan *value, bool *bad)
{
	const char *p = skip_blanks(iter->next, iter->end);
	const char *why;
	const char *after;

	*bad = false;
	if (p == iter->end)
		return false;
	*bad = true;
	if (iter->is_object && (p = read_key(p, iter->end, key)) == NULL)
		return false;
	after = skip_value(p, iter->end, &why);
	if (after == NULL)
		return false;
	value->at = p;
	value->len = after - p;

	/* a comma must be followed by another value */
	p = skip_blanks(after, iter->end);
	if (p < iter->end)
	{
		if (*p != ',' || skip_blanks(p + 1, iter->end) == iter->end)
			return false;
		p++;
	}
	iter->next = p;
	*bad = false;
	return true;
}

/* A name written with escapes is rare: json-c resolves it. */
static bool
escaped_key_is(CfdwSpan key, const char *name)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *text;
	bool		same;

	if (tokener == NULL)
		return false;
	text = json_tokener_parse_ex(tokener, key.at - 1, (int) key.len + 2);
	same = json_object_get_type(text) == json_type_string &&
		strcmp(json_object_get_string(text), name) == 0;
	json_object_put(text);
	json_tokener_free(tokener);
	return same;
}

bool
cfdw_span_key_is(CfdwSpan key, const char *name)
{
	if (key.len == strlen(name) && memcmp(key.at, name, key.len) == 0)
		return true;
	return memchr(key.at, '\\', key.len) != NULL && escaped_key_is(key, name);
}

bool
cfdw_span_members(CfdwSpan object, const char *const *names, CfdwSpan *values, int count)
{
	CfdwSpanIter iter;
	CfdwSpan	key;
	CfdwSpan	value;
	bool		bad = false;

	if (!cfdw_span_object(object, &iter))
		return false;
	while (cfdw_span_next(&iter, &key, &value, &bad))
		for (int i = 0; i < count; i++)
			if (cfdw_span_key_is(key, names[i]))
				values[i] = value;
	return !bad;
}

bool
cfdw_span_member(CfdwSpan object, const char *name, CfdwSpan *value)
{
	value->at = NULL;
	return cfdw_span_members(object, &name, value, 1) && value->at != NULL;
}

bool
cfdw_span_int(CfdwSpan value, int64 *out)
{
	const char *p = value.at;
	const char *end = value.at + value.len;
	int64		number = 0;

	if (value.len >= 2 && *p == '"')
	{
		p++;
		end--;
	}

	/* 18 digits cannot overflow */
	if (p == end || end - p > 18)
		return false;
	for (; p < end; p++)
	{
		if (*p < '0' || *p > '9')
			return false;
		number = number * 10 + (*p - '0');
	}
	*out = number;
	return true;
}

bool
cfdw_span_bool(CfdwSpan value, bool *out)
{
	*out = value.len == 4 && memcmp(value.at, "true", 4) == 0;
	return *out || (value.len == 5 && memcmp(value.at, "false", 5) == 0);
}

/* ---- parsing an element ---- */

static void
release_json(void *arg)
{
	CfdwJson   *json = arg;

	if (json->element != NULL)
		json_object_put(json->element);
	if (json->tokener != NULL)
		json_tokener_free(json->tokener);
	json->element = NULL;
	json->tokener = NULL;
}

CfdwJson *
cfdw_json_create(void)
{
	CfdwJson   *json = palloc0(sizeof(CfdwJson));

	json->on_reset.func = release_json;
	json->on_reset.arg = json;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &json->on_reset);
	json->tokener = json_tokener_new_ex(MAX_ELEMENT_DEPTH);
	if (json->tokener == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("A JSON parser could not be made.")));

	/* an element is cut out of its page: bytes after it are not its own */
	json_tokener_set_flags(json->tokener, JSON_TOKENER_STRICT);
	return json;
}

/* The code unit of the escape \uXXXX at p, or -1. */
static int
code_unit(const char *p, const char *end)
{
	int			unit = 0;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++)
	{
		char		c = p[i];
		int			digit = c >= '0' && c <= '9' ? c - '0' :
			c >= 'a' && c <= 'f' ? c - 'a' + 10 :
			c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

static bool
find_lone_surrogate(CfdwSpan element)
{
	const char *p = element.at;
	const char *end = element.at + element.len;

	while ((p = memchr(p, '\\', end - p)) != NULL)
	{
		int			unit = code_unit(p, end);

		if (unit >= 0xD800 && unit <= 0xDBFF)
		{
			int			low = code_unit(p + 6, end);

			if (low < 0xDC00 || low > 0xDFFF)
				return true;
			p += 12;
		}
		else if (unit >= 0xDC00 && unit <= 0xDFFF)
			return true;
		else
			p += 2;
		if (p >= end)
			break;
	}
	return false;
}

const CfdwJsonNode *
cfdw_json_parse(CfdwJson *json, CfdwSpan element, const char **why)
{
	if (json->element != NULL)
		json_object_put(json->element);
	json->element = NULL;
	if (element.len > INT_MAX)
	{
		*why = "an element is too large";
		return NULL;
	}
	json_tokener_reset(json->tokener);
	json->element = json_tokener_parse_ex(json->tokener, element.at, (int) element.len);
	if (json_tokener_get_error(json->tokener) != json_tokener_success)
	{
		*why = json_tokener_get_error(json->tokener) == json_tokener_error_depth ?
			"an element is nested too deeply" : "an element is not well-formed";
		return NULL;
	}
	*why = "an element is not an object";
	if (json_object_get_type(json->element) != json_type_object ||
		json_tokener_get_parse_end(json->tokener) != element.len)
		return NULL;
	json->lone_surrogate = find_lone_surrogate(element);
	return json->element;
}

bool
cfdw_json_has_lone_surrogate(const CfdwJson *json)
{
	return json->lone_surrogate;
}

/* ---- reading nodes ---- */

bool
cfdw_path_split(const char *text, CfdwPath *path)
{
	path->count = 0;
	for (;;)
	{
		size_t		len = strcspn(text, ".");

		if (path->count == CFDW_PATH_MAX)
			return false;
		path->part[path->count++] = pnstrdup(text, len);
		if (text[len] == '\0')
			return true;
		text += len + 1;
	}
}

CfdwJsonKind
cfdw_json_kind(const CfdwJsonNode *node)
{
	switch (json_object_get_type(node))
	{
		case json_type_null:
			return CFDW_JSON_NULL;
		case json_type_boolean:
			return CFDW_JSON_BOOL;
		case json_type_double:
		case json_type_int:
			return CFDW_JSON_NUMBER;
		case json_type_string:
			return CFDW_JSON_STRING;
		case json_type_array:
			return CFDW_JSON_ARRAY;
		case json_type_object:
			return CFDW_JSON_OBJECT;
	}
	return CFDW_JSON_NULL;
}

const CfdwJsonNode *
cfdw_json_member(const CfdwJsonNode *node, const char *name)
{
	struct json_object *value;

	if (json_object_get_type(node) != json_type_object ||
		!json_object_object_get_ex(node, name, &value))
		return NULL;
	return value;
}

const CfdwJsonNode *
cfdw_json_at(const CfdwJsonNode *node, const CfdwPath *path)
{
	for (int i = 0; i < path->count && node != NULL; i++)
		node = cfdw_json_member(node, path->part[i]);
	return node;
}

/* json-c caches the text inside the node, so these take the const away. */
const char *
cfdw_json_text(const CfdwJsonNode *node, size_t *len)
{
	struct json_object *object = unconstify(CfdwJsonNode *, node);
	const char *text = json_object_get_string(object);

	if (json_object_get_type(node) == json_type_string)
		*len = json_object_get_string_len(node);
	else
		*len = text ? strlen(text) : 0;
	return text ? text : "";
}

const char *
cfdw_json_serialize(const CfdwJsonNode *node)
{
	return json_object_to_json_string_ext(unconstify(CfdwJsonNode *, node),
										  JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

bool
cfdw_json_is_saturated(const CfdwJsonNode *node)
{
	return json_object_get_type(node) == json_type_int &&
		(json_object_get_uint64(node) == UINT64_MAX ||
		 json_object_get_int64(node) == INT64_MIN);
}

bool
cfdw_json_bool(const CfdwJsonNode *node)
{
	return json_object_get_boolean(node);
}

int
cfdw_json_length(const CfdwJsonNode *array)
{
	return (int) json_object_array_length(array);
}

const CfdwJsonNode *
cfdw_json_item(const CfdwJsonNode *array, int index)
{
	return json_object_array_get_idx(array, index);
}

const char *
cfdw_json_string_member(const CfdwJsonNode *node, const char *name)
{
	const CfdwJsonNode *value = cfdw_json_member(node, name);
	const char *text;
	size_t		len;

	if (cfdw_json_kind(value) != CFDW_JSON_STRING)
		return NULL;
	text = cfdw_json_text(value, &len);
	return len > 0 && strlen(text) == len ? text : NULL;
}
