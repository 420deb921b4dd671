/*-------------------------------------------------------------------------
 *
 * connection_fdw.h
 *	  Handler and validator: wiring only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CONNECTION_FDW_H
#define CONNECTION_FDW_H

#include "postgres.h"

#include "fmgr.h"

extern PGDLLEXPORT Datum connection_fdw_handler(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_validator(PG_FUNCTION_ARGS);

#endif							/* CONNECTION_FDW_H */
