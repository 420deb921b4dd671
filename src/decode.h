/*-------------------------------------------------------------------------
 *
 * decode.h
 *	  JSON value + column -> Datum, or an error that names the column.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_DECODE_H
#define CFDW_DECODE_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "json.h"
#include "nodes/pg_list.h"
#include "options.h"
#include "resource.h"
#include "utils/date.h"

/* One remote object that is a row.  All borrowed until the next one. */
typedef struct CfdwElement
{
	const CfdwJsonNode *row;
	const CfdwJsonNode *parent; /* the object it is embedded in; or row */
	const char *company;		/* the company that was asked for, or NULL */
	const char *path;			/* of the request, for messages; NULL: none */
} CfdwElement;

typedef struct CfdwDecoder CfdwDecoder;

/*
 * Prepare to fill the listed attributes of a relation.  Lives in the current
 * memory context.  Messages mask the secret.
 */
extern CfdwDecoder *cfdw_decoder_create(const CfdwResource *resource,
										const char *table, TupleDesc desc,
										const CfdwFit *fits, List *columns,
										CfdwUnknownStatus on_unknown, const char *secret);

/* Members, with NULL at their end, that attrs leaves out; borrowed. */
extern void cfdw_decoder_leave_out(CfdwDecoder *decoder, const char *const *members);

/* How many levels below a row, or its parent, must be in the table. */
extern int	cfdw_decoder_depth(const CfdwDecoder *decoder);

/*
 * Fill values and isnull (NULL for attributes not listed).  Datums are made
 * in the current memory context, which should be short-lived.
 */
extern void cfdw_decode(CfdwDecoder *decoder, const CfdwElement *element,
						Datum *values, bool *isnull);

/* A timestamp as the API writes it, UTC where it names no zone; false: it is none. */
extern bool cfdw_decode_timestamptz(CfdwSpan text, TimestampTz *result);

/*
 * Put what an answer says of a row over the row as it was: a member that it
 * lacks leaves the value, attrs keep the members that it lacks.
 */
extern void cfdw_decode_over(CfdwDecoder *decoder, const CfdwElement *element,
							 Datum *values, bool *isnull);

/* Read a date as the API writes them, or the day that a timestamp names. */
extern bool cfdw_decode_date(CfdwSpan text, DateADT *date);

/*
 * A JSON value, read to all its depth, as jsonb, less members that speak of
 * secrets.  False, with *why a constant predicate, when jsonb cannot hold it.
 */
extern bool cfdw_decode_public_jsonb(const CfdwJsonNode *value, Datum *jsonb, const char **why);

#endif							/* CFDW_DECODE_H */
