/*-------------------------------------------------------------------------
 *
 * server.h
 *	  What json.c and decode.c call of PostgreSQL, outside a server.
 *
 * Enough for a fuzzer: every allocation is one of malloc's, so that the
 * address sanitizer knows its bounds; every text that is handed over is read
 * to its end; an ERROR jumps back.  What a type's input function makes of a
 * text is not of interest here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef FUZZ_SERVER_H
#define FUZZ_SERVER_H

#include "postgres.h"

#include <setjmp.h>

/* Where an ERROR goes, and its SQLSTATE. */
extern sigjmp_buf server_error;
extern int	server_sqlstate;

/* May a text hold U+FFFD?  Else it stands for what no text may hold. */
extern bool server_may_replace;

/* Free all that was allocated since the last time. */
extern void server_reset(void);

/* Say what is wrong and end the fuzzer, which keeps the input. */
extern void server_finding(const char *what) pg_attribute_noreturn();

#endif							/* FUZZ_SERVER_H */
