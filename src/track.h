/*-------------------------------------------------------------------------
 *
 * track.h
 *	  Deciding which accounts are tracked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_TRACK_H
#define CFDW_TRACK_H

#include "postgres.h"

#include "fmgr.h"

extern PGDLLEXPORT Datum connection_fdw_set_account_tracking(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_bulk_set_account_tracking(PG_FUNCTION_ARGS);

#endif							/* CFDW_TRACK_H */
