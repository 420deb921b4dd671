/*-------------------------------------------------------------------------
 *
 * bulk.h
 *	  Many acts at once, within the window: each is sent once, and one failure
 *	  hides no other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_BULK_H
#define CFDW_BULK_H

#include "postgres.h"

#include "act.h"
#include "fmgr.h"
#include "http.h"
#include "nodes/pg_list.h"
#include "session.h"

/*
 * What is to be done to one thing.  Texts are borrowed until the bulk is done;
 * a stream copies them.
 */
typedef struct CfdwAct
{
	const char *id;				/* a uuid, in canonical form */
	const char *act;			/* for the log: "confirm_accounts(true)" */
	const char *target;			/* for the log: `connection "..."` */
	const char *path;			/* of the PATCH, below the base URL */
	const char *body;
	const char *connection;		/* looked up first, where company_ids fence
								 * acts; NULL: known to lie in scope */
	bool		is_outside;		/* known to lie outside: not sent */
} CfdwAct;

typedef struct CfdwBulkItem
{
	CfdwAct		act;
	bool		is_done;
	bool		ok;
	int			http_status;	/* 0: no answer came */
	char	   *detail;			/* what went wrong; NULL: nothing */

	/* private to bulk.c */
	bool		looks_up;
	MemoryContext cxt;			/* where it lives, with its requests */
	CfdwHttpRequest *request;	/* NULL: waits for a slot */
	CfdwActLog *log;
} CfdwBulkItem;

/*
 * Takes the end of an act in a stream, before the memory of both goes.  May
 * call cfdw_bulk_stop().
 */
typedef void (*CfdwBulkTake) (void *arg, const CfdwBulkItem *item, const CfdwHttpAnswer *answer);

typedef struct CfdwBulk
{
	MemoryContext cxt;
	CfdwSession *session;
	List	   *items;			/* CfdwBulkItem, in the order in which they
								 * were added; not of a stream */
	List	   *open;			/* those that are not done */

	/* a stream */
	CfdwBulkTake take;			/* NULL: the items are kept */
	void	   *take_arg;
	bool		is_stopped;
	int			dropped;		/* acts that were not begun when it stopped */
} CfdwBulk;

/* In the current memory context, whose reset ends what is on its way. */
extern CfdwBulk *cfdw_bulk_create(CfdwSession *session);

/*
 * A bulk without an end in sight: each act is handed over when it is done and
 * leaves nothing behind.  It looks nothing up.
 */
extern CfdwBulk *cfdw_bulk_create_stream(CfdwSession *session, CfdwBulkTake take, void *arg);

/* Add an act; it is sent as soon as the window allows. */
extern void cfdw_bulk_add(CfdwBulk *bulk, const CfdwAct *act);

/* Move each act as far as it goes without waiting. */
extern void cfdw_bulk_advance(CfdwBulk *bulk);

/* Acts that are not done. */
extern int	cfdw_bulk_open(const CfdwBulk *bulk);

/* Begin no further act; those that wait are dropped and counted. */
extern void cfdw_bulk_stop(CfdwBulk *bulk);

/* Wait until all acts are done. */
extern void cfdw_bulk_drain(CfdwBulk *bulk);

/* Put a row (id, ok, http_status, detail) for each act into the function's result. */
extern void cfdw_bulk_put_rows(const CfdwBulk *bulk, ReturnSetInfo *rsinfo);

#endif							/* CFDW_BULK_H */
