/*-------------------------------------------------------------------------
 *
 * json.h
 *	  Values of a body, paths, typed reading.
 *
 * A text is checked against JSON's grammar in one pass, which leaves a table
 * of its values down to a depth: where each one stands in the text, what it
 * is, what its name is.  All reading is from that table and the text behind
 * it; nothing is copied but what is written with escapes.  A page is read to
 * the depth of its elements, then one element at a time to the depth that is
 * asked for, so that what nobody asks for is passed over.
 *
 * Nothing here raises but for want of memory and for reading deeper than the
 * table goes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_JSON_H
#define CFDW_JSON_H

#include "postgres.h"

#include "text.h"

/* Bytes of a text; borrowed, not NUL-terminated. */
typedef struct CfdwSpan
{
	const char *at;
	size_t		len;
} CfdwSpan;

typedef enum CfdwJsonKind
{
	CFDW_JSON_NULL,				/* null, or not there */
	CFDW_JSON_BOOL,
	CFDW_JSON_NUMBER,
	CFDW_JSON_STRING,
	CFDW_JSON_ARRAY,
	CFDW_JSON_OBJECT
} CfdwJsonKind;

/* A table of values, used again for each text that is read with it. */
typedef struct CfdwJson CfdwJson;

/*
 * A value in a table, which holds until the next text is read with it; NULL
 * is what is not there.
 */
typedef struct CfdwJsonNode CfdwJsonNode;

/* What is wrong with a text. */
typedef struct CfdwJsonDefect
{
	const char *why;			/* a constant predicate */
	size_t		offset;			/* in bytes */
} CfdwJsonDefect;

/* A dotted path, split. */
typedef struct CfdwPath
{
	int			count;
	const char *part[CFDW_PATH_MAX];
} CfdwPath;

/* Every value, however deep. */
#define CFDW_JSON_ALL 1000

/* Levels that an element may have: objects and arrays, itself included. */
#define CFDW_ELEMENT_LEVELS 32

/* Make a table in the current memory context. */
extern CfdwJson *cfdw_json_create(void);

/*
 * Read a text, a NUL behind its end, that must be one JSON value; the table
 * goes `depth` levels below it, and CFDW_ELEMENT_LEVELS are allowed from
 * `elements` on, the depth at which its elements are.  NULL when the text is
 * anything else.  The text is borrowed.
 */
extern const CfdwJsonNode *cfdw_json_read(CfdwJson *json, CfdwSpan text, int elements,
										  int depth, CfdwJsonDefect *defect);

/* Read a value of another table by itself, `depth` levels below it. */
extern const CfdwJsonNode *cfdw_json_reread(CfdwJson *json, const CfdwJsonNode *node,
											int depth);

extern CfdwJsonKind cfdw_json_kind(const CfdwJsonNode *node);

/* The first member or element of a value, and the next one; NULL: none. */
extern const CfdwJsonNode *cfdw_json_first(const CfdwJsonNode *node);
extern const CfdwJsonNode *cfdw_json_next(const CfdwJsonNode *node, const CfdwJsonNode *child);

/* How many members or elements there are. */
extern int	cfdw_json_length(const CfdwJsonNode *node);

/* The last member of that name, or the value that a path leads to; or NULL. */
extern const CfdwJsonNode *cfdw_json_member(const CfdwJsonNode *node, const char *name);
extern const CfdwJsonNode *cfdw_json_at(const CfdwJsonNode *node, const CfdwPath *path);

/* Is this the name of the member? */
extern bool cfdw_json_key_is(const CfdwJsonNode *member, const char *name);

/*
 * A member's name, or a scalar's text: a string with its escapes resolved
 * (UTF-8, may hold NUL), the digits of a number.  Borrowed from the text, or
 * palloc'd where there were escapes.
 */
extern CfdwSpan cfdw_json_key(const CfdwJsonNode *member);
extern CfdwSpan cfdw_json_text(const CfdwJsonNode *node);

/*
 * Why it is no text for PostgreSQL, a constant predicate, or NULL: an escape
 * stands for NUL, or is half of a surrogate pair (which reads as U+FFFD).
 */
extern const char *cfdw_json_key_defect(const CfdwJsonNode *member);
extern const char *cfdw_json_text_defect(const CfdwJsonNode *node);

/*
 * A string member as a palloc'd C string; NULL when it is missing, no
 * string, empty, or holds a NUL.
 */
extern const char *cfdw_json_string_member(const CfdwJsonNode *node, const char *name);

/* Read a whole number, also one in quotes, or a boolean. */
extern bool cfdw_json_int(const CfdwJsonNode *node, int64 *out);
extern bool cfdw_json_bool(const CfdwJsonNode *node);

/* Split a dotted path; parts are palloc'd.  False when it is too deep. */
extern bool cfdw_path_split(const char *text, CfdwPath *path);

/*
 * Paths that are looked up together in one walk over an object: adding one
 * says where cfdw_paths_find will put the value, or NULL for none, until it
 * is called again.  They live in the current memory context.
 */
typedef struct CfdwPaths CfdwPaths;

extern CfdwPaths *cfdw_paths_create(void);
extern const CfdwJsonNode *const *cfdw_paths_add(CfdwPaths *paths, const CfdwPath *path);
extern void cfdw_paths_find(CfdwPaths *paths, const CfdwJsonNode *object);

#endif							/* CFDW_JSON_H */
