/*-------------------------------------------------------------------------
 *
 * connection.c
 *	  Creating a connection, and changing its settings.
 *
 * A password is on its way from the argument to the body and nowhere else:
 * no message and no log line is made of it, and what the API says is left out
 * where it repeats it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "connection.h"

#include "access/htup_details.h"
#include "act.h"
#include "argument.h"
#include "compat.h"
#include "decode.h"
#include "encode.h"
#include "funcapi.h"
#include "target.h"
#include "text.h"
#include "utils/uuid.h"

PG_FUNCTION_INFO_V1(connection_fdw_create_connection);
PG_FUNCTION_INFO_V1(connection_fdw_update_connection);

/* ---- creating ---- */

/* What a new connection is made of; NULL: left out. */
typedef struct Login
{
	const char *url;
	const char *username;
	const char *password;
	ArrayType  *sites;
	const char *country;
} Login;

/* A text that must be there. */
static const char *
needed_text(FunctionCallInfo fcinfo, int index, const char *argument)
{
	const char *text = cfdw_arg_text(fcinfo, index, argument);

	if (text == NULL)
		cfdw_act_refuse_null(argument);
	if (text[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be empty", argument)));
	return text;
}

/* The login as arguments 1 to 5 give it. */
static Login
login_of(FunctionCallInfo fcinfo)
{
	Login		login;

	login.url = needed_text(fcinfo, 1, "url");
	login.username = needed_text(fcinfo, 2, "username");
	login.password = needed_text(fcinfo, 3, "password");
	login.sites = cfdw_arg_array(fcinfo, 4, "sites", "site ids");
	login.country = cfdw_arg_country(fcinfo, 5, "country");
	return login;
}

static const char *
login_body(const Login *login)
{
	CfdwBody	body;

	cfdw_body_begin(&body);
	cfdw_body_text(&body, "url", login->url);
	cfdw_body_text(&body, "username", login->username);
	cfdw_body_text(&body, "password", login->password);
	if (login->sites != NULL)
		cfdw_body_array(&body, "sites", login->sites);
	if (login->country != NULL)
		cfdw_body_text(&body, "country", login->country);
	return cfdw_body_end(&body);
}

/* Does the object name the connection that it is? */
static bool
has_id(const CfdwJsonNode *object)
{
	const char *id = cfdw_json_string_member(object, "id");
	pg_uuid_t	uuid;

	return id != NULL && cfdw_text_to_uuid(id, strlen(id), &uuid);
}

static void
add_context(void *arg)
{
	const CfdwActRequest *act = arg;

	errcontext("answer to an act that was made: %s on %s", act->act, act->target);
}

/* What the function returns of the new connection, as columns of `connections`. */
static const char *const created_columns[] = {"id", "status"};

/* The row of the new connection, which exists whatever the answer looks like. */
static Datum
created_row(FunctionCallInfo fcinfo, CfdwSession *session, const CfdwActRequest *act,
			const CfdwHttpAnswer *answer)
{
	CfdwDecoder *decoder = cfdw_act_decoder(session, "connections", created_columns,
											lengthof(created_columns), CFDW_UNKNOWN_NULL);
	CfdwElement element = {0};
	ErrorContextCallback callback = {
		.callback = add_context,
		.arg = unconstify(CfdwActRequest *, act),
		.previous = error_context_stack,
	};
	Datum		values[lengthof(created_columns)];
	bool		nulls[lengthof(created_columns)];
	CfdwDefect	defect;
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	element.row = cfdw_session_object(cfdw_json_create(), answer, &defect);
	if (!has_id(element.row))
		cfdw_act_refuse_answer(session, act, "its answer does not name the connection");
	element.parent = element.row;
	error_context_stack = &callback;
	cfdw_decode(decoder, &element, values, nulls);
	error_context_stack = callback.previous;
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

Datum
connection_fdw_create_connection(PG_FUNCTION_ARGS)
{
	char	   *company = cfdw_act_uuid_arg(fcinfo, 0, "company_id");
	Login		login = login_of(fcinfo);
	CfdwSession *session = cfdw_target_session(cfdw_act_server_arg(fcinfo, 6));
	CfdwActRequest act = {
		.act = "create_connection",
		.target = cfdw_act_company_target(company),
		.task = psprintf("could not create a connection of company \"%s\" on server \"%s\"",
						 company, session->server_name),
		.method = CFDW_POST,
		.path = psprintf("/connection/company/%s", company),
		.body = login_body(&login),
		.carried = login.password,
	};
	CfdwHttpAnswer answer;

	cfdw_target_check_act(session, "nectar.create_connection", false);
	cfdw_target_check_company(session, company);
	answer = cfdw_act_perform(session, &act);
	PG_RETURN_DATUM(created_row(fcinfo, session, &act, &answer));
}

/* ---- settings ---- */

/* The body of what arguments 1, 2 and 4 change. */
static const char *
settings_body(FunctionCallInfo fcinfo)
{
	DateADT		start;
	bool		multiply;
	bool		clears;
	bool		has_start = cfdw_arg_date(fcinfo, 1, "data_collection_start_date", &start);
	bool		has_multiply = cfdw_arg_bool(fcinfo, 2, &multiply);
	bool		has_clear = cfdw_arg_bool(fcinfo, 4, &clears) && clears;
	CfdwBody	body;

	if (has_start && has_clear)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a start date cannot be set and cleared at once")));
	if (!has_start && !has_clear && !has_multiply)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is nothing to change"),
				 errhint("Give data_collection_start_date, multiply_by_occupancy or clear_start_date => true.")));
	cfdw_body_begin(&body);
	if (has_start)
		cfdw_body_date(&body, "dataCollectionStartDate", start);
	if (has_clear)
		cfdw_body_null(&body, "dataCollectionStartDate");
	if (has_multiply)
		cfdw_body_bool(&body, "multiplyByOccupancy", multiply);
	return cfdw_body_end(&body);
}

Datum
connection_fdw_update_connection(PG_FUNCTION_ARGS)
{
	char	   *connection = cfdw_act_uuid_arg(fcinfo, 0, "connection_id");
	const char *body = settings_body(fcinfo);
	CfdwSession *session = cfdw_target_session(cfdw_act_server_arg(fcinfo, 3));
	CfdwActRequest act = {
		.act = "update_connection",
		.target = cfdw_act_connection_target(connection),
		.task = psprintf("could not update connection \"%s\" on server \"%s\"", connection,
						 session->server_name),
		.method = CFDW_PATCH,
		.path = psprintf("/connection/%s/details", connection),
		.body = body,
	};
	CfdwHttpAnswer answer;

	cfdw_target_check_act(session, "nectar.update_connection", false);
	cfdw_act_check_connection(session, act.task, connection);
	answer = cfdw_act_perform(session, &act);
	return cfdw_act_return_answer(fcinfo, &answer);
}
