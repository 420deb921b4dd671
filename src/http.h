/*-------------------------------------------------------------------------
 *
 * http.h
 *	  Many bounded requests at once; interruptible; TLS and protocol policy;
 *	  retries.
 *
 * One libcurl multi handle serves the backend, for all servers.  Whoever
 * waits pumps it for everybody: a pump notes what happened to requests and
 * never reports it, so that an error is raised where its request is read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_HTTP_H
#define CFDW_HTTP_H

#include "postgres.h"

#include "error.h"

/* Bytes of headers taken from one answer; real ones stay under a tenth. */
#define CFDW_MAX_HEADER_BYTES (256 * 1024)

typedef enum CfdwMethod
{
	CFDW_GET,
	CFDW_POST,
	CFDW_PATCH
} CfdwMethod;

/*
 * What the backend knows of one server: how many requests are in flight, and
 * since when none succeeds.  Lives as long as the backend.
 */
typedef struct CfdwHttpGate
{
	int			in_flight;
	int			max_in_flight;

	/* private to http.c, in ms */
	int64		failing_since;	/* 0: not failing */
	int64		last_success;	/* 0: none yet */
} CfdwHttpGate;

/*
 * Whom a request goes to and how.  Must outlive its requests.  Times are
 * milliseconds.
 */
typedef struct CfdwHttpPeer
{
	CfdwHttpGate *gate;
	const char *base_url;		/* no slash at its end */
	const char *api_key;
	const char *ca_file;		/* NULL: the system's */
	const char *proxy;			/* NULL: none */
	int			connect_timeout;
	int			request_timeout;
	int			max_retries;
	int			retry_max_delay;
	int64		max_response_bytes;
} CfdwHttpPeer;

typedef struct CfdwHttpRequest CfdwHttpRequest;

/* What came of a request.  Strings belong to the request. */
typedef struct CfdwHttpAnswer
{
	CfdwCause	cause;			/* CFDW_OK: 2xx and whole */
	int			http_status;	/* 0: none came */
	const char *body;			/* NUL-terminated behind its end; may be "" */
	size_t		len;
	const char *remark;			/* libcurl's words, or "" */
	int			tries;			/* how often it was sent */
	int64		bytes;			/* body bytes on the wire */
	double		seconds;		/* of the last try */
	bool		was_sent;		/* some byte of it may have left */
	const char *carried;		/* a secret in the request's body, set by who
								 * sent it: no message repeats it; or NULL */
} CfdwHttpAnswer;

/* May another request to this peer begin now? */
extern bool cfdw_http_has_slot(const CfdwHttpPeer *peer);

/*
 * Begin a request; path is below the base URL, encoded.  It belongs to a
 * child of the current memory context: reset of that, at any time, ends it.
 * The caller has seen a free slot; a request in back-off keeps its slot.
 *
 * A GET is retried as the peer says, but no longer once nothing has succeeded
 * for request_timeout, or no TCP session came about for twice connect_timeout:
 * then the server is given up by all requests alike.  With `once`, and for
 * POST and PATCH, it goes out exactly once: on a fresh TCP connection and over
 * HTTP/1.1, because libcurl sends again by itself when a reused one turns out
 * closed, and when an HTTP/2 stream is refused.
 */
extern CfdwHttpRequest *cfdw_http_start(const CfdwHttpPeer *peer,
										CfdwMethod method, const char *path,
										const char *body, bool once);

extern bool cfdw_http_is_done(const CfdwHttpRequest *request);

/* Memory that the body takes, as far as it came. */
extern int64 cfdw_http_bytes(const CfdwHttpRequest *request);

/* The answer of a request that is done; never raises. */
extern const CfdwHttpAnswer *cfdw_http_answer(const CfdwHttpRequest *request);

/* End a request early, or free one that was read. */
extern void cfdw_http_release(CfdwHttpRequest *request);

/* Let transfers progress without waiting. */
extern void cfdw_http_poll(void);

/*
 * Wait until something happened to some request; may return early.  Handles
 * interrupts, so it may raise.
 */
extern void cfdw_http_wait(void);

/*
 * A descriptor for somebody else's WaitEventSet: readable when some transfer
 * can go on, or some request got done since it was last cleared.  There is
 * one, for the backend's life: whoever waits for several scans adds it once.
 * Whoever is woken by it calls cfdw_http_poll().
 */
extern int	cfdw_http_watch_fd(void);
extern void cfdw_http_watch_clear(void);

/*
 * Somebody waits for the descriptor now: until requests are seen to next,
 * time counts towards timeouts, as it does in cfdw_http_wait().
 */
extern void cfdw_http_watch_wait(void);

/* Make it readable: something else happened than a transfer. */
extern void cfdw_http_watch_wake(void);

extern const char *cfdw_method_name(CfdwMethod method);

#endif							/* CFDW_HTTP_H */
