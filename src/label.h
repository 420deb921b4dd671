/*-------------------------------------------------------------------------
 *
 * label.h
 *	  Labels of the extension's enum types as Datums.
 *
 * A type may have gained labels by ALTER TYPE; what a value may be is read
 * from pg_enum, what it means from the status facts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_LABEL_H
#define CFDW_LABEL_H

#include "postgres.h"

typedef struct CfdwLabel
{
	char	   *text;			/* in the server encoding */
	size_t		len;
	Oid			oid;
} CfdwLabel;

/* The labels that a type has now, in its order. */
typedef struct CfdwLabels
{
	int			count;
	CfdwLabel  *labels;
} CfdwLabels;

/*
 * Read a type's labels into the current memory context, less those that
 * this transaction added and cannot use yet.
 */
extern CfdwLabels *cfdw_labels_read(Oid enumtype);

/* The label's OID, or InvalidOid when the type lacks it. */
extern Oid	cfdw_labels_find(const CfdwLabels *labels, const char *text, size_t len);

/* The label of an enum value, palloc'd, and the type it is of. */
extern char *cfdw_label_text(Oid enumval, Oid *enumtype);

#endif							/* CFDW_LABEL_H */
