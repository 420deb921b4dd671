/*-------------------------------------------------------------------------
 *
 * confirm.h
 *	  Confirming or rejecting the accounts discovered at connections.
 *
 * SQL functions; nothing else calls them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_CONFIRM_H
#define CFDW_CONFIRM_H

#include "postgres.h"

#include "fmgr.h"

extern PGDLLEXPORT Datum connection_fdw_confirm_accounts(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_bulk_confirm_accounts(PG_FUNCTION_ARGS);

#endif							/* CFDW_CONFIRM_H */
