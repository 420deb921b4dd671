/*-------------------------------------------------------------------------
 *
 * log.h
 *	  What the sandbox received, kept in memory for tests to read.
 *
 * Only requests to the API are here, never those to the control endpoints.
 * The log is bounded in requests and in bytes; the oldest go first and are
 * counted as dropped.
 *
 * Not locked: the caller sees to it that one thread at a time is in here.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_LOG_H
#define SANDBOX_LOG_H

#include "text.h"

/* A TCP connection as the log knows it; starts as all zeroes. */
typedef struct LogSession
{
	unsigned	number;
	unsigned	numbered_in;	/* the reset period the number is from */
	unsigned	counted_in;		/* the clear period it was counted in */
} LogSession;

/* A request whose headers are complete.  Everything is copied. */
typedef struct LogArrival
{
	const char *method;
	const char *path;
	const char *query;
	const char *version;
	const Text *headers;		/* a JSON object */
	bool		key_present;
	bool		key_ok;
	bool		tls;
	int64_t		at_us;
	LogSession *session;
} LogArrival;

extern void log_start(void);

/* Enter a request, which is in flight from now on; answers its ticket. */
extern uint64_t log_arrive(const LogArrival *arrival);

extern void log_body(uint64_t ticket, const char *data, size_t len);
extern void log_status(uint64_t ticket, int status);

/* The request is over. */
extern void log_leave(uint64_t ticket);

/* Forget what was received. */
extern void log_clear(void);

/*
 * As log_clear, and number TCP connections from 1 again, and count nothing
 * that is still in flight.
 */
extern void log_reset(void);

extern void log_render(Text *csv);
extern void log_render_stats(Text *json);

#endif							/* SANDBOX_LOG_H */
