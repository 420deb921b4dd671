/*-------------------------------------------------------------------------
 *
 * confirm.c
 *	  Confirming or rejecting the accounts discovered at connections.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "confirm.h"

#include "act.h"
#include "compat.h"
#include "decode.h"
#include "target.h"
#include "text.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

PG_FUNCTION_INFO_V1(connection_fdw_confirm_accounts);
PG_FUNCTION_INFO_V1(connection_fdw_bulk_confirm_accounts);

/* ---- confirming accounts ---- */

static const char *
confirm_body(bool confirm)
{
	return confirm ? "{\"confirm\":true}" : "{\"confirm\":false}";
}

static const char *
confirm_act(bool confirm)
{
	return confirm ? "confirm_accounts(true)" : "confirm_accounts(false)";
}

static const char *
confirm_path(const char *connection)
{
	return psprintf("/connection/%s/status", connection);
}

/* The act has happened: an answer that jsonb cannot hold is no error. */
static bool
public_answer(const CfdwHttpAnswer *answer, Datum *jsonb)
{
	CfdwSpan	text = {answer->body, answer->len};
	const CfdwJsonNode *value;
	CfdwJsonDefect defect;
	const char *why = "is not well-formed";

	if (answer->len == 0)
		return false;
	value = cfdw_json_read(cfdw_json_create(), text, 0, CFDW_JSON_ALL, &defect);
	if (value != NULL && cfdw_decode_public_jsonb(value, jsonb, &why))
		return true;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the act succeeded, but its answer cannot be shown"),
			 errdetail("The answer %s.", why)));
	return false;
}

Datum
connection_fdw_confirm_accounts(PG_FUNCTION_ARGS)
{
	char	   *connection = cfdw_act_uuid_arg(fcinfo, 0, "connection_id");
	CfdwSession *session = cfdw_target_session(cfdw_act_server_arg(fcinfo, 2));
	char	   *task = psprintf("could not confirm the accounts of connection \"%s\" on server \"%s\"",
								connection, session->server_name);
	CfdwHttpAnswer answer;
	Datum		jsonb;
	bool		confirm;

	if (PG_ARGISNULL(1))
		cfdw_act_refuse_null("confirm");
	confirm = PG_GETARG_BOOL(1);
	cfdw_target_check_act(session, "nectar.confirm_accounts", false);
	cfdw_act_check_connection(session, task, connection);
	answer = cfdw_act_perform(session, confirm_act(confirm), cfdw_act_connection_target(connection), task,
							  CFDW_PATCH, confirm_path(connection), confirm_body(confirm));
	if (!public_answer(&answer, &jsonb))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(jsonb);
}

/* ---- confirming in bulk ---- */

typedef enum ItemStage
{
	ITEM_LOOKS_UP,				/* its company, where a scope fences acts */
	ITEM_ACTS,
	ITEM_DONE
} ItemStage;

typedef struct BulkItem
{
	const char *connection;
	ItemStage	stage;
	CfdwHttpRequest *request;	/* NULL: waits for a slot */
	CfdwActLog *log;
	bool		ok;
	int			http_status;
	char	   *detail;
} BulkItem;

typedef struct Bulk
{
	CfdwSession *session;
	bool		confirm;
	int			count;
	BulkItem   *items;
} Bulk;

static void
end_item(Bulk *bulk, BulkItem *item, CfdwMethod method, const char *path,
		 const CfdwHttpAnswer *answer)
{
	CfdwFailure failure;

	item->stage = ITEM_DONE;
	item->http_status = answer->http_status;
	item->ok = answer->cause == CFDW_OK;
	if (item->ok)
		return;
	cfdw_session_failure(bulk->session, "", method, path, answer, &failure);
	item->detail = cfdw_failure_detail(&failure);
}

static void
start_item(Bulk *bulk, BulkItem *item)
{
	CfdwSession *session = bulk->session;

	if (item->stage == ITEM_LOOKS_UP)
	{
		item->request = cfdw_http_start(&session->peer, CFDW_GET,
										psprintf("/connection/%s/details", item->connection),
										NULL, false);
		return;
	}
	item->log = cfdw_act_log_begin(session, confirm_act(bulk->confirm), cfdw_act_connection_target(item->connection),
								   CFDW_ACT_UNKNOWN);
	item->request = cfdw_http_start(&session->peer, CFDW_PATCH, confirm_path(item->connection),
									confirm_body(bulk->confirm), true);
}

/* What was looked up does not tell whether the item may be acted on. */
static void
refuse_look_up(BulkItem *item, const CfdwHttpAnswer *answer, const CfdwDefect *defect)
{
	CfdwFailure failure = {.cause = defect->cause, .remark = defect->why};

	item->http_status = answer->http_status;
	item->detail = cfdw_failure_detail(&failure);
}

/* May the item go on to its act, by the company that was looked up? */
static void
finish_look_up(Bulk *bulk, BulkItem *item, const CfdwHttpAnswer *answer)
{
	const char *path = psprintf("/connection/%s/details", item->connection);
	CfdwDefect	defect;
	const char *company;
	MemoryContext old;
	MemoryContext scratch;
	bool		is_known;
	bool		covered;

	if (answer->cause != CFDW_OK)
	{
		end_item(bulk, item, CFDW_GET, path, answer);
		return;
	}
	scratch = AllocSetContextCreate(CurrentMemoryContext, "connection_fdw look-up",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(scratch);
	company = cfdw_act_company_of(answer, item->connection, &defect);
	is_known = company != NULL;
	covered = is_known && cfdw_target_covers(bulk->session, company);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	item->stage = covered ? ITEM_ACTS : ITEM_DONE;
	if (!is_known)
		refuse_look_up(item, answer, &defect);
	else if (!covered)
		item->detail = pstrdup("Its company lies outside the server's company_ids; nothing was sent.");
}

static void
finish_item(Bulk *bulk, BulkItem *item)
{
	CfdwHttpRequest *request = item->request;
	CfdwHttpAnswer answer;

	item->request = NULL;
	if (item->stage == ITEM_LOOKS_UP)
		finish_look_up(bulk, item, cfdw_http_answer(request));
	else
	{
		answer = cfdw_act_answer(CFDW_PATCH, request);
		cfdw_act_log_end(item->log, &answer);
		end_item(bulk, item, CFDW_PATCH, confirm_path(item->connection), &answer);
	}
	cfdw_http_release(request);
}

static void
advance_item(Bulk *bulk, BulkItem *item)
{
	while (item->stage != ITEM_DONE)
	{
		if (item->request == NULL && cfdw_http_has_slot(&bulk->session->peer))
			start_item(bulk, item);
		if (item->request == NULL || !cfdw_http_is_done(item->request))
			return;
		finish_item(bulk, item);
	}
}

/* Move each item as far as it goes without waiting; false when all are done. */
static bool
advance(Bulk *bulk)
{
	bool		any_left = false;

	for (int i = 0; i < bulk->count; i++)
	{
		advance_item(bulk, &bulk->items[i]);
		any_left |= bulk->items[i].stage != ITEM_DONE;
	}
	return any_left;
}

static void
make_items(Bulk *bulk, ArrayType *connections)
{
	CfdwValues	ids = cfdw_act_uuid_texts(connections);

	cfdw_values_sort(&ids);
	bulk->count = ids.count;
	bulk->items = palloc0(sizeof(BulkItem) * (ids.count + 1));
	for (int i = 0; i < ids.count; i++)
	{
		bulk->items[i].connection = ids.values[i];
		bulk->items[i].stage = bulk->session->company_count < 0 ? ITEM_ACTS : ITEM_LOOKS_UP;
	}
}

static void
put_item(ReturnSetInfo *rsinfo, const BulkItem *item)
{
	Datum		values[4];
	bool		nulls[4] = {false};
	pg_uuid_t	uuid;

	(void) cfdw_text_to_uuid(item->connection, strlen(item->connection), &uuid);
	values[0] = UUIDPGetDatum(&uuid);
	values[1] = BoolGetDatum(item->ok);
	values[2] = Int32GetDatum(item->http_status);
	nulls[2] = item->http_status == 0;
	nulls[3] = item->detail == NULL;
	if (!nulls[3])
		values[3] = CStringGetTextDatum(item->detail);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
connection_fdw_bulk_confirm_accounts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Bulk		bulk = {0};

	if (PG_ARGISNULL(0))
		cfdw_act_refuse_null("connection_ids");
	if (PG_ARGISNULL(1))
		cfdw_act_refuse_null("confirm");
	InitMaterializedSRF(fcinfo, 0);
	bulk.session = cfdw_target_session(cfdw_act_server_arg(fcinfo, 2));
	bulk.confirm = PG_GETARG_BOOL(1);
	cfdw_target_check_act(bulk.session, "nectar.bulk_confirm_accounts", false);
	make_items(&bulk, PG_GETARG_ARRAYTYPE_P(0));
	while (advance(&bulk))
		cfdw_http_wait();
	for (int i = 0; i < bulk.count; i++)
		put_item(rsinfo, &bulk.items[i]);
	return (Datum) 0;
}
