/*-------------------------------------------------------------------------
 *
 * target.h
 *	  Which server a function speaks to, and whether it may.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_TARGET_H
#define CFDW_TARGET_H

#include "postgres.h"

#include "session.h"

/*
 * The session of the named server for the current role, who must have USAGE
 * on it; NULL names the only connection_fdw server on which the role has
 * USAGE and a user mapping, and raises with the candidates when there is not
 * exactly one.
 */
extern CfdwSession *cfdw_target_session(const char *server_name);

/* The same for what sends no request: the mapping needs no key. */
extern CfdwSession *cfdw_target_session_keyless(const char *server_name);

/*
 * Raise with 25006 unless this transaction, this server process and the
 * session's server allow acts.  `function` is the SQL function's name.
 */
extern void cfdw_target_check_act(const CfdwSession *session, const char *function,
								  bool hands_out_link);

/* The same for an SQL command: "UPDATE". */
extern void cfdw_target_check_command(const CfdwSession *session, const char *command);

/* Does the company lie in the session's scope?  NULL lies in none. */
extern bool cfdw_target_covers(const CfdwSession *session, const char *company);

/* Raise unless the company lies in the session's scope. */
extern void cfdw_target_check_company(const CfdwSession *session, const char *company);

#endif							/* CFDW_TARGET_H */
