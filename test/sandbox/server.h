/*-------------------------------------------------------------------------
 *
 * server.h
 *	  Listening, and the way of a request from its arrival to its answer.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_SERVER_H
#define SANDBOX_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "tls.h"

typedef struct ServerOptions
{
	const char *key;			/* the X-API-Key which is accepted */
	bool		listing_accounts;
} ServerOptions;

/* To be called once, before anything listens. */
extern void server_start(const ServerOptions *options);

/*
 * Serve on a port of 127.0.0.1, any free one for 0, in a thread of its own;
 * with TLS if there is a certificate.  Answers the port, or 0 if it cannot.
 */
extern uint16_t server_listen(uint16_t port, const Certificate *certificate);

#endif							/* SANDBOX_SERVER_H */
