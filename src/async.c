/*-------------------------------------------------------------------------
 *
 * async.c
 *	  Scans that run side by side under an Append.
 *
 * A request for a row sends what may be sent and, when no row is here, leaves
 * the waiting to the Append.  One watch stands for all its scans: a descriptor
 * for each would be as many as there are partitions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "async.h"

#include "executor/execAsync.h"
#include "executor/instrument.h"
#include "http.h"
#include "plan.h"
#include "scan.h"
#include "storage/latch.h"

bool
cfdwIsForeignPathAsyncCapable(ForeignPath *path)
{
	return cfdw_path_may_overlap(path);
}

/* The node's next row, filtered and projected, or what there is instead. */
static void
produce(AsyncRequest *areq)
{
	ForeignScanState *node = (ForeignScanState *) areq->requestee;
	CfdwScan   *scan = node->fdw_state;
	TupleTableSlot *row = areq->requestee->ExecProcNodeReal(areq->requestee);

	if (!TupIsNull(row))
		ExecAsyncRequestDone(areq, row);
	else if (scan->has_to_wait)
		ExecAsyncRequestPending(areq);
	else
		ExecAsyncRequestDone(areq, NULL);
}

void
cfdwForeignAsyncRequest(AsyncRequest *areq)
{
	produce(areq);
}

/*
 * Does an arm before this one wait as well?  The Append asks them in order,
 * so that one has added the watch.
 */
static bool
others_wait(AsyncRequest *areq)
{
	AppendState *append = (AppendState *) areq->requestor;
	int			i = -1;

	while ((i = bms_next_member(append->as_asyncplans, i)) >= 0 && i < areq->request_index)
	{
		AsyncRequest *other = append->as_asyncrequests[i];

		if (other->callback_pending && IsA(other->requestee, ForeignScanState) &&
			((ForeignScanState *) other->requestee)->fdwroutine->ForeignAsyncConfigureWait ==
			cfdwForeignAsyncConfigureWait)
			return true;
	}
	return false;
}

/* Take part in the Append's wait, unless it has a row that it can give. */
static void
take_part(AsyncRequest *areq, bool adds_watch)
{
	AppendState *append = (AppendState *) areq->requestor;

	if (append->as_nasyncresults > 0)
		return;
	if (adds_watch)
		AddWaitEventToSet(append->as_eventset, WL_SOCKET_READABLE, cfdw_http_watch_fd(), NULL,
						  areq);

	/* with arms that run synchronously it only has a look */
	if (append->as_syncdone)
		cfdw_http_watch_wait();
}

/*
 * A pump for another scan may have brought the row meanwhile: then it is
 * handed over, with the bookkeeping that a notification would have had, and
 * nothing is left to wait for.
 */
void
cfdwForeignAsyncConfigureWait(AsyncRequest *areq)
{
	bool		adds_watch = !others_wait(areq);

	if (adds_watch)
		cfdw_http_watch_clear();
	areq->callback_pending = false;
	produce(areq);
	if (areq->callback_pending)
	{
		take_part(areq, adds_watch);
		return;
	}
	ExecAsyncResponse(areq);
	if (areq->requestee->instrument)
		InstrUpdateTupleCount(areq->requestee->instrument, TupIsNull(areq->result) ? 0.0 : 1.0);

	/* the Append must not wait for others while it has this */
	cfdw_http_watch_wake();
}

/* The Append itself takes the answer after a notification. */
void
cfdwForeignAsyncNotify(AsyncRequest *areq)
{
	produce(areq);
}
