/*-------------------------------------------------------------------------
 *
 * connection.h
 *	  Creating a connection, and changing its settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_CONNECTION_H
#define CFDW_CONNECTION_H

#include "postgres.h"

#include "fmgr.h"

extern PGDLLEXPORT Datum connection_fdw_create_connection(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_update_connection(PG_FUNCTION_ARGS);

#endif							/* CFDW_CONNECTION_H */
