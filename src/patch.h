/*-------------------------------------------------------------------------
 *
 * patch.h
 *	  Which columns an UPDATE can change, and the body that does it.
 *
 * The catalogue says which member of a resource's PATCH a column is.  A column
 * that is fed by a json_path, or generated, is none.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_PATCH_H
#define CFDW_PATCH_H

#include "postgres.h"

#include "error.h"
#include "executor/tuptable.h"
#include "nodes/pg_list.h"
#include "table.h"
#include "text.h"

/* The attribute that holds a row's id; 0 when the table has none. */
extern AttrNumber cfdw_patch_id(const CfdwTable *table);

/* Can the API change the attribute? */
extern bool cfdw_patch_takes(const CfdwTable *table, AttrNumber attnum);

/* Attributes that it can change, in the order of the catalogue. */
extern List *cfdw_patch_columns(const CfdwTable *table);

/* The names of the members that these attributes are. */
extern List *cfdw_patch_members(const CfdwTable *table, List *columns);

/* Why a row cannot be sent: a value that the API does not take. */
typedef struct CfdwPatchDefect
{
	const char *column;
	const char *value;			/* as text; NULL: it is null */
	const char *hint;			/* a sentence: what is taken */
} CfdwPatchDefect;

/*
 * The body with the row's values of these attributes; NULL and *defect when
 * one cannot be sent.  Never raises for a value.
 */
extern char *cfdw_patch_body(const CfdwTable *table, List *columns, TupleTableSlot *slot,
							 CfdwPatchDefect *defect);

/* The row's id in canonical form. */
extern void cfdw_patch_row_id(const CfdwTable *table, TupleTableSlot *slot,
							  char out[CFDW_UUID_TEXT_SIZE]);

#endif							/* CFDW_PATCH_H */
