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
#include "utils/date.h"

typedef struct CfdwBody
{
	StringInfoData text;
} CfdwBody;

/* Begin an object; in the current memory context. */
extern void cfdw_body_begin(CfdwBody *body);

extern void cfdw_body_null(CfdwBody *body, const char *name);
extern void cfdw_body_bool(CfdwBody *body, const char *name, bool value);
extern void cfdw_body_int(CfdwBody *body, const char *name, int64 value);
extern void cfdw_body_text(CfdwBody *body, const char *name, const char *value);

/* As YYYY-MM-DD; raises for a date that has no such form. */
extern void cfdw_body_date(CfdwBody *body, const char *name, DateADT value);

/* An array of texts or uuids; raises, naming the argument, for a NULL in it. */
extern void cfdw_body_array(CfdwBody *body, const char *name, ArrayType *value,
							const char *argument);

/* A member that is an object itself: what is added until it ends is in it. */
extern void cfdw_body_open(CfdwBody *body, const char *name);
extern void cfdw_body_close(CfdwBody *body);

/* The whole body, as UTF-8. */
extern char *cfdw_body_end(CfdwBody *body);

/* Overwrite a body, or another text, that held a secret. */
extern void cfdw_body_wipe(char *text);

#endif							/* CFDW_ENCODE_H */
