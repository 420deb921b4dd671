/*-------------------------------------------------------------------------
 *
 * encode.h
 *	  Values -> the JSON body of an act.
 *
 * Members stand in the order in which they are added, without blanks; a
 * member that is not added is not in the body.  Texts come in the server
 * encoding and leave in UTF-8.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_ENCODE_H
#define CFDW_ENCODE_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/array.h"

typedef struct CfdwBody
{
	StringInfoData text;
} CfdwBody;

/* Begin an object; in the current memory context. */
extern void cfdw_body_begin(CfdwBody *body);

extern void cfdw_body_bool(CfdwBody *body, const char *name, bool value);

/* An array of texts or uuids, none of them NULL. */
extern void cfdw_body_array(CfdwBody *body, const char *name, ArrayType *value);

/* The whole body, as UTF-8. */
extern char *cfdw_body_end(CfdwBody *body);

#endif							/* CFDW_ENCODE_H */
