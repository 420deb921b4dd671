/*-------------------------------------------------------------------------
 *
 * argument.h
 *	  Arguments of functions that act: read, and refused before anything is sent.
 *
 * An argument that is null is left out of the request: the readers say so by
 * NULL or false.  One that the API could only refuse raises 22023, naming the
 * argument and never its value, which may be personal.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_ARGUMENT_H
#define CFDW_ARGUMENT_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"
#include "utils/date.h"

/* A text, palloc'd; NULL: left out. */
extern char *cfdw_arg_text(FunctionCallInfo fcinfo, int index, const char *argument);

/* An e-mail address: one "@", something on both sides, no blanks. */
extern char *cfdw_arg_email(FunctionCallInfo fcinfo, int index, const char *argument);

/* A country code of two letters, in upper case. */
extern char *cfdw_arg_country(FunctionCallInfo fcinfo, int index, const char *argument);

/* A boolean; false: left out. */
extern bool cfdw_arg_bool(FunctionCallInfo fcinfo, int index, bool *value);

/* An integer of at least `least`; false: left out. */
extern bool cfdw_arg_int(FunctionCallInfo fcinfo, int index, const char *argument, int32 least,
						 int32 *value);

/* A date that "YYYY-MM-DD" can write; false: left out. */
extern bool cfdw_arg_date(FunctionCallInfo fcinfo, int index, const char *argument,
						  DateADT *value);

/*
 * The whole seconds of an interval, as EXTRACT(epoch ...) counts them, of at
 * least `least`; false: left out.
 */
extern bool cfdw_arg_seconds(FunctionCallInfo fcinfo, int index, const char *argument,
							 int32 least, int32 *value);

/*
 * An array that is not empty and holds no nulls; `elements` says in a message
 * what it must hold.  NULL: left out.
 */
extern ArrayType *cfdw_arg_array(FunctionCallInfo fcinfo, int index, const char *argument,
								 const char *elements);

/* The same of e-mail addresses. */
extern ArrayType *cfdw_arg_emails(FunctionCallInfo fcinfo, int index, const char *argument);

#endif							/* CFDW_ARGUMENT_H */
