/*-------------------------------------------------------------------------
 *
 * links.h
 *	  Magic links: of a company, of a connection, of all that wait for their user.
 *
 * SQL functions; nothing else calls them.  A link is a bearer credential:
 * handing one out counts as an act.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_LINKS_H
#define CFDW_LINKS_H

#include "postgres.h"

#include "fmgr.h"

extern PGDLLEXPORT Datum connection_fdw_company_magic_link(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_connection_magic_link(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_reconnect_links(PG_FUNCTION_ARGS);

#endif							/* CFDW_LINKS_H */
