/*-------------------------------------------------------------------------
 *
 * acts.h
 *	  SQL functions that act, hand out links, or try the API.
 *
 * An act is sent once, on a fresh TCP connection, and leaves one line in the
 * server's log.  It is refused in read-only transactions, on standbys and on
 * servers with read_only, and outside company_ids.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_ACTS_H
#define CFDW_ACTS_H

#include "postgres.h"

#include "fmgr.h"

extern PGDLLEXPORT Datum connection_fdw_ping(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_confirm_accounts(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_bulk_confirm_accounts(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_company_magic_link(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_connection_magic_link(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_reconnect_links(PG_FUNCTION_ARGS);

#endif							/* CFDW_ACTS_H */
