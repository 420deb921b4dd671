/*-------------------------------------------------------------------------
 *
 * bulk.c
 *	  Many acts at once, within the window: each is sent once, and one failure
 *	  hides no other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "bulk.h"

#include "funcapi.h"
#include "target.h"
#include "text.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

CfdwBulk *
cfdw_bulk_create(CfdwSession *session)
{
	CfdwBulk   *bulk = palloc0(sizeof(CfdwBulk));

	bulk->cxt = CurrentMemoryContext;
	bulk->session = session;
	return bulk;
}

CfdwBulk *
cfdw_bulk_create_stream(CfdwSession *session, CfdwBulkTake take, void *arg)
{
	CfdwBulk   *bulk = cfdw_bulk_create(session);

	bulk->take = take;
	bulk->take_arg = arg;
	return bulk;
}

static CfdwBulkItem *
make_item(MemoryContext cxt)
{
	CfdwBulkItem *item = MemoryContextAllocZero(cxt, sizeof(CfdwBulkItem));

	item->cxt = cxt;
	return item;
}

/* An item with memory, and texts, of its own. */
static CfdwBulkItem *
make_stream_item(const CfdwAct *act)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "connection_fdw act",
											  ALLOCSET_SMALL_SIZES);
	CfdwBulkItem *item = make_item(cxt);

	item->act.id = MemoryContextStrdup(cxt, act->id);
	item->act.act = MemoryContextStrdup(cxt, act->act);
	item->act.target = MemoryContextStrdup(cxt, act->target);
	item->act.path = MemoryContextStrdup(cxt, act->path);
	item->act.body = MemoryContextStrdup(cxt, act->body);
	return item;
}

/* Its company is not one of the session's scope. */
static void
refuse_outside(CfdwBulkItem *item)
{
	item->is_done = true;
	item->detail = pstrdup("It is in no company of the server's company_ids; nothing was sent.");
}

void
cfdw_bulk_add(CfdwBulk *bulk, const CfdwAct *act)
{
	MemoryContext old = MemoryContextSwitchTo(bulk->cxt);
	CfdwBulkItem *item;

	if (bulk->take != NULL)
		item = make_stream_item(act);
	else
	{
		item = make_item(bulk->cxt);
		item->act = *act;
		item->looks_up = act->connection != NULL && bulk->session->company_count >= 0;
		bulk->items = lappend(bulk->items, item);
	}
	if (act->is_outside)
		refuse_outside(item);
	else
		bulk->open = lappend(bulk->open, item);
	MemoryContextSwitchTo(old);
}

/* ---- one act ---- */

static const char *
look_up_path(const CfdwBulkItem *item)
{
	return psprintf("/connection/%s/details", item->act.connection);
}

static void
end_item(CfdwBulk *bulk, CfdwBulkItem *item, CfdwMethod method, const char *path,
		 const CfdwHttpAnswer *answer)
{
	CfdwFailure failure;

	item->is_done = true;
	item->http_status = answer->http_status;
	item->ok = answer->cause == CFDW_OK;
	if (item->ok)
		return;
	cfdw_session_failure(bulk->session, "", method, path, answer, &failure);
	item->detail = cfdw_failure_detail(&failure);
}

static void
start_item(CfdwBulk *bulk, CfdwBulkItem *item)
{
	const CfdwHttpPeer *peer = &bulk->session->peer;

	if (item->looks_up)
	{
		item->request = cfdw_http_start(peer, CFDW_GET, look_up_path(item), NULL, false);
		return;
	}
	item->log = cfdw_act_log_begin(bulk->session, item->act.act, item->act.target,
								   CFDW_ACT_UNKNOWN);
	item->request = cfdw_http_start(peer, CFDW_PATCH, item->act.path, item->act.body, true);
}

/* What was looked up does not tell whether the item may be acted on. */
static void
refuse_look_up(CfdwBulkItem *item, const CfdwHttpAnswer *answer, const CfdwDefect *defect)
{
	CfdwFailure failure = {.cause = defect->cause, .remark = defect->why};

	item->http_status = answer->http_status;
	item->detail = cfdw_failure_detail(&failure);
}

/* May the item go on to its act, by the company that was looked up? */
static void
finish_look_up(CfdwBulk *bulk, CfdwBulkItem *item, const CfdwHttpAnswer *answer)
{
	MemoryContext scratch;
	MemoryContext old;
	CfdwDefect	defect;
	const char *company;
	bool		is_known;
	bool		covered;

	item->looks_up = false;
	if (answer->cause != CFDW_OK)
	{
		end_item(bulk, item, CFDW_GET, look_up_path(item), answer);
		return;
	}
	scratch = AllocSetContextCreate(CurrentMemoryContext, "connection_fdw look-up",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(scratch);
	company = cfdw_act_company_of(answer, item->act.connection, &defect);
	is_known = company != NULL;
	covered = is_known && cfdw_target_covers(bulk->session, company);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	item->is_done = !covered;
	if (!is_known)
		refuse_look_up(item, answer, &defect);
	else if (!covered)
		refuse_outside(item);
}

static void
finish_act(CfdwBulk *bulk, CfdwBulkItem *item)
{
	CfdwHttpAnswer answer = cfdw_act_answer(CFDW_PATCH, item->request);

	cfdw_act_log_end(item->log, &answer);
	end_item(bulk, item, CFDW_PATCH, item->act.path, &answer);
	if (bulk->take != NULL)
		bulk->take(bulk->take_arg, item, &answer);
}

static void
finish_item(CfdwBulk *bulk, CfdwBulkItem *item)
{
	CfdwHttpRequest *request = item->request;

	if (item->looks_up)
		finish_look_up(bulk, item, cfdw_http_answer(request));
	else
		finish_act(bulk, item);
	item->request = NULL;
	cfdw_http_release(request);
}

static void
advance_item(CfdwBulk *bulk, CfdwBulkItem *item)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	while (!item->is_done)
	{
		if (item->request == NULL && bulk->is_stopped)
		{
			item->is_done = true;
			bulk->dropped++;
		}
		else if (item->request == NULL && cfdw_http_has_slot(&bulk->session->peer))
			start_item(bulk, item);
		else if (item->request != NULL && cfdw_http_is_done(item->request))
			finish_item(bulk, item);
		else
			break;
	}
	MemoryContextSwitchTo(old);
}

/* ---- all of them ---- */

void
cfdw_bulk_advance(CfdwBulk *bulk)
{
	MemoryContext old = MemoryContextSwitchTo(bulk->cxt);
	ListCell   *lc;

	foreach(lc, bulk->open)
	{
		CfdwBulkItem *item = lfirst(lc);

		advance_item(bulk, item);
		if (!item->is_done)
			continue;
		bulk->open = foreach_delete_current(bulk->open, lc);
		if (bulk->take != NULL)
			MemoryContextDelete(item->cxt);
	}
	MemoryContextSwitchTo(old);
}

int
cfdw_bulk_open(const CfdwBulk *bulk)
{
	return list_length(bulk->open);
}

void
cfdw_bulk_stop(CfdwBulk *bulk)
{
	bulk->is_stopped = true;
}

void
cfdw_bulk_drain(CfdwBulk *bulk)
{
	for (;;)
	{
		cfdw_bulk_advance(bulk);
		if (bulk->open == NIL)
			return;
		cfdw_http_wait();
	}
}

/* ---- results ---- */

static void
put_row(ReturnSetInfo *rsinfo, const CfdwBulkItem *item)
{
	Datum		values[4];
	bool		nulls[4] = {false};
	pg_uuid_t	uuid;

	(void) cfdw_text_to_uuid(item->act.id, strlen(item->act.id), &uuid);
	values[0] = UUIDPGetDatum(&uuid);
	values[1] = BoolGetDatum(item->ok);
	values[2] = Int32GetDatum(item->http_status);
	nulls[2] = item->http_status == 0;
	nulls[3] = item->detail == NULL;
	if (!nulls[3])
		values[3] = CStringGetTextDatum(item->detail);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

void
cfdw_bulk_put_rows(const CfdwBulk *bulk, ReturnSetInfo *rsinfo)
{
	ListCell   *lc;

	foreach(lc, bulk->items)
		put_row(rsinfo, lfirst(lc));
}
