/*-------------------------------------------------------------------------
 *
 * text.h
 *	  Text that comes from outside or goes there: checked, cut, encoded.
 *
 * Nothing here knows the API, options or HTTP.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_TEXT_H
#define CFDW_TEXT_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/uuid.h"

/* A uuid in text form, with its final NUL. */
#define CFDW_UUID_TEXT_SIZE 37

/* Names in a dotted path. */
#define CFDW_PATH_MAX 8

/* Bytes of remote text that a message may quote. */
#define CFDW_EXCERPT_MAX 512

/*
 * Read a uuid of the form 8-4-4-4-12, any letter case.  False when the text
 * is anything else; never raises.
 */
extern bool cfdw_text_to_uuid(const char *text, size_t len, pg_uuid_t *uuid);

/* Write a uuid in its canonical lower-case form. */
extern void cfdw_text_from_uuid(const pg_uuid_t *uuid,
								char out[CFDW_UUID_TEXT_SIZE]);

/*
 * Read a comma-separated list of uuids into a sorted palloc'd array without
 * duplicates.  On a bad or empty item, *bad is set to a palloc'd copy of it
 * and NULL returned.  An empty list is a bad item.
 */
extern pg_uuid_t *cfdw_text_to_uuids(const char *text, int *count, char **bad);

/* Is the uuid in the sorted array? */
extern bool cfdw_uuid_in(const pg_uuid_t *uuid, const pg_uuid_t *sorted, int count);

/* Compare two uuids, for qsort. */
extern int	cfdw_uuid_cmp(const void *a, const void *b);

/*
 * Append text to a URL: all but RFC 3986's unreserved characters becomes
 * percent-encoded UTF-8.  The text is in the server encoding.
 */
extern void cfdw_text_percent_encode(StringInfo url, const char *text);

/*
 * Remote UTF-8 text in the server encoding, palloc'd or borrowed; NULL when it
 * is not valid UTF-8.  Raises for a character that the encoding lacks.
 */
extern const char *cfdw_text_to_server(const char *utf8, size_t len);

/*
 * A palloc'd copy of remote UTF-8 text fit for a message: at most
 * CFDW_EXCERPT_MAX bytes on one line, control characters, invisible ones and
 * invalid bytes replaced, in the server encoding.  Occurrences of `secret` (may be NULL) are masked,
 * and so are secrets of webhooks, which show by their prefix.
 */
extern char *cfdw_text_excerpt(const char *utf8, size_t len, const char *secret);

/*
 * Does this member name, at any letter case and with any separators, speak
 * of a secret (a key, token, password or bearer link)?
 */
extern bool cfdw_text_names_secret(const char *name, size_t len);

/* Is this text a bearer link, whatever member holds it? */
extern bool cfdw_text_is_link(const char *text, size_t len);

/* Does the text hold the word, which may be empty? */
extern bool cfdw_text_holds(const char *text, size_t len, const char *word);

#endif							/* CFDW_TEXT_H */
