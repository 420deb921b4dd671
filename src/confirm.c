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
#include "bulk.h"
#include "compat.h"
#include "encode.h"
#include "target.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(connection_fdw_confirm_accounts);
PG_FUNCTION_INFO_V1(connection_fdw_bulk_confirm_accounts);

/* ---- confirming accounts ---- */

static const char *
confirm_body(bool confirm)
{
	CfdwBody	body;

	cfdw_body_begin(&body);
	cfdw_body_bool(&body, "confirm", confirm);
	return cfdw_body_end(&body);
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

Datum
connection_fdw_confirm_accounts(PG_FUNCTION_ARGS)
{
	char	   *connection = cfdw_act_uuid_arg(fcinfo, 0, "connection_id");
	CfdwSession *session = cfdw_target_session(cfdw_act_server_arg(fcinfo, 2));
	CfdwActRequest act = {
		.target = cfdw_act_connection_target(connection),
		.task = psprintf("could not confirm the accounts of connection \"%s\" on server \"%s\"",
						 connection, session->server_name),
		.method = CFDW_PATCH,
		.path = confirm_path(connection),
	};
	CfdwHttpAnswer answer;
	bool		confirm;

	if (PG_ARGISNULL(1))
		cfdw_act_refuse_null("confirm");
	confirm = PG_GETARG_BOOL(1);
	act.act = confirm_act(confirm);
	act.body = confirm_body(confirm);
	cfdw_target_check_act(session, "nectar.confirm_accounts", false);
	cfdw_act_check_connection(session, act.task, connection);
	answer = cfdw_act_perform(session, &act);
	return cfdw_act_return_answer(fcinfo, &answer);
}

/* ---- confirming in bulk ---- */

Datum
connection_fdw_bulk_confirm_accounts(PG_FUNCTION_ARGS)
{
	CfdwSession *session;
	CfdwBulk   *bulk;
	CfdwValues	ids;
	bool		confirm;

	if (PG_ARGISNULL(0))
		cfdw_act_refuse_null("connection_ids");
	if (PG_ARGISNULL(1))
		cfdw_act_refuse_null("confirm");
	InitMaterializedSRF(fcinfo, 0);
	session = cfdw_target_session(cfdw_act_server_arg(fcinfo, 2));
	confirm = PG_GETARG_BOOL(1);
	cfdw_target_check_act(session, "nectar.bulk_confirm_accounts", false);
	ids = cfdw_act_uuid_texts(PG_GETARG_ARRAYTYPE_P(0));
	cfdw_values_sort(&ids);
	bulk = cfdw_bulk_create(session);
	for (int i = 0; i < ids.count; i++)
	{
		const char *id = ids.values[i];

		cfdw_bulk_add(bulk, &(CfdwAct) {
			.id = id, .connection = id,
			.act = confirm_act(confirm), .target = cfdw_act_connection_target(id),
			.path = confirm_path(id), .body = confirm_body(confirm)
		});
	}
	cfdw_bulk_drain(bulk);
	cfdw_bulk_put_rows(bulk, (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}
