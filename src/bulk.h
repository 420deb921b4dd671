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

/* What is to be done to one thing.  Texts are borrowed until the bulk is done. */
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
	CfdwHttpRequest *request;	/* NULL: waits for a slot */
	CfdwActLog *log;
} CfdwBulkItem;

typedef struct CfdwBulk
{
	MemoryContext cxt;
	CfdwSession *session;
	List	   *items;			/* CfdwBulkItem, in the order in which they
								 * were added */
	List	   *open;			/* those that are not done */
} CfdwBulk;

/* In the current memory context, whose reset ends what is on its way. */
extern CfdwBulk *cfdw_bulk_create(CfdwSession *session);

/* Add an act; it is sent as soon as the window allows. */
extern void cfdw_bulk_add(CfdwBulk *bulk, const CfdwAct *act);

/* Wait until all acts are done. */
extern void cfdw_bulk_drain(CfdwBulk *bulk);

/* Put a row (id, ok, http_status, detail) for each act into the function's result. */
extern void cfdw_bulk_put_rows(const CfdwBulk *bulk, ReturnSetInfo *rsinfo);

#endif							/* CFDW_BULK_H */
