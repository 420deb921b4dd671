/*-------------------------------------------------------------------------
 *
 * invite.h
 *	  Invitations: to make a connection, to mend one; revoking them.
 *
 * Whoever holds the URL of an invitation can act on it, so handing one out is
 * an act.  The functions return it, that being their purpose; nothing else
 * shows it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_INVITE_H
#define CFDW_INVITE_H

#include "postgres.h"

#include "fmgr.h"

extern PGDLLEXPORT Datum connection_fdw_invite_to_connect(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_invite_to_reconnect(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum connection_fdw_revoke_invitation(PG_FUNCTION_ARGS);

#endif							/* CFDW_INVITE_H */
