/*-------------------------------------------------------------------------
 *
 * webhook.c
 *	  Webhooks: is one signed with the user mapping's secret, and what it says.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "webhook.h"

#include "act.h"
#include "compat.h"
#include "decode.h"
#include "error.h"
#include "json.h"
#include "mb/pg_wchar.h"
#include "session.h"
#include "signature.h"
#include "target.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* Seconds that the sender's clock may differ from ours, and a webhook be old. */
#define MAX_WEBHOOK_AGE 300

/* Bytes of an id: Svix's have 31.  Of signatures: room for some tens. */
#define MAX_WEBHOOK_ID 256
#define MAX_WEBHOOK_SIGNATURES 4096

/* Digits of seconds since 1970; more would not fit an int64. */
#define MAX_SECONDS_DIGITS 12

PG_FUNCTION_INFO_V1(connection_fdw_verify_webhook);

pg_noreturn static void
refuse(const CfdwSession *session, const char *why)
{
	CfdwFailure failure = {
		.cause = CFDW_WEBHOOK_REFUSED,
		.task = psprintf("refused a webhook for server \"%s\"", session->server_name),
		.server = session->server_name,
		.role = session->role,
		.remark = why,
	};

	cfdw_raise(&failure);
}

/* ---- headers ---- */

static bool
is_visible_ascii(const char *text)
{
	for (; *text; text++)
		if ((unsigned char) *text <= ' ' || (unsigned char) *text >= 0x7f)
			return false;
	return true;
}

/* An argument that a header gives; raises when it is missing or too long. */
static const char *
header_arg(FunctionCallInfo fcinfo, const CfdwSession *session, int index, const char *name,
		   size_t max)
{
	char	   *value = PG_ARGISNULL(index) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(index));

	if (value == NULL || value[0] == '\0')
		refuse(session, psprintf("the header %s is missing", name));
	if (strlen(value) > max)
		refuse(session, psprintf("the header %s is longer than %zu bytes", name, max));
	return value;
}

static void
check_timestamp(const CfdwSession *session, const char *timestamp)
{
	int64		now = timestamptz_to_time_t(GetCurrentTimestamp());
	int64		sent;

	if (strspn(timestamp, "0123456789") != strlen(timestamp))
		refuse(session, "the header svix-timestamp is no number of seconds");
	sent = strtoll(timestamp, NULL, 10);
	if (sent < now - MAX_WEBHOOK_AGE || sent > now + MAX_WEBHOOK_AGE)
		refuse(session, "its svix-timestamp lies more than 5 minutes from now");
}

/* ---- body ---- */

static const char *
secrets_of(const CfdwSession *session)
{
	const char *secrets = session->options.webhook_secret;

	if (secrets == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("the user mapping of \"%s\" for server \"%s\" has no webhook secret",
						session->role, session->server_name),
				 errhint("ALTER USER MAPPING ... OPTIONS (ADD webhook_secret 'whsec_...').")));
	return secrets;
}

static Datum
public_body(const CfdwSession *session, const char *utf8, size_t len)
{
	CfdwSpan	text = {utf8, len};
	CfdwJsonDefect defect = {0};
	const CfdwJsonNode *value = cfdw_json_read(cfdw_json_create(), text, 0, CFDW_JSON_ALL, &defect);
	Datum		jsonb;

	if (value == NULL)
		ereport(ERROR,
				(errcode(cfdw_sqlstate(CFDW_MALFORMED)),
				 errmsg("the body of a webhook for server \"%s\" is not well-formed JSON",
						session->server_name),
				 errdetail("It is wrong at byte %zu of %zu: %s.",
						   Min(defect.offset + 1, len), len, defect.why)));
	if (!cfdw_decode_public_jsonb(value, &jsonb, &defect.why))
		ereport(ERROR,
				(errcode(cfdw_sqlstate(CFDW_BAD_VALUE)),
				 errmsg("the body of a webhook for server \"%s\" cannot be kept", session->server_name),
				 errdetail("It %s.", defect.why)));
	return jsonb;
}

Datum
connection_fdw_verify_webhook(PG_FUNCTION_ARGS)
{
	CfdwSession *session = cfdw_target_session_keyless(cfdw_act_server_arg(fcinfo, 4));
	const char *secrets = secrets_of(session);
	CfdwSigned	content;
	const char *signatures;

	if (PG_ARGISNULL(0))
		cfdw_act_refuse_null("body");
	content.id = header_arg(fcinfo, session, 1, "svix-id", MAX_WEBHOOK_ID);
	content.timestamp = header_arg(fcinfo, session, 2, "svix-timestamp", MAX_SECONDS_DIGITS);
	signatures = header_arg(fcinfo, session, 3, "svix-signature", MAX_WEBHOOK_SIGNATURES);
	if (!is_visible_ascii(content.id))
		refuse(session, "the header svix-id holds what an id cannot hold");
	check_timestamp(session, content.timestamp);

	/* what was signed are the bytes on the wire */
	content.body = text_to_cstring(PG_GETARG_TEXT_PP(0));
	content.body = pg_server_to_any(content.body, strlen(content.body), PG_UTF8);
	content.body_len = strlen(content.body);
	if (!cfdw_signature_fits(secrets, &content, signatures))
		refuse(session, "its signature fits no webhook_secret of the user mapping");
	PG_RETURN_DATUM(public_body(session, content.body, content.body_len));
}
