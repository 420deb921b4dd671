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
	bool		has_members;	/* in the object that is being written */
} CfdwBody;

/* Begin an object; in the current memory context. */
extern void cfdw_body_begin(CfdwBody *body);

extern void cfdw_body_null(CfdwBody *body, const char *name);
extern void cfdw_body_bool(CfdwBody *body, const char *name, bool value);
extern void cfdw_body_int(CfdwBody *body, const char *name, int64 value);
extern void cfdw_body_text(CfdwBody *body, const char *name, const char *value);

/* A date as YYYY-MM-DD, and whether one can be written so: of the years 1 to 9999. */
extern bool cfdw_body_takes_date(DateADT value);
extern void cfdw_body_date(CfdwBody *body, const char *name, DateADT value);

/* An array of texts or uuids, none of them NULL. */
extern void cfdw_body_array(CfdwBody *body, const char *name, ArrayType *value);

/*
 * A member that is an object of its own: what is added between the two calls
 * are its members.
 */
extern void cfdw_body_open(CfdwBody *body, const char *name);
extern void cfdw_body_close(CfdwBody *body);

/* The whole body, as UTF-8. */
extern char *cfdw_body_end(CfdwBody *body);

#endif							/* CFDW_ENCODE_H */
