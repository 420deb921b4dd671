/*-------------------------------------------------------------------------
 *
 * error.h
 *	  Remote and transport failures: cause -> SQLSTATE, detail, hint.
 *
 * Every way in which asking the API can fail is a CfdwCause, a row of the
 * table in error.c.  Codes of class NC are this extension's own; docs/errors
 * are checked against what nectar.errors() shows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_ERROR_H
#define CFDW_ERROR_H

#include "postgres.h"

#include "compat.h"

typedef enum CfdwCause
{
	CFDW_OK,					/* HTTP 2xx */

	/* transport */
	CFDW_UNREACHABLE,			/* no TCP or TLS session came about */
	CFDW_CERTIFICATE,			/* the server could not prove who it is */
	CFDW_LOST,					/* the answer broke off */
	CFDW_TIMEOUT,
	CFDW_TOO_LARGE,				/* body or headers beyond their limit */
	CFDW_NO_MEMORY,
	CFDW_NOT_LOOPBACK,			/* plain http led to another machine */

	/* HTTP status */
	CFDW_REDIRECT,
	CFDW_BAD_REQUEST,
	CFDW_UNAUTHORIZED,
	CFDW_FORBIDDEN,
	CFDW_NOT_FOUND,				/* 404 in the API's own JSON */
	CFDW_CONFLICT,
	CFDW_RATE_LIMITED,
	CFDW_CLIENT_ERROR,
	CFDW_SERVER_ERROR,

	/* content */
	CFDW_NOT_API,				/* 404 that is not the API's JSON */
	CFDW_MALFORMED,				/* not JSON */
	CFDW_WRONG_SHAPE,			/* JSON, but not what the route answers */
	CFDW_WRONG_PAGE,			/* not the page that was asked for */
	CFDW_BAD_VALUE,				/* a value does not fit its column */
	CFDW_UNKNOWN_LABEL,

	/* our own bounds */
	CFDW_REQUEST_LIMIT,			/* max_requests */
	CFDW_MAYBE_DONE,			/* an act was sent, its answer was lost */

	/* what comes in */
	CFDW_WEBHOOK_REFUSED		/* it is not shown to come from its sender */
} CfdwCause;

#define CFDW_CAUSES (CFDW_WEBHOOK_REFUSED + 1)

/* One failure, ready to be reported.  All strings are safe to show. */
typedef struct CfdwFailure
{
	CfdwCause	cause;
	const char *task;			/* the message: what could not be done, where */
	const char *server;
	const char *role;			/* whose user mapping was used, or NULL */
	const char *method;
	const char *path;			/* with query, below the base URL; or NULL */
	int			http_status;	/* 0 when there was no answer */
	int			tries;			/* how often it was sent; 0 or 1: not said */
	const char *remark;			/* what the remote or libcurl said, or NULL */
} CfdwFailure;

/* A row of the table, for nectar.errors() and the docs check. */
typedef struct CfdwErrorRow
{
	const char *name;
	int			sqlstate;
	const char *when;			/* a sentence of the documentation */
} CfdwErrorRow;

/* The cause that an HTTP status stands for; CFDW_OK for 2xx. */
extern CfdwCause cfdw_cause_of_status(int http_status);

/* Raise the failure as an ERROR. */
pg_noreturn extern void cfdw_raise(const CfdwFailure *failure);

/* The same with a DETAIL of the caller's own. */
pg_noreturn extern void cfdw_raise_detailed(const CfdwFailure *failure, const char *detail);

/* The same text that cfdw_raise puts into DETAIL, palloc'd. */
extern char *cfdw_failure_detail(const CfdwFailure *failure);

/* The SQLSTATE of a cause, for errors that are raised elsewhere. */
extern int	cfdw_sqlstate(CfdwCause cause);

/* The row of a cause; the row of CFDW_OK is empty. */
extern const CfdwErrorRow *cfdw_error_row(CfdwCause cause);

#endif							/* CFDW_ERROR_H */
