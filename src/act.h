/*-------------------------------------------------------------------------
 *
 * act.h
 *	  One request on behalf of an SQL function: arguments, sending once, log line;
 *	  ping.
 *
 * An act is sent once, on a fresh TCP connection, and leaves one line in the
 * server's log.  Functions that act call cfdw_target_check_act before they
 * send anything.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_ACT_H
#define CFDW_ACT_H

#include "postgres.h"

#include "crawl.h"
#include "fmgr.h"
#include "http.h"
#include "json.h"
#include "lib/stringinfo.h"
#include "session.h"
#include "utils/array.h"

/*
 * One line per act.  It is written when the outcome is known, or when the
 * memory context goes because the statement was ended in between.
 */
typedef struct CfdwActLog
{
	MemoryContextCallback on_reset;
	char	   *act;
	char	   *target;
	char	   *server;
	char	   *role;
	const char *unfinished;		/* outcome when the statement ends before */
	bool		is_open;
} CfdwActLog;

#define CFDW_ACT_UNKNOWN "ended early, outcome unknown"

/* Arguments.  Texts are palloc'd; uuids are in canonical form. */
extern const char *cfdw_act_server_arg(FunctionCallInfo fcinfo, int index);
extern char *cfdw_act_uuid_arg(FunctionCallInfo fcinfo, int index, const char *argument);
extern void cfdw_act_refuse_null(const char *argument);

/* The uuids of an array as texts, in order; NULL elements left out. */
extern CfdwValues cfdw_act_uuid_texts(ArrayType *array);

/* What an act is about, for its log line; palloc'd. */
extern char *cfdw_act_connection_target(const char *connection);
extern char *cfdw_act_company_target(const char *company);
extern char *cfdw_act_account_target(const char *account);
extern char *cfdw_act_invitation_target(const char *invitation);

/*
 * Begin the log line of an act that is about to be sent, in the current
 * memory context; end it with the answer, or write an outcome of one's own.
 */
extern CfdwActLog *cfdw_act_log_begin(const CfdwSession *session, const char *act,
									  const char *target, const char *unfinished);
extern void cfdw_act_log_end(CfdwActLog *log, const CfdwHttpAnswer *answer);
extern void cfdw_act_log_write(CfdwActLog *log, const char *outcome);

/*
 * The answer of a request that is done.  For an act whose answer was lost
 * after it was sent, or is not the API's JSON, the cause is CFDW_MAYBE_DONE.
 */
extern CfdwHttpAnswer cfdw_act_answer(CfdwMethod method, const CfdwHttpRequest *request);

/* What an act sends, and how it is told of.  All borrowed. */
typedef struct CfdwActRequest
{
	const char *act;			/* for the log: "confirm_accounts(true)" */
	const char *target;			/* for the log: `connection "..."` */
	const char *task;			/* message of errors */
	CfdwMethod	method;
	const char *path;			/* below the base URL */
	const char *body;			/* NULL: none */
	const char *carried;		/* secret in the body that no message repeats;
								 * NULL: none */
} CfdwActRequest;

/*
 * Send an act, log it and wait; raises unless it succeeded.  The answer's
 * body lives in the current memory context.
 */
extern CfdwHttpAnswer cfdw_act_perform(CfdwSession *session, const CfdwActRequest *act);

/* Ask on behalf of an act; retried like any read, raises unless it succeeded. */
extern CfdwHttpAnswer cfdw_act_look_up(CfdwSession *session, const char *task, const char *path);

/* Raise for an answer that is whole but wrong. */
pg_noreturn extern void cfdw_act_refuse(const CfdwSession *session, const CfdwActRequest *act,
										CfdwCause cause, const char *why);

/* Raise: the act has happened, but its answer is not what it must be. */
pg_noreturn extern void cfdw_act_refuse_answer(const CfdwSession *session,
											   const CfdwActRequest *act, const char *why);

/* The answer's JSON object; raises when it is none. */
extern const CfdwJsonNode *cfdw_act_object(const CfdwSession *session, const CfdwActRequest *act,
										   const CfdwHttpAnswer *answer);

/*
 * A decoder for elements of a resource that fills these of its columns, in
 * this order, each with its natural type.
 */
extern CfdwDecoder *cfdw_act_decoder(const CfdwSession *session, const char *resource,
									 const char *const *columns, int count,
									 CfdwUnknownStatus on_unknown);

/* A string member in the server encoding; NULL when there is none. */
extern const char *cfdw_act_member_text(const CfdwJsonNode *object, const char *name);

/* Begin a link on the dashboard; append a path segment that came from an answer. */
extern void cfdw_act_begin_link(StringInfo url, const CfdwSession *session, const char *path);
extern void cfdw_act_append_segment(StringInfo url, const char *text);

/* Is this the uuid that a member holds?  False only when it holds another one. */
extern bool cfdw_act_names(const CfdwJsonNode *object, const char *member, const char *id);

/* Is this object the connection?  False only when it names another one. */
extern bool cfdw_act_is_connection(const CfdwJsonNode *object, const char *connection);

/* What is wrong when it is not. */
#define CFDW_ACT_ANOTHER "it is another object than the one asked for"
#define CFDW_ACT_NO_COMPANY "it names no company, which company_ids asks for"

/*
 * The company that a connection's details name, to hold against the scope;
 * NULL and *defect when they do not tell.
 */
extern const char *cfdw_act_company_of(const CfdwHttpAnswer *answer, const char *connection,
									   CfdwDefect *defect);

/*
 * What a function returns of an act's answer: jsonb less secrets, or NULL.
 * The act has happened, so an answer that jsonb cannot hold is a WARNING.
 */
extern Datum cfdw_act_return_answer(FunctionCallInfo fcinfo, const CfdwHttpAnswer *answer);

/*
 * Raise unless the connection's company lies in the session's scope; asks the
 * API only when there is a scope.
 */
extern void cfdw_act_check_connection(CfdwSession *session, const char *task,
									  const char *connection);

extern PGDLLEXPORT Datum connection_fdw_ping(PG_FUNCTION_ARGS);

#endif							/* CFDW_ACT_H */
