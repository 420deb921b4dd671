/*-------------------------------------------------------------------------
 *
 * session.h
 *	  Which endpoint, key and options serve this user mapping now.
 *
 * A session is cached for the backend's life, or until its server or user
 * mapping is altered: the next statement then gets a new one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_SESSION_H
#define CFDW_SESSION_H

#include "postgres.h"

#include "compat.h"
#include "http.h"
#include "json.h"
#include "options.h"
#include "utils/uuid.h"

typedef struct CfdwSession
{
	Oid			server;
	Oid			mapping;
	const char *server_name;
	const char *role;			/* owner of the mapping, or "public" */
	CfdwOptions options;		/* of server and user mapping */
	CfdwHttpPeer peer;

	int64		element_bytes;	/* that a listing's elements had lately; 0:
								 * not known */

	/* the scope, sorted; -1: every company */
	pg_uuid_t  *companies;
	int			company_count;
} CfdwSession;

/*
 * The session of a server for a role.  It lives at least as long as the
 * current memory context.  Raises when there is no user mapping or no key.
 */
extern CfdwSession *cfdw_session_get(Oid server, Oid role);

/*
 * The same for what sends no request: a mapping without a key will do, and
 * its file is not looked at.
 */
extern CfdwSession *cfdw_session_get_keyless(Oid server, Oid role);

/*
 * Raise for an answer whose cause is not CFDW_OK.  `task` is the message.
 */
pg_noreturn extern void cfdw_session_raise(const CfdwSession *session, const char *task,
										   CfdwMethod method, const char *path,
										   const CfdwHttpAnswer *answer);

/* Raise for an answer that is whole but wrong. */
pg_noreturn extern void cfdw_session_refuse(const CfdwSession *session, const char *task,
											const char *path, CfdwCause cause,
											const char *remark);

/*
 * Fill a failure from an answer; strings are palloc'd.  What the API said in
 * its error body is in the remark, the key masked.  A 404 that is not the
 * API's becomes CFDW_NOT_API.
 */
extern void cfdw_session_failure(const CfdwSession *session, const char *task,
								 CfdwMethod method, const char *path,
								 const CfdwHttpAnswer *answer,
								 CfdwFailure *failure);

/* Is this answer the API's own 404? */
extern bool cfdw_session_is_api_404(const CfdwHttpAnswer *answer);

/* What is wrong with an answer that came whole; `why` is safe to show. */
typedef struct CfdwDefect
{
	CfdwCause	cause;
	const char *why;
} CfdwDefect;

/* Read a whole JSON object body; NULL and *defect when it is none. */
extern const CfdwJsonNode *cfdw_session_object(CfdwJson *json,
											   const CfdwHttpAnswer *answer,
											   CfdwDefect *defect);

#endif							/* CFDW_SESSION_H */
