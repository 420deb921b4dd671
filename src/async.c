/*-------------------------------------------------------------------------
 *
 * async.c
 *	  Scans that run side by side under an Append.
 *
 * A request for a row sends what may be sent and, when no row is here, leaves
 * the waiting to the Append: it waits for the watches of all its scans.
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

static CfdwHttpWatch *
watch_of(ForeignScanState *node)
{
	CfdwScan   *scan = node->fdw_state;

	if (scan->watch == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);

		scan->watch = cfdw_http_watch_create();
		MemoryContextSwitchTo(old);
	}
	return scan->watch;
}

/* Take part in the Append's wait, unless it has a row that it can give. */
static void
wait_with_others(AsyncRequest *areq, CfdwHttpWatch *watch)
{
	AppendState *append = (AppendState *) areq->requestor;

	if (append->as_nasyncresults > 0)
		return;
	AddWaitEventToSet(append->as_eventset, WL_SOCKET_READABLE, cfdw_http_watch_fd(watch), NULL,
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
	CfdwHttpWatch *watch = watch_of((ForeignScanState *) areq->requestee);

	cfdw_http_watch_clear(watch);
	areq->callback_pending = false;
	produce(areq);
	if (areq->callback_pending)
	{
		wait_with_others(areq, watch);
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
