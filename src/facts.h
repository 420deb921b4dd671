/*-------------------------------------------------------------------------
 *
 * facts.h
 *	  SQL functions over the catalogue: status facts, options, errors.
 *
 * They are called from SQL alone; nothing here contacts the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_FACTS_H
#define CFDW_FACTS_H

#include "postgres.h"

#include "fmgr.h"

extern PGDLLEXPORT Datum connection_fdw_status_category(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_needs_user_action(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_is_checked_weekly(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_is_terminal(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_guidance(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_status_facts(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_options(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_errors(PG_FUNCTION_ARGS);

#endif							/* CFDW_FACTS_H */
