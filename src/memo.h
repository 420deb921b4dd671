/*-------------------------------------------------------------------------
 *
 * memo.h
 *	  What one statement asks and has been answered.
 *
 * A statement's scans share answers, 404s and requests in flight: the same
 * URL is asked once.  Bodies stay in memory up to a bound and go to a
 * temporary file beyond it.  Where a plan cannot ask twice, a fetch is
 * private to its scan and freed once it was read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_MEMO_H
#define CFDW_MEMO_H

#include "postgres.h"

#include "http.h"
#include "nodes/execnodes.h"

typedef struct CfdwStatement CfdwStatement;
typedef struct CfdwFetch CfdwFetch;
typedef struct CfdwWriting CfdwWriting;

/*
 * The statement that runs with this executor state, made when first asked
 * for; it lives in the executor's query context.
 */
extern CfdwStatement *cfdw_statement_of(EState *estate);

/* A node that takes part in a statement; owned by whoever joins. */
typedef struct CfdwMember
{
	ForeignScanState *node;
	void		(*start) (ForeignScanState *node);	/* send first requests now */
} CfdwMember;

/*
 * A scan joins the statement and leaves it; the last one that leaves closes
 * the temporary file.  After an error PostgreSQL closes it.
 */
extern void cfdw_statement_join(CfdwStatement *statement, CfdwMember *member);
extern void cfdw_statement_leave(CfdwStatement *statement, CfdwMember *member);

/* Have the members that run these plans send their first requests. */
extern void cfdw_statement_start(CfdwStatement *statement, List *plans);

/*
 * Scans that will read listings whole register with +1, and with -1 where
 * they turn out not to.  A count looks whether there are others.
 */
extern void cfdw_statement_add_listings(CfdwStatement *statement, int scans);
extern int	cfdw_statement_listings(const CfdwStatement *statement);

/* A statement for a function's own requests, in the current memory context. */
extern CfdwStatement *cfdw_statement_create(void);

/* From now on, answers of this statement are kept and shared. */
extern void cfdw_statement_share(CfdwStatement *statement);

/* Where modify.c keeps what the statement writes; NULL at first. */
extern CfdwWriting **cfdw_statement_writing(CfdwStatement *statement);

/*
 * The statement is about to fail over what it reads: have what it writes come
 * to rest first, by the function that is set together with the writing.
 */
typedef void (*CfdwSettle) (CfdwWriting *writing);
extern void cfdw_statement_set_settle(CfdwStatement *statement, CfdwSettle settle);
extern void cfdw_statement_settle(CfdwStatement *statement);

/* Requests that the statement has sent. */
extern int	cfdw_statement_requests(const CfdwStatement *statement);

/*
 * The fetch of a GET of this path for this user mapping, begun if need be,
 * or NULL when it must be begun and the peer has no free slot.  *shared says
 * that it was there already.  keep_bytes bounds the bodies kept in memory.
 */
extern CfdwFetch *cfdw_fetch(CfdwStatement *statement, Oid mapping,
							 const CfdwHttpPeer *peer, const char *path,
							 int64 keep_bytes, bool *shared);

/* Has the statement asked for this path already? */
extern bool cfdw_fetch_is_known(CfdwStatement *statement, Oid mapping, const char *path);

/* Is the answer whole, so that opening it does not wait? */
extern bool cfdw_fetch_is_done(const CfdwFetch *fetch);

extern const char *cfdw_fetch_path(const CfdwFetch *fetch);

/* Bytes that an answer, or what came of it so far, holds in memory now. */
extern int64 cfdw_fetch_bytes(const CfdwFetch *fetch);

/* The answer; its body stays in memory until the fetch is closed. */
extern const CfdwHttpAnswer *cfdw_fetch_open(CfdwFetch *fetch);

/* Done with a fetch, opened or not: private ones are ended and freed. */
extern void cfdw_fetch_close(CfdwFetch *fetch);

#endif							/* CFDW_MEMO_H */
