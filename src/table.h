/*-------------------------------------------------------------------------
 *
 * table.h
 *	  What a foreign table is: resource, options in effect, fit of its columns.
 *
 * Read from the catalogs once and cached for the backend's life, because
 * every plan and every scan needs it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_TABLE_H
#define CFDW_TABLE_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "cache.h"
#include "options.h"
#include "resource.h"
#include "utils/rel.h"
#include "utils/uuid.h"

typedef struct CfdwTable
{
	CfdwCacheEntry entry;
	Oid			relid;
	Oid			server;
	const char *name;			/* of the table, unqualified */
	const char *server_name;
	const CfdwResource *resource;
	CfdwOptions options;		/* the server's, the table's over them */
	TupleDesc	desc;			/* a copy */
	CfdwFit    *fits;			/* of each column */

	/* company_ids of server and table, both; sorted; -1: every company */
	pg_uuid_t  *companies;
	int			company_count;
} CfdwTable;

/*
 * The table as the catalogs describe it now.  It stays as it is at least as
 * long as the current memory context lives.  Raises when it names no
 * resource or a column does not fit.  The caller holds a lock on it.
 */
extern const CfdwTable *cfdw_table_get(Oid relid);

/*
 * The same for who only asks what the table is: NULL where it would raise.
 * Made anew in the current memory context, without scope and server's name.
 */
extern const CfdwTable *cfdw_table_try(Relation relation);

#endif							/* CFDW_TABLE_H */
