/*-------------------------------------------------------------------------
 *
 * control.h
 *	  The endpoints with which a test steers the sandbox.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_CONTROL_H
#define SANDBOX_CONTROL_H

#include "answer.h"

#define CONTROL_PREFIX "/_sandbox/"

/* Set what latency is at the start, and after a reset. */
extern void control_start(int64_t latency_ms);

/* The time every answer takes now, in milliseconds. */
extern int64_t control_latency_ms(void);

/* Is the key of this holder refused?  Needs the same as control_answer(). */
extern bool control_is_revoked(const char *holder);

/*
 * Answer a request whose path starts with the prefix.  Needs data, faults and
 * log for itself while it runs.
 */
extern void control_answer(const char *method, const char *path,
						   const Text *body, Answer *answer);

#endif							/* SANDBOX_CONTROL_H */
