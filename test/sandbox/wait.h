/*-------------------------------------------------------------------------
 *
 * wait.h
 *	  Requests that wait without keeping others waiting.
 *
 * A waiting request is suspended in libmicrohttpd and watched by a thread of
 * its own, which resumes it when its time has come, when its client has gone,
 * or when everything is released.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_WAIT_H
#define SANDBOX_WAIT_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#define WAIT_FOREVER INT64_MAX

/* Embedded in a request; starts as all zeroes. */
typedef struct Wait
{
	struct Wait *next;
	struct Wait *prev;
	struct MHD_Connection *connection;
	int			fd;
	int64_t		due_us;
	bool		gone;			/* no one waits for the answer any more */
} Wait;

/* Start the thread; call once. */
extern void wait_start(void);

/* Microseconds on a clock that is never set. */
extern int64_t now_us(void);

/* The socket of a connection. */
extern int	wait_socket(struct MHD_Connection *connection);

/*
 * Suspend the request until then.  To be called from a callback of its
 * connection, which is called again later and finds wait->gone decided.
 */
extern void wait_until(Wait *wait, struct MHD_Connection *connection,
					   int64_t due_us);

/* Resume every request there is as if its client had gone. */
extern void wait_release_all(void);

#endif							/* SANDBOX_WAIT_H */
