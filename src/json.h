/*-------------------------------------------------------------------------
 *
 * json.h
 *	  Elements of a body, paths, typed reading.
 *
 * A body is walked as spans: member by member, element by element, without
 * building anything.  One element at a time is parsed into nodes by json-c;
 * parsing the next frees the one before.  That is 2.5 times faster than
 * parsing whole documents and keeps one element in memory.
 *
 * Nothing here raises but for want of memory in palloc.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_JSON_H
#define CFDW_JSON_H

#include "postgres.h"

#include "text.h"

/* Bytes of a body that hold one JSON value; borrowed, not NUL-terminated. */
typedef struct CfdwSpan
{
	const char *at;
	size_t		len;
} CfdwSpan;

/* Walks the members of an object or the elements of an array. */
typedef struct CfdwSpanIter
{
	const char *next;
	const char *end;
	bool		is_object;
} CfdwSpanIter;

typedef enum CfdwJsonKind
{
	CFDW_JSON_NULL,				/* null, or not there */
	CFDW_JSON_BOOL,
	CFDW_JSON_NUMBER,
	CFDW_JSON_STRING,
	CFDW_JSON_ARRAY,
	CFDW_JSON_OBJECT
} CfdwJsonKind;

/* A parser and the element it holds. */
typedef struct CfdwJson CfdwJson;

/* A value inside the element; NULL is JSON's null and what is not there. */
typedef struct json_object CfdwJsonNode;

/* A dotted path, split. */
typedef struct CfdwPath
{
	int			count;
	const char *part[CFDW_PATH_MAX];
} CfdwPath;

/*
 * Check that the body, a NUL behind its end, is one value with balanced brackets, at most 64 deep,
 * with closed strings free of control characters.  On a defect, *why is set
 * to a constant and *offset to its place in bytes.
 */
extern bool cfdw_json_check(const char *body, size_t len, CfdwSpan *value,
							const char **why, size_t *offset);

/* Begin to walk a checked value; false when it is not of that kind. */
extern bool cfdw_span_object(CfdwSpan value, CfdwSpanIter *iter);
extern bool cfdw_span_array(CfdwSpan value, CfdwSpanIter *iter);

/*
 * The next member (key without quotes) or element; false at the end.
 * *bad is set when what stands there is no JSON.
 */
extern bool cfdw_span_next(CfdwSpanIter *iter, CfdwSpan *key, CfdwSpan *value,
						   bool *bad);

/* Is this the name of the member, escapes resolved? */
extern bool cfdw_span_key_is(CfdwSpan key, const char *name);

/*
 * Find several members in one walk: the last of each name; those that are
 * not there are left as they were.  False when the value is no object.
 */
extern bool cfdw_span_members(CfdwSpan object, const char *const *names, CfdwSpan *values,
							  int count);

/* The last member of that name; false when there is none. */
extern bool cfdw_span_member(CfdwSpan object, const char *name, CfdwSpan *value);

/* Read a whole number, also one in quotes, or a boolean. */
extern bool cfdw_span_int(CfdwSpan value, int64 *out);
extern bool cfdw_span_bool(CfdwSpan value, bool *out);

/* Make a parser in the current memory context, which owns what it parses. */
extern CfdwJson *cfdw_json_create(void);

/*
 * Parse one element, at most 32 levels deep.  The node lives until the next
 * parse or reset of the context.  NULL when the bytes are no JSON object;
 * *why then says so.
 */
extern const CfdwJsonNode *cfdw_json_parse(CfdwJson *json, CfdwSpan element,
										   const char **why);

/*
 * Did the element hold a lone surrogate?  json-c has put U+FFFD in its
 * place, so a string with U+FFFD is then not to be trusted.
 */
extern bool cfdw_json_has_lone_surrogate(const CfdwJson *json);

/* Split a dotted path; parts are palloc'd.  False when it is too deep. */
extern bool cfdw_path_split(const char *text, CfdwPath *path);

extern CfdwJsonKind cfdw_json_kind(const CfdwJsonNode *node);
extern const CfdwJsonNode *cfdw_json_member(const CfdwJsonNode *node, const char *name);
extern const CfdwJsonNode *cfdw_json_at(const CfdwJsonNode *node, const CfdwPath *path);

/*
 * A string member as a C string; NULL when it is missing, no string, empty,
 * or holds a NUL.  Borrowed.
 */
extern const char *cfdw_json_string_member(const CfdwJsonNode *node, const char *name);

/* A string's bytes (UTF-8, may hold NUL), or a number's digits; borrowed. */
extern const char *cfdw_json_text(const CfdwJsonNode *node, size_t *len);

/* Is this a number whose digits json-c could not keep? */
extern bool cfdw_json_is_saturated(const CfdwJsonNode *node);

extern bool cfdw_json_bool(const CfdwJsonNode *node);
extern int	cfdw_json_length(const CfdwJsonNode *array);
extern const CfdwJsonNode *cfdw_json_item(const CfdwJsonNode *array, int index);

/* The node as JSON text, borrowed until the element goes. */
extern const char *cfdw_json_serialize(const CfdwJsonNode *node);

#endif							/* CFDW_JSON_H */
