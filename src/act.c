/*-------------------------------------------------------------------------
 *
 * act.c
 *	  One request on behalf of an SQL function: arguments, sending once, log line; ping.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "act.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "decode.h"
#include "miscadmin.h"
#include "target.h"
#include "text.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

PG_FUNCTION_INFO_V1(connection_fdw_ping);

/* ---- arguments ---- */

const char *
cfdw_act_server_arg(FunctionCallInfo fcinfo, int index)
{
	return PG_ARGISNULL(index) ? NULL : NameStr(*PG_GETARG_NAME(index));
}

void
cfdw_act_refuse_null(const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("argument \"%s\" must not be null", argument)));
}

char *
cfdw_act_uuid_arg(FunctionCallInfo fcinfo, int index, const char *argument)
{
	char	   *text = palloc(CFDW_UUID_TEXT_SIZE);

	if (PG_ARGISNULL(index))
		cfdw_act_refuse_null(argument);
	cfdw_text_from_uuid(PG_GETARG_UUID_P(index), text);
	return text;
}

CfdwValues
cfdw_act_uuid_texts(ArrayType *array)
{
	CfdwValues	texts = {0};
	Datum	   *items;
	bool	   *nulls;
	int			count;

	cfdw_array_items(array, &items, &nulls, &count);
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

char *
cfdw_act_connection_target(const char *connection)
{
	return psprintf("connection \"%s\"", connection);
}

char *
cfdw_act_company_target(const char *company)
{
	return psprintf("company \"%s\"", company);
}

char *
cfdw_act_account_target(const char *account)
{
	return psprintf("account \"%s\"", account);
}

char *
cfdw_act_invitation_target(const char *invitation)
{
	return psprintf("invitation \"%s\"", invitation);
}

void
cfdw_act_log_write(CfdwActLog *log, const char *outcome)
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
	CfdwActLog *log = arg;

	if (log->is_open)
		cfdw_act_log_write(log, log->unfinished);
}

CfdwActLog *
cfdw_act_log_begin(const CfdwSession *session, const char *act, const char *target,
				   const char *unfinished)
{
	CfdwActLog *log = palloc0(sizeof(CfdwActLog));

	log->act = pstrdup(act);
	log->target = pstrdup(target);
	log->server = pstrdup(session->server_name);
	log->role = GetUserNameFromId(GetUserId(), false);
	log->on_reset.func = close_log;
	log->on_reset.arg = log;
	log->unfinished = unfinished;
	log->is_open = true;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &log->on_reset);
	return log;
}

void
cfdw_act_log_end(CfdwActLog *log, const CfdwHttpAnswer *answer)
{
	if (answer->http_status > 0)
		cfdw_act_log_write(log, psprintf("HTTP status %d", answer->http_status));
	else
		cfdw_act_log_write(log, answer->was_sent ? "sent, no answer" : "not sent");
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

/* Is this well-formed JSON, as the API's answers are? */
static bool
is_json(const CfdwHttpAnswer *answer)
{
	CfdwSpan	text = {answer->body, answer->len};
	CfdwJsonDefect defect;

	return cfdw_json_read(cfdw_json_create(), text, 0, 0, &defect) != NULL;
}

/* Was the act answered by something that may not be the API? */
static bool
is_foreign_answer(const CfdwHttpAnswer *answer)
{
	return answer->cause == CFDW_OK && answer->len > 0 && !is_json(answer);
}

/* A gateway that got no answer, or spoke for the API, leaves it open too. */
static bool
is_gateway_failure(const CfdwHttpAnswer *answer)
{
	if (answer->cause != CFDW_SERVER_ERROR)
		return false;
	return answer->http_status == 502 || answer->http_status == 504 || !is_json(answer);
}

static bool
was_lost(const CfdwHttpAnswer *answer)
{
	return answer->was_sent &&
		(answer->cause == CFDW_LOST || answer->cause == CFDW_TIMEOUT ||
		 answer->cause == CFDW_TOO_LARGE || answer->cause == CFDW_NO_MEMORY);
}

CfdwHttpAnswer
cfdw_act_answer(CfdwMethod method, const CfdwHttpRequest *request)
{
	CfdwHttpAnswer answer = *cfdw_http_answer(request);

	if (method != CFDW_GET &&
		(was_lost(&answer) || is_foreign_answer(&answer) || is_gateway_failure(&answer)))
		answer.cause = CFDW_MAYBE_DONE;
	return answer;
}

CfdwHttpAnswer
cfdw_act_perform(CfdwSession *session, const CfdwActRequest *act)
{
	CfdwHttpRequest *request;
	CfdwHttpAnswer answer;
	CfdwActLog *log;

	wait_for_slot(session);
	log = cfdw_act_log_begin(session, act->act, act->target, CFDW_ACT_UNKNOWN);
	request = cfdw_http_start(&session->peer, act->method, act->path, act->body, true);
	wait_for(request);
	answer = cfdw_act_answer(act->method, request);
	answer.carried = act->carried;
	cfdw_act_log_end(log, &answer);
	if (answer.cause != CFDW_OK)
		cfdw_session_raise(session, act->task, act->method, act->path, &answer);
	return answer;
}

CfdwHttpAnswer
cfdw_act_look_up(CfdwSession *session, const char *task, const char *path)
{
	CfdwHttpRequest *request;

	wait_for_slot(session);
	request = cfdw_http_start(&session->peer, CFDW_GET, path, NULL, false);
	wait_for(request);
	if (cfdw_http_answer(request)->cause != CFDW_OK)
		cfdw_session_raise(session, task, CFDW_GET, path, cfdw_http_answer(request));
	return *cfdw_http_answer(request);
}

void
cfdw_act_refuse(const CfdwSession *session, const CfdwActRequest *act, CfdwCause cause,
				const char *why)
{
	CfdwFailure failure = {
		.cause = cause,
		.task = act->task,
		.server = session->server_name,
		.role = session->role,
		.method = cfdw_method_name(act->method),
		.path = act->path,
		.remark = why,
	};

	cfdw_raise(&failure);
}

void
cfdw_act_refuse_answer(const CfdwSession *session, const CfdwActRequest *act, const char *why)
{
	cfdw_act_refuse(session, act, CFDW_WRONG_SHAPE, psprintf("the act has happened, but %s", why));
}

const CfdwJsonNode *
cfdw_act_object(const CfdwSession *session, const CfdwActRequest *act, const CfdwHttpAnswer *answer)
{
	CfdwDefect	defect;
	const CfdwJsonNode *object = cfdw_session_object(cfdw_json_create(), answer, &defect);

	if (object == NULL)
		cfdw_act_refuse(session, act, defect.cause, defect.why);
	return object;
}

CfdwDecoder *
cfdw_act_decoder(const CfdwSession *session, const char *resource,
				 const char *const *columns, int count, CfdwUnknownStatus on_unknown)
{
	const CfdwResource *found = cfdw_resource_find(resource);
	TupleDesc	desc = CreateTemplateTupleDesc(count);
	CfdwFit    *fits = palloc0(sizeof(CfdwFit) * count);
	List	   *wanted = NIL;

	for (int i = 0; i < count; i++)
	{
		const CfdwColumn *column = cfdw_resource_column(found, columns[i]);

		TupleDescInitEntry(desc, i + 1, column->name, cfdw_type_oid(column->type), -1, 0);
		fits[i].column = column;
		wanted = lappend_int(wanted, i + 1);
	}
	return cfdw_decoder_create(found, found->name, desc, fits, wanted, on_unknown,
							   session->options.api_key);
}

/* ---- links ---- */

const char *
cfdw_act_member_text(const CfdwJsonNode *object, const char *name)
{
	const char *utf8 = cfdw_json_string_member(object, name);

	return utf8 ? cfdw_text_to_server(utf8, strlen(utf8)) : NULL;
}

void
cfdw_act_begin_link(StringInfo url, const CfdwSession *session, const char *path)
{
	const char *base = session->options.dashboard_url;
	int			len = strlen(base);

	while (len > 0 && base[len - 1] == '/')
		len--;
	initStringInfo(url);
	appendBinaryStringInfo(url, base, len);
	appendStringInfoString(url, path);
}

void
cfdw_act_append_segment(StringInfo url, const char *text)
{
	appendStringInfoChar(url, '/');
	cfdw_text_percent_encode(url, text);
}

/* ---- what is made of an answer ---- */

/* The answer as jsonb less secrets; false when there is none to show. */
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
cfdw_act_return_answer(FunctionCallInfo fcinfo, const CfdwHttpAnswer *answer)
{
	Datum		jsonb;

	if (!public_answer(answer, &jsonb))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(jsonb);
}

bool
cfdw_act_names(const CfdwJsonNode *object, const char *member, const char *id)
{
	const CfdwJsonNode *value = cfdw_json_member(object, member);
	CfdwSpan	text;
	pg_uuid_t	named;
	pg_uuid_t	asked;

	/* any member may be missing in some version of the API */
	if (cfdw_json_kind(value) == CFDW_JSON_NULL)
		return true;
	text = cfdw_json_text(value);
	return cfdw_text_to_uuid(text.at, text.len, &named) &&
		cfdw_text_to_uuid(id, strlen(id), &asked) && cfdw_uuid_cmp(&named, &asked) == 0;
}

bool
cfdw_act_is_connection(const CfdwJsonNode *object, const char *connection)
{
	return cfdw_act_names(object, "id", connection);
}

const char *
cfdw_act_company_of(const CfdwHttpAnswer *answer, const char *connection, CfdwDefect *defect)
{
	const CfdwJsonNode *object = cfdw_session_object(cfdw_json_create(), answer, defect);
	const char *company;

	if (object == NULL)
		return NULL;
	company = cfdw_json_string_member(cfdw_json_member(object, "company"), "id");
	if (!cfdw_act_is_connection(object, connection))
		*defect = (CfdwDefect) {CFDW_WRONG_SHAPE, CFDW_ACT_ANOTHER};
	else if (company == NULL)
		*defect = (CfdwDefect) {CFDW_WRONG_SHAPE, CFDW_ACT_NO_COMPANY};
	else
		return company;
	return NULL;
}

void
cfdw_act_check_connection(CfdwSession *session, const char *task, const char *connection)
{
	const char *path = psprintf("/connection/%s/details", connection);
	CfdwHttpAnswer answer;
	CfdwDefect	defect;
	const char *company;

	if (session->company_count < 0)
		return;
	answer = cfdw_act_look_up(session, task, path);
	company = cfdw_act_company_of(&answer, connection, &defect);
	if (company == NULL)
		cfdw_session_refuse(session, task, path, defect.cause, defect.why);
	cfdw_target_check_company(session, company);
}

/* ---- ping ---- */

Datum
connection_fdw_ping(PG_FUNCTION_ARGS)
{
	CfdwSession *session = cfdw_target_session(cfdw_act_server_arg(fcinfo, 0));
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5] = {false};
	CfdwHttpRequest *request;
	CfdwHttpAnswer answer;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	wait_for_slot(session);
	request = cfdw_http_start(&session->peer, CFDW_GET, "/ping", NULL, true);
	wait_for(request);
	answer = *cfdw_http_answer(request);
	if (is_foreign_answer(&answer))
		answer.cause = CFDW_NOT_API;
	values[0] = CStringGetTextDatum(session->server_name);
	values[1] = BoolGetDatum(answer.cause == CFDW_OK);
	values[2] = Int32GetDatum(answer.http_status);
	nulls[2] = answer.http_status == 0;
	values[3] = Float8GetDatum(rint(answer.seconds * 1e6) / 1e3);
	nulls[3] = answer.http_status == 0;
	nulls[4] = answer.cause == CFDW_OK;
	if (!nulls[4])
	{
		CfdwFailure failure;

		cfdw_session_failure(session, "", CFDW_GET, "/ping", &answer, &failure);
		values[4] = CStringGetTextDatum(cfdw_failure_detail(&failure));
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
