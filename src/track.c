/*-------------------------------------------------------------------------
 *
 * track.c
 *	  Deciding which accounts are tracked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "track.h"

#include "act.h"
#include "argument.h"
#include "bulk.h"
#include "compat.h"
#include "crawl.h"
#include "encode.h"
#include "memo.h"
#include "resource.h"
#include "target.h"
#include "text.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

PG_FUNCTION_INFO_V1(connection_fdw_set_account_tracking);
PG_FUNCTION_INFO_V1(connection_fdw_bulk_set_account_tracking);

/* ---- which accounts may be acted on ---- */

/* Put the id of an account into its place among the sorted ids, if it is one. */
static void
note_account(const CfdwJsonNode *account, const CfdwValues *ids, CfdwValues *found)
{
	CfdwSpan	text = cfdw_json_text(cfdw_json_member(account, "id"));
	char		id[CFDW_UUID_TEXT_SIZE];
	pg_uuid_t	uuid;
	int			index;

	if (!cfdw_text_to_uuid(text.at, text.len, &uuid))
		return;
	cfdw_text_from_uuid(&uuid, id);
	index = cfdw_values_find(ids, id);
	if (index < 0 || found->values[index] != NULL)
		return;
	found->values[index] = ids->values[index];
	found->count++;
}

/*
 * Which of the sorted accounts lie in the session's scope; NULL in the place
 * of each that does not.  An account does not name its company, and cannot be
 * asked for by itself, so the accounts in scope are read until all are found.
 */
static CfdwValues
accounts_in_scope(CfdwSession *session, const char *task, const CfdwValues *ids)
{
	CfdwValues	found = {.values = palloc0(sizeof(char *) * (ids->count + 1))};
	CfdwCrawlCounts counts = {0};
	CfdwCrawlSpec spec;
	CfdwCrawl  *crawl;
	CfdwElement element;

	cfdw_crawl_spec_init(&spec, cfdw_statement_create(), session, cfdw_resource_find("accounts"),
						 task);
	spec.depth = 1;
	crawl = cfdw_crawl_begin(&spec, &counts);
	while (found.count < ids->count &&
		   cfdw_crawl_next(crawl, true, &element) == CFDW_NEXT_ROW)
		note_account(element.row, ids, &found);
	cfdw_crawl_end(crawl);
	return found;
}

/* The same; all of them where there is no scope, without asking. */
static CfdwValues
accounts_allowed(CfdwSession *session, const char *task, const CfdwValues *ids)
{
	if (session->company_count < 0)
		return *ids;
	return accounts_in_scope(session, task, ids);
}

/* ---- the act ---- */

/* The decision as arguments 1 and 2 give it. */
typedef struct Decision
{
	bool		tracked;
	bool		has_meters;		/* update_meters is not null */
	bool		update_meters;
} Decision;

static Decision
decision_of(FunctionCallInfo fcinfo)
{
	Decision	decision;

	if (!cfdw_arg_bool(fcinfo, 1, &decision.tracked))
		cfdw_act_refuse_null("tracked");
	decision.has_meters = cfdw_arg_bool(fcinfo, 2, &decision.update_meters);
	return decision;
}

static const char *
track_body(const Decision *decision)
{
	CfdwBody	body;

	cfdw_body_begin(&body);
	cfdw_body_bool(&body, "isTracked", decision->tracked);
	if (decision->has_meters)
		cfdw_body_bool(&body, "updateMeters", decision->update_meters);
	return cfdw_body_end(&body);
}

static const char *
track_act(const Decision *decision)
{
	return decision->tracked ? "set_account_tracking(true)" : "set_account_tracking(false)";
}

static const char *
track_path(const char *account)
{
	return psprintf("/account/%s", account);
}

/* Raise unless the account lies in the session's scope. */
static void
check_account(CfdwSession *session, const char *task, const char *account)
{
	CfdwValues	ids = {.count = 1, .values = &account};

	if (accounts_allowed(session, task, &ids).count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("account \"%s\" is in no company of the company_ids of server \"%s\"",
						account, session->server_name)));
}

Datum
connection_fdw_set_account_tracking(PG_FUNCTION_ARGS)
{
	char	   *account = cfdw_act_uuid_arg(fcinfo, 0, "account_id");
	Decision	decision = decision_of(fcinfo);
	CfdwSession *session = cfdw_target_session(cfdw_act_server_arg(fcinfo, 3));
	CfdwActRequest act = {
		.act = track_act(&decision),
		.target = cfdw_act_account_target(account),
		.task = psprintf("could not set the tracking of account \"%s\" on server \"%s\"",
						 account, session->server_name),
		.method = CFDW_PATCH,
		.path = track_path(account),
		.body = track_body(&decision),
	};
	CfdwHttpAnswer answer;

	cfdw_target_check_act(session, "nectar.set_account_tracking", false);
	check_account(session, act.task, account);
	answer = cfdw_act_perform(session, &act);
	return cfdw_act_return_answer(fcinfo, &answer);
}

/* ---- in bulk ---- */

Datum
connection_fdw_bulk_set_account_tracking(PG_FUNCTION_ARGS)
{
	CfdwSession *session;
	CfdwBulk   *bulk;
	CfdwValues	ids;
	CfdwValues	allowed;
	Decision	decision;

	if (PG_ARGISNULL(0))
		cfdw_act_refuse_null("account_ids");
	decision = decision_of(fcinfo);
	InitMaterializedSRF(fcinfo, 0);
	session = cfdw_target_session(cfdw_act_server_arg(fcinfo, 3));
	cfdw_target_check_act(session, "nectar.bulk_set_account_tracking", false);
	ids = cfdw_act_uuid_texts(PG_GETARG_ARRAYTYPE_P(0));
	cfdw_values_sort(&ids);
	allowed = accounts_allowed(session,
							   psprintf("could not set the tracking of accounts on server \"%s\"",
										session->server_name),
							   &ids);
	bulk = cfdw_bulk_create(session);
	for (int i = 0; i < ids.count; i++)
	{
		const char *id = ids.values[i];

		cfdw_bulk_add(bulk, &(CfdwAct) {
			.id = id, .is_outside = allowed.values[i] == NULL,
			.act = track_act(&decision), .target = cfdw_act_account_target(id),
			.path = track_path(id), .body = track_body(&decision)
		});
	}
	cfdw_bulk_drain(bulk);
	cfdw_bulk_put_rows(bulk, (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}
