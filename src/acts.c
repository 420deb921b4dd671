/*-------------------------------------------------------------------------
 *
 * acts.c
 *	  SQL functions that act, hand out links, or try the API.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "acts.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "crawl.h"
#include "decode.h"
#include "lib/stringinfo.h"
#include "memo.h"
#include "miscadmin.h"
#include "resource.h"
#include "session.h"
#include "target.h"
#include "text.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

PG_FUNCTION_INFO_V1(connection_fdw_ping);
PG_FUNCTION_INFO_V1(connection_fdw_confirm_accounts);
PG_FUNCTION_INFO_V1(connection_fdw_bulk_confirm_accounts);
PG_FUNCTION_INFO_V1(connection_fdw_company_magic_link);
PG_FUNCTION_INFO_V1(connection_fdw_connection_magic_link);
PG_FUNCTION_INFO_V1(connection_fdw_reconnect_links);

/* ---- arguments ---- */

static const char *
server_argument(FunctionCallInfo fcinfo, int index)
{
	return PG_ARGISNULL(index) ? NULL : NameStr(*PG_GETARG_NAME(index));
}

static void
refuse_null(const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("argument \"%s\" must not be null", argument)));
}

static char *
uuid_argument(FunctionCallInfo fcinfo, int index, const char *argument)
{
	char	   *text = palloc(CFDW_UUID_TEXT_SIZE);

	if (PG_ARGISNULL(index))
		refuse_null(argument);
	cfdw_text_from_uuid(PG_GETARG_UUID_P(index), text);
	return text;
}

/* The uuids of an array as texts, in order; NULL elements left out. */
static CfdwValues
uuid_texts(ArrayType *array)
{
	CfdwValues	texts = {0};
	Datum	   *items;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR, &items, &nulls, &count);
	texts.values = palloc(sizeof(char *) * (count + 1));
	for (int i = 0; i < count; i++)
	{
		char	   *text = palloc(CFDW_UUID_TEXT_SIZE);

		if (nulls[i])
			continue;
		cfdw_text_from_uuid(DatumGetUUIDP(items[i]), text);
		texts.values[texts.count++] = text;
	}
	return texts;
}

/* ---- the log line ---- */

/*
 * One line per act.  It is written when the outcome is known, or when the
 * memory context goes because the statement was ended in between.
 */
typedef struct ActLog
{
	MemoryContextCallback on_reset;
	char	   *act;
	char	   *target;
	char	   *server;
	char	   *role;
	bool		is_open;
} ActLog;

static void
write_log(ActLog *log, const char *outcome)
{
	log->is_open = false;
	ereport(LOG_SERVER_ONLY,
			(errmsg("connection_fdw act %s on %s, server \"%s\", role \"%s\": %s", log->act,
					log->target, log->server, log->role, outcome),
			 errhidestmt(true), errhidecontext(true)));
}

static void
close_log(void *arg)
{
	ActLog	   *log = arg;

	if (log->is_open)
		write_log(log, "sent, outcome unknown");
}

static ActLog *
begin_log(const CfdwSession *session, const char *act, const char *target)
{
	ActLog	   *log = palloc0(sizeof(ActLog));

	log->act = pstrdup(act);
	log->target = pstrdup(target);
	log->server = pstrdup(session->server_name);
	log->role = GetUserNameFromId(GetUserId(), false);
	log->on_reset.func = close_log;
	log->on_reset.arg = log;
	log->is_open = true;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &log->on_reset);
	return log;
}

static void
end_log(ActLog *log, const CfdwHttpAnswer *answer)
{
	if (answer->http_status > 0)
		write_log(log, psprintf("HTTP status %d", answer->http_status));
	else
		write_log(log, answer->was_sent ? "sent, no answer" : "not sent");
}

/* ---- requests ---- */

static void
wait_for_slot(const CfdwSession *session)
{
	while (!cfdw_http_has_slot(&session->peer))
		cfdw_http_wait();
}

static void
wait_for(const CfdwHttpRequest *request)
{
	while (!cfdw_http_is_done(request))
		cfdw_http_wait();
}

/* A lost answer to an act leaves open whether it happened. */
static CfdwHttpAnswer
act_answer(CfdwMethod method, const CfdwHttpRequest *request)
{
	CfdwHttpAnswer answer = *cfdw_http_answer(request);

	if (method != CFDW_GET && answer.was_sent &&
		(answer.cause == CFDW_LOST || answer.cause == CFDW_TIMEOUT ||
		 answer.cause == CFDW_TOO_LARGE || answer.cause == CFDW_NO_MEMORY))
		answer.cause = CFDW_MAYBE_DONE;
	return answer;
}

/*
 * Send an act and wait; raises unless it succeeded.  The answer's body lives
 * in the current memory context.
 */
static CfdwHttpAnswer
perform(CfdwSession *session, const char *act, const char *target, const char *task,
		CfdwMethod method, const char *path, const char *body)
{
	CfdwHttpRequest *request;
	CfdwHttpAnswer answer;
	ActLog	   *log;

	wait_for_slot(session);
	log = begin_log(session, act, target);
	request = cfdw_http_start(&session->peer, method, path, body, true);
	wait_for(request);
	answer = act_answer(method, request);
	end_log(log, &answer);
	if (answer.cause != CFDW_OK)
		cfdw_session_raise(session, task, method, path, &answer);
	return answer;
}

/* A GET that asks on behalf of an act; retried like any read. */
static CfdwHttpAnswer
look_up(CfdwSession *session, const char *task, const char *path)
{
	CfdwHttpRequest *request;

	wait_for_slot(session);
	request = cfdw_http_start(&session->peer, CFDW_GET, path, NULL, false);
	wait_for(request);
	if (cfdw_http_answer(request)->cause != CFDW_OK)
		cfdw_session_raise(session, task, CFDW_GET, path, cfdw_http_answer(request));
	return *cfdw_http_answer(request);
}

static const CfdwJsonNode *
object_of(CfdwSession *session, const char *task, const char *path, const CfdwHttpAnswer *answer)
{
	const char *why;
	const CfdwJsonNode *object = cfdw_session_object(cfdw_json_create(), answer, &why);

	if (object == NULL)
		cfdw_session_refuse(session, task, path, CFDW_MALFORMED, why);
	return object;
}

/* A string member, or NULL when it is missing, null or empty. */
static const char *
string_member(const CfdwJsonNode *object, const char *name)
{
	const CfdwJsonNode *node = cfdw_json_member(object, name);
	size_t		len;
	const char *text;

	if (cfdw_json_kind(node) != CFDW_JSON_STRING)
		return NULL;
	text = cfdw_json_text(node, &len);
	return len > 0 && strlen(text) == len ? text : NULL;
}

/* Where company_ids fences acts, the connection's company must be in it. */
static void
check_connection(CfdwSession *session, const char *task, const char *connection)
{
	const char *path = psprintf("/connection/%s/details", connection);
	CfdwHttpAnswer answer;
	const CfdwJsonNode *object;

	if (session->company_count < 0)
		return;
	answer = look_up(session, task, path);
	object = object_of(session, task, path, &answer);
	cfdw_target_check_company(session,
							  string_member(cfdw_json_member(object, "company"), "id"));
}

/* ---- ping ---- */

Datum
connection_fdw_ping(PG_FUNCTION_ARGS)
{
	CfdwSession *session = cfdw_target_session(server_argument(fcinfo, 0));
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5] = {false};
	CfdwHttpRequest *request;
	const CfdwHttpAnswer *answer;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	wait_for_slot(session);
	request = cfdw_http_start(&session->peer, CFDW_GET, "/ping", NULL, true);
	wait_for(request);
	answer = cfdw_http_answer(request);
	values[0] = CStringGetTextDatum(session->server_name);
	values[1] = BoolGetDatum(answer->cause == CFDW_OK);
	values[2] = Int32GetDatum(answer->http_status);
	nulls[2] = answer->http_status == 0;
	values[3] = Float8GetDatum(rint(answer->seconds * 1e6) / 1e3);
	nulls[3] = answer->http_status == 0;
	nulls[4] = answer->cause == CFDW_OK;
	if (!nulls[4])
	{
		CfdwFailure failure;

		cfdw_session_failure(session, "", CFDW_GET, "/ping", answer, &failure);
		values[4] = CStringGetTextDatum(cfdw_failure_detail(&failure));
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

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

static const char *
connection_target(const char *connection)
{
	return psprintf("connection \"%s\"", connection);
}

/* The act has happened: an answer that jsonb cannot hold is no error. */
static bool
public_answer(const CfdwHttpAnswer *answer, Datum *jsonb)
{
	CfdwSpan	value;
	const char *why;
	size_t		offset;

	if (answer->len == 0)
		return false;
	if (cfdw_json_check(answer->body, answer->len, &value, &why, &offset) &&
		cfdw_decode_public_jsonb(value, jsonb, &why))
		return true;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the act succeeded, but its answer cannot be shown"),
			 errdetail("The answer: %s.", why)));
	return false;
}

Datum
connection_fdw_confirm_accounts(PG_FUNCTION_ARGS)
{
	char	   *connection = uuid_argument(fcinfo, 0, "connection_id");
	CfdwSession *session = cfdw_target_session(server_argument(fcinfo, 2));
	char	   *task = psprintf("could not confirm the accounts of connection \"%s\" on server \"%s\"",
								connection, session->server_name);
	CfdwHttpAnswer answer;
	Datum		jsonb;
	bool		confirm;

	if (PG_ARGISNULL(1))
		refuse_null("confirm");
	confirm = PG_GETARG_BOOL(1);
	cfdw_target_check_act(session, "nectar.confirm_accounts", false);
	check_connection(session, task, connection);
	answer = perform(session, confirm_act(confirm), connection_target(connection), task,
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
	ActLog	   *log;
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
	item->log = begin_log(session, confirm_act(bulk->confirm), connection_target(item->connection));
	item->request = cfdw_http_start(&session->peer, CFDW_PATCH, confirm_path(item->connection),
									confirm_body(bulk->confirm), true);
}

/* May the item go on to its act, by the company that was looked up? */
static void
finish_look_up(Bulk *bulk, BulkItem *item, const CfdwHttpAnswer *answer)
{
	const char *path = psprintf("/connection/%s/details", item->connection);
	const char *why;
	const CfdwJsonNode *object;
	const char *company;
	pg_uuid_t	uuid;

	if (answer->cause != CFDW_OK)
	{
		end_item(bulk, item, CFDW_GET, path, answer);
		return;
	}
	object = cfdw_session_object(cfdw_json_create(), answer, &why);
	company = string_member(cfdw_json_member(object, "company"), "id");
	item->stage = ITEM_ACTS;
	if (company != NULL && cfdw_text_to_uuid(company, strlen(company), &uuid) &&
		cfdw_uuid_in(&uuid, bulk->session->companies, bulk->session->company_count))
		return;
	item->stage = ITEM_DONE;
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
		answer = act_answer(CFDW_PATCH, request);
		end_log(item->log, &answer);
		end_item(bulk, item, CFDW_PATCH, confirm_path(item->connection), &answer);
	}
	cfdw_http_release(request);
}

/* Move each item as far as it goes without waiting; false when all are done. */
static bool
advance(Bulk *bulk)
{
	bool		any_left = false;

	for (int i = 0; i < bulk->count; i++)
	{
		BulkItem   *item = &bulk->items[i];

		if (item->request != NULL && cfdw_http_is_done(item->request))
			finish_item(bulk, item);
		if (item->stage == ITEM_DONE)
			continue;
		any_left = true;
		if (item->request == NULL && cfdw_http_has_slot(&bulk->session->peer))
			start_item(bulk, item);
	}
	return any_left;
}

static void
make_items(Bulk *bulk, ArrayType *connections)
{
	CfdwValues	ids = uuid_texts(connections);

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
		refuse_null("connection_ids");
	if (PG_ARGISNULL(1))
		refuse_null("confirm");
	InitMaterializedSRF(fcinfo, 0);
	bulk.session = cfdw_target_session(server_argument(fcinfo, 2));
	bulk.confirm = PG_GETARG_BOOL(1);
	cfdw_target_check_act(bulk.session, "nectar.bulk_confirm_accounts", false);
	make_items(&bulk, PG_GETARG_ARRAYTYPE_P(0));
	while (advance(&bulk))
		cfdw_http_wait();
	for (int i = 0; i < bulk.count; i++)
		put_item(rsinfo, &bulk.items[i]);
	return (Datum) 0;
}

/* ---- magic links ---- */

/* Append a path segment that came from an answer. */
static void
append_segment(StringInfo url, const char *text)
{
	appendStringInfoChar(url, '/');
	cfdw_text_percent_encode(url, text);
}

static void
begin_dashboard_url(StringInfo url, const CfdwSession *session)
{
	const char *base = session->options.dashboard_url;
	int			len = strlen(base);

	while (len > 0 && base[len - 1] == '/')
		len--;
	initStringInfo(url);
	appendBinaryStringInfo(url, base, len);
	appendStringInfoString(url, "/p/connect");
}

/* NULL when the connection's answer lacks a part of its link. */
static char *
connection_link(const CfdwSession *session, const CfdwJsonNode *connection)
{
	const char *company = string_member(connection, "publicCompanyId");
	const char *secret = string_member(connection, "connectionMagicLinkSecret");
	StringInfoData url;

	if (company == NULL || secret == NULL)
		return NULL;
	begin_dashboard_url(&url, session);
	append_segment(&url, company);
	append_segment(&url, "workflow");
	append_segment(&url, secret);
	return url.data;
}

static char *
company_link(const CfdwSession *session, const CfdwJsonNode *object)
{
	const char *whole = string_member(object, "magicLinkUrl");
	const char *company = string_member(object, "publicCompanyId");
	const char *secret = string_member(object, "companyMagicLinkSecret");
	StringInfoData url;

	if (whole != NULL)
		return pstrdup(whole);
	if (company == NULL || secret == NULL)
		return NULL;
	begin_dashboard_url(&url, session);
	append_segment(&url, company);
	append_segment(&url, secret);
	return url.data;
}

static text *
link_or_refuse(CfdwSession *session, const char *task, const char *path, const char *link)
{
	if (link == NULL)
		cfdw_session_refuse(session, task, path, CFDW_WRONG_SHAPE, "it holds no link");
	return cstring_to_text(link);
}

/* The body {"sites":[...]}, or NULL for an argument that is null. */
static char *
sites_body(FunctionCallInfo fcinfo, int index)
{
	StringInfoData body;
	CfdwValues	sites;

	if (PG_ARGISNULL(index))
		return NULL;
	sites = uuid_texts(PG_GETARG_ARRAYTYPE_P(index));
	initStringInfo(&body);
	appendStringInfoString(&body, "{\"sites\":[");
	for (int i = 0; i < sites.count; i++)
		appendStringInfo(&body, "%s\"%s\"", i ? "," : "", sites.values[i]);
	appendStringInfoString(&body, "]}");
	return body.data;
}

Datum
connection_fdw_company_magic_link(PG_FUNCTION_ARGS)
{
	char	   *company = uuid_argument(fcinfo, 0, "company_id");
	char	   *body = sites_body(fcinfo, 1);
	CfdwSession *session = cfdw_target_session(server_argument(fcinfo, 2));
	char	   *path = psprintf("/connection/company/%s/link", company);
	char	   *task = psprintf("could not get the magic link of company \"%s\" from server \"%s\"",
								company, session->server_name);
	CfdwHttpAnswer answer;

	cfdw_target_check_act(session, "nectar.company_magic_link", true);
	cfdw_target_check_company(session, company);
	answer = perform(session, "company_magic_link", psprintf("company \"%s\"", company), task,
					 body ? CFDW_POST : CFDW_GET, path, body);
	PG_RETURN_TEXT_P(link_or_refuse(session, task, path,
									company_link(session, object_of(session, task, path, &answer))));
}

Datum
connection_fdw_connection_magic_link(PG_FUNCTION_ARGS)
{
	char	   *connection = uuid_argument(fcinfo, 0, "connection_id");
	CfdwSession *session = cfdw_target_session(server_argument(fcinfo, 1));
	char	   *path = psprintf("/connection/%s", connection);
	char	   *task = psprintf("could not get the magic link of connection \"%s\" from server \"%s\"",
								connection, session->server_name);
	CfdwHttpAnswer answer;

	cfdw_target_check_act(session, "nectar.connection_magic_link", true);
	check_connection(session, task, connection);
	answer = perform(session, "connection_magic_link", connection_target(connection), task,
					 CFDW_GET, path, NULL);
	PG_RETURN_TEXT_P(link_or_refuse(session, task, path,
									connection_link(session, object_of(session, task, path, &answer))));
}

/* ---- reconnect links ---- */

/* Columns of `connections` that a result row begins with, in its order. */
static const char *const link_columns[] = {
	"id", "company_id", "company_name", "datasource_name", "status",
	"status_first_seen_time", "workflow_owner_email"
};

#define LINK_STATUS 4
#define LINK_GUIDANCE lengthof(link_columns)
#define LINK_URL (lengthof(link_columns) + 1)

typedef struct LinkCrawl
{
	CfdwSession *session;
	CfdwStatement *statement;
	CfdwCrawlCounts counts;
	CfdwDecoder *decoder;
	const pg_uuid_t *company;	/* NULL: any */
	MemoryContext row_cxt;
	int			links;
} LinkCrawl;

/* A decoder for rows of `connections` that hold the link columns alone. */
static CfdwDecoder *
make_link_decoder(const CfdwResource *resource, const CfdwSession *session)
{
	TupleDesc	desc = CreateTemplateTupleDesc(lengthof(link_columns));
	CfdwFit    *fits = palloc0(sizeof(CfdwFit) * lengthof(link_columns));
	List	   *wanted = NIL;

	for (int i = 0; i < lengthof(link_columns); i++)
	{
		const CfdwColumn *column = cfdw_resource_column(resource, link_columns[i]);

		TupleDescInitEntry(desc, i + 1, column->name, cfdw_type_oid(column->type), -1, 0);
		fits[i].column = column;
		wanted = lappend_int(wanted, i + 1);
	}
	return cfdw_decoder_create(resource, resource->name, desc, fits, wanted,
							   session->options.on_unknown_status);
}

static const CfdwStatusFact *
status_fact_of(const CfdwJsonNode *connection)
{
	const char *status = string_member(connection, "status");

	if (status == NULL)
		return NULL;
	return cfdw_status_fact(cfdw_enum_find(CFDW_TYPE_CONNECTION_STATUS), status, strlen(status));
}

static void
put_link(LinkCrawl *links, ReturnSetInfo *rsinfo, const CfdwElement *element)
{
	const CfdwStatusFact *fact = status_fact_of(element->row);
	Datum		values[lengthof(link_columns) + 2];
	bool		nulls[lengthof(link_columns) + 2] = {false};
	char	   *link;

	if (!cfdw_fact_needs_user(fact))
		return;
	cfdw_decode(links->decoder, element, values, nulls);
	if (links->company != NULL &&
		(nulls[1] || cfdw_uuid_cmp(DatumGetUUIDP(values[1]), links->company) != 0))
		return;
	link = connection_link(links->session, element->row);
	values[LINK_GUIDANCE] = CStringGetTextDatum(fact->action);
	nulls[LINK_URL] = link == NULL;
	if (link != NULL)
		values[LINK_URL] = CStringGetTextDatum(link);
	links->links += link != NULL;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
run_link_crawl(LinkCrawl *links, ReturnSetInfo *rsinfo, CfdwCrawlSpec *spec)
{
	CfdwCrawl  *crawl = cfdw_crawl_begin(spec, &links->counts);
	CfdwElement element;

	while (cfdw_crawl_next(crawl, &element))
	{
		MemoryContext old = MemoryContextSwitchTo(links->row_cxt);

		CHECK_FOR_INTERRUPTS();
		put_link(links, rsinfo, &element);
		MemoryContextSwitchTo(old);
		MemoryContextReset(links->row_cxt);
	}
	cfdw_crawl_end(crawl);
}

static const CfdwRoute *
route_by(const CfdwResource *resource, const char *bound)
{
	for (int i = 0; i < resource->route_count; i++)
	{
		const char *column = resource->routes[i].bound;

		if (bound == NULL ? column == NULL : column != NULL && strcmp(column, bound) == 0)
			return &resource->routes[i];
	}
	return NULL;
}

/* The connections named, or the company's, or all in scope. */
static void
fill_link_spec(FunctionCallInfo fcinfo, LinkCrawl *links, CfdwCrawlSpec *spec)
{
	const CfdwResource *resource = cfdw_resource_find("connections");

	spec->statement = links->statement;
	spec->session = links->session;
	spec->resource = resource;
	spec->task = psprintf("could not get reconnect links from server \"%s\"",
						  links->session->server_name);
	spec->scope = links->session->companies;
	spec->scope_count = links->session->company_count;
	spec->pages = 1;
	spec->bound.any = true;
	for (int i = 0; i < CFDW_MAX_FILTERS; i++)
		spec->filters[i].any = true;
	if (!PG_ARGISNULL(1))
	{
		spec->route = route_by(resource, "id");
		spec->bound = uuid_texts(PG_GETARG_ARRAYTYPE_P(1));
		cfdw_values_sort(&spec->bound);
	}
	else if (!PG_ARGISNULL(0))
	{
		spec->route = route_by(resource, "company_id");
		spec->bound.any = false;
		spec->bound.count = 1;
		spec->bound.values = palloc(sizeof(char *));
		spec->bound.values[0] = uuid_argument(fcinfo, 0, "company_id");
	}
	else
		spec->route = route_by(resource, NULL);
}

Datum
connection_fdw_reconnect_links(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	LinkCrawl	links = {0};
	CfdwCrawlSpec spec = {0};
	ActLog	   *log;

	InitMaterializedSRF(fcinfo, 0);
	links.session = cfdw_target_session(server_argument(fcinfo, 2));
	cfdw_target_check_act(links.session, "nectar.reconnect_links", true);
	if (!PG_ARGISNULL(0))
		links.company = PG_GETARG_UUID_P(0);
	links.statement = cfdw_statement_create();
	links.row_cxt = AllocSetContextCreate(CurrentMemoryContext, "connection_fdw link",
										  ALLOCSET_DEFAULT_SIZES);
	fill_link_spec(fcinfo, &links, &spec);
	links.decoder = make_link_decoder(spec.resource, links.session);
	log = begin_log(links.session, "reconnect_links", "connections that wait for their user");
	run_link_crawl(&links, rsinfo, &spec);
	write_log(log, psprintf("%d links", links.links));
	return (Datum) 0;
}
