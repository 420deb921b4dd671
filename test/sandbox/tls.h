/*-------------------------------------------------------------------------
 *
 * tls.h
 *	  A certificate for this machine's loopback, made at start.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_TLS_H
#define SANDBOX_TLS_H

/* PEM texts, NUL-terminated. */
typedef struct Certificate
{
	char	   *key;
	char	   *chain;
	char	   *ca;
} Certificate;

/*
 * Make a CA and a certificate of it for localhost and 127.0.0.1.  Ends the
 * program when that fails.
 */
extern Certificate tls_make_certificate(void);

#endif							/* SANDBOX_TLS_H */
