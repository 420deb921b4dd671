/*-------------------------------------------------------------------------
 *
 * json.c
 *	  Values of a body, paths, typed reading; all of json-c is here.
 *
 * json-c resolves escapes and nothing else: it builds a tree of allocations
 * for what is mostly passed over, takes more than JSON for JSON, and keeps
 * 64 bits of a number.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json.h"

#include <json-c/json.h>

#include "port/pg_bitutils.h"
#include "utils/memutils.h"

/* Values that a table may hold: 128 MB of them. */
#define MAX_VALUES (4 * 1024 * 1024)

/* json-c keeps a buffer as long as the longest string; up to here it may. */
#define MAX_KEPT_STRING (64 * 1024)

struct CfdwJsonNode
{
	const char *at;
	const char *key;			/* of a member, between its quotes */
	uint32		len;			/* bodies are far below 4 GB */
	uint32		key_len;
	uint32		size;			/* itself and all values in it */
	uint8		kind;			/* a CfdwJsonKind */
	bool		is_closed;		/* its values are not in the table */
	bool		has_escapes;	/* a string */
	bool		key_has_escapes;
};

struct CfdwJson
{
	CfdwJsonNode *nodes;
	uint32		count;
	uint32		room;
};

/* One text being read. */
typedef struct Reading
{
	CfdwJson   *json;
	const char *end;
	int			levels;			/* depths allowed */
	int			depth;			/* deepest one that goes into the table */
	bool		is_checked;		/* it was read before */
	const char *why;			/* a defect, or NULL */
	const char *where;
} Reading;

/* ---- checking a text ---- */

/* Note a defect; a text that ends too early has no other. */
static const char *
fail(Reading *reading, const char *where, const char *why)
{
	reading->why = where < reading->end ? why : "it breaks off";
	reading->where = where;
	return NULL;
}

static const char *
skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
		p++;
	return p;
}

/*
 * The first byte that ends a run inside a string: a quote, a backslash, or a
 * control character such as the NUL behind every text.
 */
static inline const char *
skip_run(const char *p, const char *end)
{
#ifndef WORDS_BIGENDIAN
	const uint64 ones = UINT64CONST(0x0101010101010101);
	const uint64 tops = UINT64CONST(0x8080808080808080);

	/* eight bytes at a time: a top bit is set for each byte that ends a run */
	while (end - p >= 8)
	{
		uint64		word;
		uint64		quotes;
		uint64		slashes;
		uint64		found;

		memcpy(&word, p, 8);
		quotes = word ^ (ones * '"');
		slashes = word ^ (ones * '\\');
		found = (((quotes - ones) & ~quotes) | ((slashes - ones) & ~slashes) |
				 ((word - ones * ' ') & ~word)) & tops;
		if (found != 0)
			return p + pg_rightmost_one_pos64(found) / 8;
		p += 8;
	}
#endif
	while ((unsigned char) *p >= ' ' && *p != '"' && *p != '\\')
		p++;
	return p;
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The byte after the escape whose backslash is at p; NULL when it is none. */
static const char *
skip_escape(const char *p)
{
	if (p[1] == '\0' || strchr("\"\\/bfnrtu", p[1]) == NULL)
		return NULL;
	if (p[1] != 'u')
		return p + 2;
	for (int i = 2; i < 6; i++)
		if (!is_hex(p[i]))
			return NULL;
	return p + 6;
}

/* The byte after the string that begins at p, or NULL. */
static inline const char *
check_string(Reading *reading, const char *p, bool *has_escapes)
{
	p++;
	for (;;)
	{
		const char *escape;

		p = skip_run(p, reading->end);
		if (*p == '"')
			return p + 1;
		if (*p != '\\')
			return fail(reading, p, "a string holds a raw control character");
		*has_escapes = true;
		escape = p;
		p = skip_escape(p);
		if (p == NULL)
			return fail(reading, escape, "a string holds an unrecognized escape");
	}
}

static inline const char *
skip_digits(const char *p)
{
	while (*p >= '0' && *p <= '9')
		p++;
	return p;
}

/* The byte after the number that begins at p, or NULL. */
static const char *
check_number(Reading *reading, const char *p)
{
	const char *digits = *p == '-' ? p + 1 : p;

	p = skip_digits(digits);
	if (*digits == '0')
		p = digits + 1;
	if (p == digits)
		return fail(reading, p, "an unexpected character");
	if (*p == '.')
	{
		digits = p + 1;
		p = skip_digits(digits);
		if (p == digits)
			return fail(reading, p, "a number breaks off");
	}
	if (*p == 'e' || *p == 'E')
	{
		digits = p[1] == '+' || p[1] == '-' ? p + 2 : p + 1;
		p = skip_digits(digits);
		if (p == digits)
			return fail(reading, p, "a number breaks off");
	}
	return p;
}

static const char *
check_word(Reading *reading, const char *p, const char *word)
{
	size_t		len = strlen(word);

	if (strncmp(p, word, len) != 0)
		return fail(reading, p, "an unexpected character");
	return p + len;
}

/* Add a value to the table; false when it is full. */
static bool
add_node(CfdwJson *json)
{
	if (json->count < json->room)
	{
		json->count++;
		return true;
	}
	if (json->room >= MAX_VALUES)
		return false;
	json->room *= 2;
	json->nodes = repalloc(json->nodes, sizeof(CfdwJsonNode) * json->room);
	json->count++;
	return true;
}

static const char *check_value(Reading *reading, const char *p, int depth);

/* The byte after the array that begins at p, or NULL. */
static const char *
check_array(Reading *reading, const char *p, int depth)
{
	p = skip_blanks(p + 1);
	if (*p == ']')
		return p + 1;
	for (;;)
	{
		p = check_value(reading, p, depth + 1);
		if (p == NULL)
			return NULL;
		p = skip_blanks(p);
		if (*p == ']')
			return p + 1;
		if (*p != ',')
			return fail(reading, p, "an unexpected character");
		p = skip_blanks(p + 1);
	}
}

/* The byte after the object that begins at p, or NULL. */
static const char *
check_object(Reading *reading, const char *p, int depth)
{
	p = skip_blanks(p + 1);
	if (*p == '}')
		return p + 1;
	for (;;)
	{
		uint32		member = reading->json->count;
		const char *key = p + 1;
		size_t		key_len;
		bool		has_escapes = false;

		if (*p != '"')
			return fail(reading, p, "an unexpected character");
		p = check_string(reading, p, &has_escapes);
		if (p == NULL)
			return NULL;
		key_len = p - key - 1;
		p = skip_blanks(p);
		if (*p != ':')
			return fail(reading, p, "an unexpected character");
		p = check_value(reading, skip_blanks(p + 1), depth + 1);
		if (p == NULL)
			return NULL;
		if (depth < reading->depth)
		{
			CfdwJsonNode *node = &reading->json->nodes[member];

			node->key = key;
			node->key_len = (uint32) key_len;
			node->key_has_escapes = has_escapes;
		}
		p = skip_blanks(p);
		if (*p == '}')
			return p + 1;
		if (*p != ',')
			return fail(reading, p, "an unexpected character");
		p = skip_blanks(p + 1);
	}
}

/*
 * The byte after the object or array that begins at p, in a text that was
 * checked: only brackets and strings are to be told apart.
 */
static const char *
skip_checked(const char *p, const char *end)
{
	int			open = 0;

	for (;; p++)
	{
		if (*p == '"')
		{
			for (p = skip_run(p + 1, end); *p != '"'; p = skip_run(p + 2, end))
				;
		}
		else if (*p == '{' || *p == '[')
			open++;
		else if ((*p == '}' || *p == ']') && --open == 0)
			return p + 1;
	}
}

/* The byte after the object or array that begins at p, or NULL. */
static const char *
check_nested(Reading *reading, const char *p, int depth)
{
	if (depth >= reading->levels)
		return fail(reading, p, "it is nested too deeply");
	if (reading->is_checked && depth >= reading->depth)
		return skip_checked(p, reading->end);
	return *p == '{' ? check_object(reading, p, depth) : check_array(reading, p, depth);
}

/* The byte after the value that begins at p, or NULL. */
static const char *
check_value(Reading *reading, const char *p, int depth)
{
	CfdwJson   *json = reading->json;
	uint32		index = json->count;
	const char *start = p;
	CfdwJsonKind kind;
	bool		has_escapes = false;

	if (depth <= reading->depth && !add_node(json))
		return fail(reading, p, "it holds too many values");
	switch (*p)
	{
		case '"':
			kind = CFDW_JSON_STRING;
			p = check_string(reading, p, &has_escapes);
			break;
		case '{':
			kind = CFDW_JSON_OBJECT;
			p = check_nested(reading, p, depth);
			break;
		case '[':
			kind = CFDW_JSON_ARRAY;
			p = check_nested(reading, p, depth);
			break;
		case 'n':
			kind = CFDW_JSON_NULL;
			p = check_word(reading, p, "null");
			break;
		case 't':
			kind = CFDW_JSON_BOOL;
			p = check_word(reading, p, "true");
			break;
		case 'f':
			kind = CFDW_JSON_BOOL;
			p = check_word(reading, p, "false");
			break;
		default:
			kind = CFDW_JSON_NUMBER;
			p = check_number(reading, p);
			break;
	}
	if (p != NULL && depth <= reading->depth)
	{
		CfdwJsonNode *node = &json->nodes[index];

		node->at = start;
		node->key = NULL;
		node->len = (uint32) (p - start);
		node->size = json->count - index;
		node->kind = kind;
		node->is_closed = depth == reading->depth && kind >= CFDW_JSON_ARRAY;
		node->has_escapes = has_escapes;
	}
	return p;
}

CfdwJson *
cfdw_json_create(void)
{
	CfdwJson   *json = palloc(sizeof(CfdwJson));

	json->count = 0;
	json->room = 64;
	json->nodes = palloc(sizeof(CfdwJsonNode) * json->room);
	return json;
}

/* Read one value and the blanks around it; false on a defect. */
static bool
read_whole(Reading *reading, const char *text)
{
	const char *p = skip_blanks(text);

	reading->json->count = 0;
	reading->where = p;
	reading->why = "it is empty";
	if (p == reading->end)
		return false;
	p = check_value(reading, p, 0);
	if (p == NULL)
		return false;
	reading->where = skip_blanks(p);
	reading->why = "something follows its end";
	return reading->where == reading->end;
}

const CfdwJsonNode *
cfdw_json_read(CfdwJson *json, CfdwSpan text, int elements, int depth, CfdwJsonDefect *defect)
{
	Reading		reading = {
		.json = json,
		.end = text.at + text.len,
		.levels = elements + CFDW_ELEMENT_LEVELS,
		.depth = depth,
	};

	if (read_whole(&reading, text.at))
		return json->nodes;
	defect->why = reading.why;
	defect->offset = reading.where - text.at;
	return NULL;
}

const CfdwJsonNode *
cfdw_json_reread(CfdwJson *json, const CfdwJsonNode *node, int depth)
{
	Reading		reading = {
		.json = json,
		.end = node->at + node->len,
		.levels = CFDW_JSON_ALL,
		.depth = depth,
		.is_checked = true,
	};

	json->count = 0;
	if (check_value(&reading, node->at, 0) == NULL)
		elog(ERROR, "a JSON value cannot be read again: %s", reading.why);
	return json->nodes;
}

/* ---- walking values ---- */

CfdwJsonKind
cfdw_json_kind(const CfdwJsonNode *node)
{
	return node ? node->kind : CFDW_JSON_NULL;
}

/* Values that are not in the table must not be taken for none. */
static inline void
check_open(const CfdwJsonNode *node)
{
	if (node->is_closed)
		elog(ERROR, "a JSON value is read deeper than its table goes");
}

const CfdwJsonNode *
cfdw_json_first(const CfdwJsonNode *node)
{
	check_open(node);
	return node->size > 1 ? node + 1 : NULL;
}

const CfdwJsonNode *
cfdw_json_next(const CfdwJsonNode *node, const CfdwJsonNode *child)
{
	child += child->size;
	return child < node + node->size ? child : NULL;
}

/* The same walk without calls: child, then its neighbour, up to the end. */
#define for_each_child(child, node) \
	for (const CfdwJsonNode *child = (node) + 1, *end_ = (node) + (node)->size; \
		 child < end_; child += child->size)

int
cfdw_json_length(const CfdwJsonNode *node)
{
	int			count = 0;

	check_open(node);
	for_each_child(child, node)
		count++;
	return count;
}

/* ---- names and texts ---- */

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

		unit = unit * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return unit;
}

/* Look for escapes that no text may hold. */
static const char *
find_defect(const char *p, const char *end)
{
	while ((p = memchr(p, '\\', end - p)) != NULL)
	{
		int			unit = code_unit(p, end);
		int			low;

		p += unit < 0 ? 2 : 6;
		if (unit == 0)
			return "holds the character \\u0000";
		if (unit < 0xD800 || unit > 0xDFFF)
			continue;
		low = code_unit(p, end);
		if (unit > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
			return "holds a lone surrogate";
		p += 6;
	}
	return NULL;
}

/* How many bytes a string has once its escapes are resolved. */
static size_t
resolved_length(const char *p, const char *end)
{
	const char *escape;
	size_t		len = 0;

	while ((escape = memchr(p, '\\', end - p)) != NULL)
	{
		int			unit = code_unit(escape, end);
		int			low = unit < 0 ? -1 : code_unit(escape + 6, end);

		len += escape - p;
		p = escape + (unit < 0 ? 2 : 6);
		if (unit >= 0xD800 && unit <= 0xDBFF && low >= 0xDC00 && low <= 0xDFFF)
		{
			p += 6;
			len++;
		}
		len += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
	}
	return len + (end - p);
}

static void
raise_no_memory(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("out of memory"),
			 errdetail_internal("%s", detail)));
}

/*
 * A string, given between its quotes, with its escapes resolved by json-c.
 * Its length is known beforehand: so there is memory for it before json-c's
 * own, and nothing raises while that is held; and what json-c leaves out when
 * it has no memory, which it does in silence, is missed.  The parser is kept
 * for as long as the backend lives.
 */
static CfdwSpan
unescape(const char *at, size_t len)
{
	static struct json_tokener *tokener = NULL;
	size_t		resolved = resolved_length(at, at + len);
	char	   *copy = palloc(resolved);
	struct json_object *string;
	bool		is_whole;

	if (tokener == NULL)
		tokener = json_tokener_new();
	if (tokener == NULL)
		raise_no_memory("A JSON parser could not be made.");
	json_tokener_reset(tokener);
	string = json_tokener_parse_ex(tokener, at - 1, (int) len + 2);
	is_whole = (size_t) json_object_get_string_len(string) == resolved;
	if (is_whole)
		memcpy(copy, json_object_get_string(string), resolved);
	json_object_put(string);
	if (!is_whole || len > MAX_KEPT_STRING)
	{
		json_tokener_free(tokener);
		tokener = NULL;
	}
	if (!is_whole)
		raise_no_memory("Escapes in a JSON string could not be resolved.");
	return (CfdwSpan) {copy, resolved};
}

CfdwSpan
cfdw_json_key(const CfdwJsonNode *member)
{
	CfdwSpan	key = {member->key, member->key_len};

	return member->key_has_escapes ? unescape(key.at, key.len) : key;
}

CfdwSpan
cfdw_json_text(const CfdwJsonNode *node)
{
	CfdwSpan	text = {node->at, node->len};

	if (node->kind != CFDW_JSON_STRING)
		return text;
	text.at++;
	text.len -= 2;
	return node->has_escapes ? unescape(text.at, text.len) : text;
}

const char *
cfdw_json_key_defect(const CfdwJsonNode *member)
{
	if (!member->key_has_escapes)
		return NULL;
	return find_defect(member->key, member->key + member->key_len);
}

const char *
cfdw_json_text_defect(const CfdwJsonNode *node)
{
	if (!node->has_escapes)
		return NULL;
	return find_defect(node->at, node->at + node->len);
}

static inline bool
key_is(const CfdwJsonNode *member, const char *name, size_t len)
{
	CfdwSpan	key;

	if (!member->key_has_escapes)
		return member->key_len == len && memcmp(member->key, name, len) == 0;
	key = cfdw_json_key(member);
	return key.len == len && memcmp(key.at, name, len) == 0;
}

bool
cfdw_json_key_is(const CfdwJsonNode *member, const char *name)
{
	return key_is(member, name, strlen(name));
}

const CfdwJsonNode *
cfdw_json_member(const CfdwJsonNode *node, const char *name)
{
	const CfdwJsonNode *found = NULL;
	size_t		len = strlen(name);

	if (cfdw_json_kind(node) != CFDW_JSON_OBJECT)
		return NULL;
	check_open(node);
	for_each_child(child, node)
		if (key_is(child, name, len))
		found = child;
	return found;
}

const CfdwJsonNode *
cfdw_json_at(const CfdwJsonNode *node, const CfdwPath *path)
{
	for (int i = 0; i < path->count && node != NULL; i++)
		node = cfdw_json_member(node, path->part[i]);
	return node;
}

const char *
cfdw_json_string_member(const CfdwJsonNode *node, const char *name)
{
	const CfdwJsonNode *value = cfdw_json_member(node, name);
	CfdwSpan	text;

	if (cfdw_json_kind(value) != CFDW_JSON_STRING)
		return NULL;
	text = cfdw_json_text(value);
	if (text.len == 0 || memchr(text.at, '\0', text.len) != NULL)
		return NULL;
	return pnstrdup(text.at, text.len);
}

/* ---- numbers and booleans ---- */

bool
cfdw_json_int(const CfdwJsonNode *node, int64 *out)
{
	CfdwJsonKind kind = cfdw_json_kind(node);
	CfdwSpan	text;
	int64		number = 0;

	if (kind != CFDW_JSON_NUMBER && kind != CFDW_JSON_STRING)
		return false;
	text = cfdw_json_text(node);

	/* 18 digits cannot overflow */
	if (text.len == 0 || text.len > 18)
		return false;
	for (size_t i = 0; i < text.len; i++)
	{
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		number = number * 10 + (text.at[i] - '0');
	}
	*out = number;
	return true;
}

bool
cfdw_json_bool(const CfdwJsonNode *node)
{
	return node->at[0] == 't';
}

/* ---- paths ---- */

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

/* ---- looking up many paths at once ---- */

/* A name in paths; those that are looked for in one object form a ring. */
typedef struct PathName PathName;

struct PathName
{
	const char *name;
	size_t		len;
	PathName   *next;
	PathName   *inner;			/* some name of the ring below it; NULL: none */
	const CfdwJsonNode *found;
};

struct CfdwPaths
{
	PathName   *outer;			/* some name of the ring; NULL: none */
};

CfdwPaths *
cfdw_paths_create(void)
{
	return palloc0(sizeof(CfdwPaths));
}

/* The name in a ring, added behind its newest when it is not there. */
static PathName *
find_name(PathName **ring, const char *text)
{
	PathName   *name = *ring;

	if (name != NULL)
		do
		{
			if (strcmp(name->name, text) == 0)
				return name;
			name = name->next;
		} while (name != *ring);
	name = palloc0(sizeof(PathName));
	name->name = text;
	name->len = strlen(text);
	name->next = *ring ? (*ring)->next : name;
	if (*ring != NULL)
		(*ring)->next = name;
	*ring = name;
	return name;
}

const CfdwJsonNode *const *
cfdw_paths_add(CfdwPaths *paths, const CfdwPath *path)
{
	PathName  **ring = &paths->outer;
	PathName   *name = NULL;

	for (int i = 0; i < path->count; i++)
	{
		name = find_name(ring, path->part[i]);
		ring = &name->inner;
	}
	return name ? &name->found : NULL;
}

/*
 * Find the names of a ring in an object; the last of equal members counts.
 * Members mostly come in the order of the ring, so the search for each goes
 * on where the one before ended.
 */
static void
find_ring(PathName *ring, const CfdwJsonNode *object)
{
	PathName   *name = ring;

	do
	{
		name->found = NULL;
		name = name->next;
	} while (name != ring);
	if (cfdw_json_kind(object) == CFDW_JSON_OBJECT)
	{
		PathName   *at = ring->next;

		check_open(object);
		for_each_child(child, object)
		{
			name = at;
			do
			{
				if (key_is(child, name->name, name->len))
				{
					name->found = child;
					at = name->next;
					break;
				}
				name = name->next;
			} while (name != at);
		}
	}
	name = ring;
	do
	{
		if (name->inner != NULL)
			find_ring(name->inner, name->found);
		name = name->next;
	} while (name != ring);
}

void
cfdw_paths_find(CfdwPaths *paths, const CfdwJsonNode *object)
{
	if (paths->outer != NULL)
		find_ring(paths->outer, object);
}
