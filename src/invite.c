/*-------------------------------------------------------------------------
 *
 * invite.c
 *	  Invitations: to make a connection, to mend one; revoking them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "invite.h"

#include "access/htup_details.h"
#include "act.h"
#include "argument.h"
#include "compat.h"
#include "decode.h"
#include "encode.h"
#include "target.h"
#include "text.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

PG_FUNCTION_INFO_V1(connection_fdw_invite_to_connect);
PG_FUNCTION_INFO_V1(connection_fdw_invite_to_reconnect);
PG_FUNCTION_INFO_V1(connection_fdw_revoke_invitation);

/* ---- bodies ---- */

/* Seconds that an invitation must live, as the API has it. */
#define LEAST_SECONDS 60

/* Arguments of both kinds of invitation, from the second one on. */
enum
{
	ARG_ALLOWED_EMAILS = 1,
	ARG_EXPIRES_IN,
	ARG_MAX_USES,
	ARG_SEND_EMAIL,
	ARG_PREFILL,				/* invite_to_connect alone */
	ARG_RECONNECT_SERVER = ARG_PREFILL
};

/* Arguments of invite_to_connect from ARG_PREFILL on. */
enum
{
	ARG_URL = ARG_PREFILL,
	ARG_COUNTRY,
	ARG_INITIAL_SITES,
	ARG_UTILITY_TYPES,
	ARG_OWNER_EMAIL,
	ARG_START_DATE,
	ARG_CONNECT_SERVER
};

static void
put_text(CfdwBody *body, const char *name, const char *value)
{
	if (value != NULL)
		cfdw_body_text(body, name, value);
}

static void
put_array(CfdwBody *body, const char *name, ArrayType *value)
{
	if (value != NULL)
		cfdw_body_array(body, name, value);
}

/* What every invitation may say. */
static void
put_terms(CfdwBody *body, FunctionCallInfo fcinfo)
{
	int32		number;
	bool		send;

	put_array(body, "allowedEmails", cfdw_arg_emails(fcinfo, ARG_ALLOWED_EMAILS, "allowed_emails"));
	if (cfdw_arg_seconds(fcinfo, ARG_EXPIRES_IN, "expires_in", LEAST_SECONDS, &number))
		cfdw_body_int(body, "expiresInSeconds", number);
	if (cfdw_arg_int(fcinfo, ARG_MAX_USES, "max_uses", 1, &number))
		cfdw_body_int(body, "maxUses", number);
	if (cfdw_arg_bool(fcinfo, ARG_SEND_EMAIL, &send))
		cfdw_body_bool(body, "sendEmail", send);
}

static bool
has_prefill(FunctionCallInfo fcinfo)
{
	for (int i = ARG_PREFILL; i < ARG_CONNECT_SERVER; i++)
		if (!PG_ARGISNULL(i))
			return true;
	return false;
}

/* What the form of a new connection is filled with beforehand. */
static void
put_prefill(CfdwBody *body, FunctionCallInfo fcinfo)
{
	DateADT		start;

	if (!has_prefill(fcinfo))
		return;
	cfdw_body_open(body, "prefill");
	put_text(body, "url", cfdw_arg_text(fcinfo, ARG_URL, "prefill_url"));
	put_text(body, "country", cfdw_arg_country(fcinfo, ARG_COUNTRY, "prefill_country"));
	put_array(body, "initialSites",
			  cfdw_arg_array(fcinfo, ARG_INITIAL_SITES, "prefill_initial_sites", "site ids"));
	put_array(body, "utilityTypes",
			  cfdw_arg_array(fcinfo, ARG_UTILITY_TYPES, "prefill_utility_types", "utility types"));
	put_text(body, "connectionOwnerEmail",
			 cfdw_arg_email(fcinfo, ARG_OWNER_EMAIL, "prefill_connection_owner_email"));
	if (cfdw_arg_date(fcinfo, ARG_START_DATE, "prefill_data_collection_start_date", &start))
		cfdw_body_date(body, "dataCollectionStartDate", start);
	cfdw_body_close(body);
}

static char *
connect_body(FunctionCallInfo fcinfo)
{
	CfdwBody	body;

	cfdw_body_begin(&body);
	put_terms(&body, fcinfo);
	put_prefill(&body, fcinfo);
	return cfdw_body_end(&body);
}

static char *
reconnect_body(FunctionCallInfo fcinfo)
{
	CfdwBody	body;

	cfdw_body_begin(&body);
	put_terms(&body, fcinfo);
	return cfdw_body_end(&body);
}

/* ---- answers ---- */

/* NULL when the answer holds neither the URL nor what it is made of. */
static const char *
invitation_link(const CfdwSession *session, const CfdwJsonNode *invitation)
{
	const char *whole = cfdw_act_member_text(invitation, "invitationUrl");
	const char *token = cfdw_act_member_text(invitation, "token");
	StringInfoData url;

	if (whole != NULL || token == NULL)
		return whole;
	cfdw_act_begin_link(&url, session, "/p/i");
	cfdw_act_append_segment(&url, token);
	return url.data;
}

/* Until when it may be used; false when the answer does not say so. */
static bool
read_expiry(const CfdwJsonNode *invitation, TimestampTz *expiry)
{
	const CfdwJsonNode *value = cfdw_json_member(invitation, "expiresAt");

	if (cfdw_json_kind(value) == CFDW_JSON_NULL)
		return false;
	if (cfdw_json_kind(value) == CFDW_JSON_STRING &&
		cfdw_decode_timestamptz(cfdw_json_text(value), expiry))
		return true;

	/* the link is worth more than its end */
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the invitation was made, but its \"expiresAt\" is not a timestamp")));
	return false;
}

/*
 * Send an invitation, whose answer must name what it is for in this member:
 * a row of its id, link and expiry.
 */
static Datum
invite(FunctionCallInfo fcinfo, CfdwSession *session, const CfdwActRequest *act,
	   const char *member, const char *asked)
{
	CfdwHttpAnswer answer = cfdw_act_perform(session, act);
	CfdwDefect	defect;
	const CfdwJsonNode *invitation = cfdw_session_object(cfdw_json_create(), &answer, &defect);
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	TimestampTz expiry = 0;
	const char *text;
	const char *link;
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false};

	if (invitation == NULL)
		cfdw_act_refuse_answer(session, act, "its answer is no JSON object");
	if (!cfdw_act_names(invitation, member, asked))
		cfdw_act_refuse_answer(session, act, "its answer is about something else");
	text = cfdw_json_string_member(invitation, "id");
	if (text == NULL || !cfdw_text_to_uuid(text, strlen(text), id))
		cfdw_act_refuse_answer(session, act, "its answer holds no id");
	link = invitation_link(session, invitation);
	if (link == NULL)
		cfdw_act_refuse_answer(session, act,
							   psprintf("its answer holds no link; the invitation is \"%s\"", text));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = UUIDPGetDatum(id);
	values[1] = CStringGetTextDatum(link);
	nulls[2] = !read_expiry(invitation, &expiry);
	values[2] = TimestampTzGetDatum(expiry);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

Datum
connection_fdw_invite_to_connect(PG_FUNCTION_ARGS)
{
	char	   *company = cfdw_act_uuid_arg(fcinfo, 0, "company_id");
	char	   *body = connect_body(fcinfo);
	CfdwSession *session = cfdw_target_session(cfdw_act_server_arg(fcinfo, ARG_CONNECT_SERVER));
	CfdwActRequest act = {
		.act = "invite_to_connect",
		.target = cfdw_act_company_target(company),
		.task = psprintf("could not invite to company \"%s\" on server \"%s\"", company,
						 session->server_name),
		.method = CFDW_POST,
		.path = psprintf("/invitation/company/%s", company),
		.body = body,
	};

	cfdw_target_check_act(session, "nectar.invite_to_connect", true);
	cfdw_target_check_company(session, company);
	PG_RETURN_DATUM(invite(fcinfo, session, &act, "companyId", company));
}

Datum
connection_fdw_invite_to_reconnect(PG_FUNCTION_ARGS)
{
	char	   *connection = cfdw_act_uuid_arg(fcinfo, 0, "connection_id");
	char	   *body = reconnect_body(fcinfo);
	CfdwSession *session = cfdw_target_session(cfdw_act_server_arg(fcinfo, ARG_RECONNECT_SERVER));
	CfdwActRequest act = {
		.act = "invite_to_reconnect",
		.target = cfdw_act_connection_target(connection),
		.task = psprintf("could not invite to connection \"%s\" on server \"%s\"", connection,
						 session->server_name),
		.method = CFDW_POST,
		.path = psprintf("/invitation/connection/%s", connection),
		.body = body,
	};

	cfdw_target_check_act(session, "nectar.invite_to_reconnect", true);
	cfdw_act_check_connection(session, act.task, connection);
	PG_RETURN_DATUM(invite(fcinfo, session, &act, "connectionId", connection));
}

/* ---- revoking ---- */

/* Raise unless the invitation's company lies in the session's scope, if it has one. */
static void
check_invitation(CfdwSession *session, const char *task, const char *invitation)
{
	CfdwActRequest look = {
		.task = task,
		.method = CFDW_GET,
		.path = psprintf("/invitation/%s", invitation),
	};
	CfdwHttpAnswer answer;
	const CfdwJsonNode *object;
	const char *company;

	if (session->company_count < 0)
		return;
	answer = cfdw_act_look_up(session, task, look.path);
	object = cfdw_act_object(session, &look, &answer);
	if (!cfdw_act_names(object, "id", invitation))
		cfdw_act_refuse(session, &look, CFDW_WRONG_SHAPE, CFDW_ACT_ANOTHER);
	company = cfdw_json_string_member(object, "companyId");
	if (company == NULL)
		cfdw_act_refuse(session, &look, CFDW_WRONG_SHAPE, CFDW_ACT_NO_COMPANY);
	cfdw_target_check_company(session, company);
}

Datum
connection_fdw_revoke_invitation(PG_FUNCTION_ARGS)
{
	char	   *invitation = cfdw_act_uuid_arg(fcinfo, 0, "invitation_id");
	CfdwSession *session = cfdw_target_session(cfdw_act_server_arg(fcinfo, 1));
	CfdwActRequest act = {
		.act = "revoke_invitation",
		.target = cfdw_act_invitation_target(invitation),
		.task = psprintf("could not revoke invitation \"%s\" on server \"%s\"", invitation,
						 session->server_name),
		.method = CFDW_POST,
		.path = psprintf("/invitation/%s/revoke", invitation),
	};
	CfdwHttpAnswer answer;

	cfdw_target_check_act(session, "nectar.revoke_invitation", false);
	check_invitation(session, act.task, invitation);
	answer = cfdw_act_perform(session, &act);
	return cfdw_act_return_answer(fcinfo, &answer);
}
