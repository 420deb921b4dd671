/*-------------------------------------------------------------------------
 *
 * reader.h
 *	  Connections with their accounts as records: listings read once, a body at hand.
 *
 * SQL functions; nothing else calls them.  They read what the foreign tables
 * connections and accounts show, with statuses as text, so that labels which
 * no enum type knows come as they are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_READER_H
#define CFDW_READER_H

#include "postgres.h"

#include "fmgr.h"

extern PGDLLEXPORT Datum connection_fdw_read_listings(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_read_connection(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_history_server(PG_FUNCTION_ARGS);

#endif							/* CFDW_READER_H */
