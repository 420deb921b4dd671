/*-------------------------------------------------------------------------
 *
 * error.c
 *	  Remote and transport failures: cause -> SQLSTATE, detail, hint.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "error.h"

#include "lib/stringinfo.h"

#define NC(a, b, c) MAKE_SQLSTATE('N', 'C', a, b, c)

typedef struct CauseText
{
	CfdwErrorRow row;
	const char *detail;			/* start of DETAIL; the remark follows */
	const char *hint;			/* %s: the role, the server; or NULL */
} CauseText;

static const CauseText causes[CFDW_CAUSES] = {
	[CFDW_UNREACHABLE] = {
		.row = {"unreachable", ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION,
				"No TCP or TLS session with the server came about."},
		.detail = "The server could not be reached",
		.hint = "Check the option \"base_url\" of the server and the network.",
	},
	[CFDW_CERTIFICATE] = {
		.row = {"certificate", NC('4', '9', '5'),
				"The server's TLS certificate or host name could not be verified."},
		.detail = "The server's certificate could not be verified",
		.hint = "Check the option \"base_url\"; a private authority is named by the server option \"ca_file\".",
	},
	[CFDW_LOST] = {
		.row = {"lost", ERRCODE_CONNECTION_FAILURE,
				"The answer broke off before it was whole."},
		.detail = "The answer broke off",
	},
	[CFDW_TIMEOUT] = {
		.row = {"timeout", NC('4', '0', '8'),
				"connect_timeout or request_timeout passed without a whole answer."},
		.detail = "The request timed out",
		.hint = "The server options \"connect_timeout\" and \"request_timeout\" set the bounds.",
	},
	[CFDW_TOO_LARGE] = {
		.row = {"too_large", NC('4', '1', '3'),
				"The answer is larger than max_response_size, after decompression."},
		.detail = "The answer is larger than allowed",
		.hint = "The server option \"max_response_size\" sets the bound; a smaller \"page_size\" makes smaller answers.",
	},
	[CFDW_NO_MEMORY] = {
		.row = {"no_memory", ERRCODE_OUT_OF_MEMORY,
				"Memory for the answer could not be had."},
		.detail = "There was no memory for the answer",
	},
	[CFDW_NOT_LOOPBACK] = {
		.row = {"not_loopback", NC('4', '2', '6'),
				"A plain http base_url led to an address that is not loopback."},
		.detail = "Plain http is spoken with this machine only",
		.hint = "Use an https URL in the option \"base_url\".",
	},
	[CFDW_REDIRECT] = {
		.row = {"redirect", NC('3', '0', '0'),
				"The server answered with a redirect; redirects are never followed."},
		.detail = "The server answered with a redirect, which is not followed",
		.hint = "Check the option \"base_url\" of the server.",
	},
	[CFDW_BAD_REQUEST] = {
		.row = {"bad_request", NC('4', '0', '0'),
				"HTTP 400: the API refused the request's values."},
	},
	[CFDW_UNAUTHORIZED] = {
		.row = {"unauthorized", NC('4', '0', '1'),
				"HTTP 401: the API key is missing, wrong or expired."},
		.hint = "Give the user mapping of \"%s\" for server \"%s\" a valid API key.",
	},
	[CFDW_FORBIDDEN] = {
		.row = {"forbidden", NC('4', '0', '3'),
				"HTTP 403: the key may not see or do this."},
		.hint = "The API key of the user mapping of \"%s\" for server \"%s\" lacks this right.",
	},
	[CFDW_NOT_FOUND] = {
		.row = {"not_found", NC('4', '0', '4'),
				"HTTP 404 where something must exist, in the API's own JSON."},
	},
	[CFDW_CONFLICT] = {
		.row = {"conflict", NC('4', '0', '9'),
				"HTTP 409: the act contradicts the remote state."},
	},
	[CFDW_RATE_LIMITED] = {
		.row = {"rate_limited", NC('4', '2', '9'),
				"HTTP 429 after all retries."},
		.hint = "Lower the server option \"max_concurrency\", or ask again later.",
	},
	[CFDW_CLIENT_ERROR] = {
		.row = {"client_error", NC('4', '9', '9'),
				"Any other HTTP status that is neither 2xx nor listed here."},
	},
	[CFDW_SERVER_ERROR] = {
		.row = {"server_error", NC('5', '0', '0'),
				"HTTP 5xx; 502, 503 and 504 after all retries."},
	},
	[CFDW_NOT_API] = {
		.row = {"not_api", NC('0', '0', '4'),
				"HTTP 404 that does not come from the API: a mistyped base_url."},
		.detail = "The answer does not come from the API",
		.hint = "Check the option \"base_url\" of the server: host, version, path.",
	},
	[CFDW_MALFORMED] = {
		.row = {"malformed", NC('0', '0', '1'),
				"The answer is not well-formed JSON."},
		.detail = "The answer is not well-formed JSON",
	},
	[CFDW_WRONG_SHAPE] = {
		.row = {"wrong_shape", NC('0', '0', '2'),
				"The answer is JSON, but lacks what this route must answer."},
		.detail = "The answer is not what this route answers",
	},
	[CFDW_WRONG_PAGE] = {
		.row = {"wrong_page", NC('0', '0', '3'),
				"The answer is not the page that was asked for, or contradicts itself."},
		.detail = "The answer is not the page that was asked for",
	},
	[CFDW_BAD_VALUE] = {
		.row = {"bad_value", NC('0', '0', '5'),
				"A value of the answer does not fit the type of its column."},
		.detail = "A value does not fit its column",
	},
	[CFDW_UNKNOWN_LABEL] = {
		.row = {"unknown_label", NC('0', '0', '6'),
				"A status label the enum type lacks, with on_unknown_status 'error'."},
		.detail = "A status has an unrecognized label",
	},
	[CFDW_REQUEST_LIMIT] = {
		.row = {"request_limit", ERRCODE_PROGRAM_LIMIT_EXCEEDED,
				"The statement needs more requests than max_requests allows."},
		.detail = "The statement needs more requests than allowed",
		.hint = "The server option \"max_requests\" sets the bound; a clause on id or company_id needs fewer.",
	},
	[CFDW_MAYBE_DONE] = {
		.row = {"maybe_done", NC('0', '0', '8'),
				"An act was sent and its answer was lost or is not the API's: it may have happened."},
		.detail = "The request was sent, but no answer of the API came back, so the act may have happened",
		.hint = "Look at the remote state before you repeat the act; it is never sent twice.",
	},
	[CFDW_WEBHOOK_REFUSED] = {
		.row = {"webhook_refused", NC('0', '0', '9'),
				"Signature, time or headers do not show that a webhook comes from its sender."},
		.detail = "It is not shown to come from its sender",
	},
};

CfdwCause
cfdw_cause_of_status(int http_status)
{
	/* a part of an answer was never asked for */
	if (http_status == 206)
		return CFDW_LOST;
	if (http_status >= 200 && http_status < 300)
		return CFDW_OK;
	if (http_status >= 300 && http_status < 400)
		return CFDW_REDIRECT;
	if (http_status >= 500 && http_status < 600)
		return CFDW_SERVER_ERROR;
	switch (http_status)
	{
		case 400:
			return CFDW_BAD_REQUEST;
		case 401:
			return CFDW_UNAUTHORIZED;
		case 403:
			return CFDW_FORBIDDEN;
		case 404:
			return CFDW_NOT_FOUND;
		case 409:
			return CFDW_CONFLICT;
		case 429:
			return CFDW_RATE_LIMITED;
		default:
			return CFDW_CLIENT_ERROR;
	}
}

int
cfdw_sqlstate(CfdwCause cause)
{
	return causes[cause].row.sqlstate;
}

const CfdwErrorRow *
cfdw_error_row(CfdwCause cause)
{
	return &causes[cause].row;
}

char *
cfdw_failure_detail(const CfdwFailure *failure)
{
	const char *start = causes[failure->cause].detail;
	StringInfoData out;

	initStringInfo(&out);
	if (start != NULL)
		appendStringInfoString(&out, start);
	else
		appendStringInfo(&out, "The server answered HTTP status %d",
						 failure->http_status);
	if (start != NULL && failure->http_status >= 300)
		appendStringInfo(&out, " (HTTP status %d)", failure->http_status);
	if (failure->remark != NULL && failure->remark[0] != '\0')
		appendStringInfo(&out, ": %s", failure->remark);
	if (out.data[out.len - 1] != '.')
		appendStringInfoChar(&out, '.');
	if (failure->tries > 1)
		appendStringInfo(&out, " It was tried %d times.", failure->tries);
	return out.data;
}

/* Hints are written by us: each holds no, or the two, placeholders. */
static char *
hint_of(const CfdwFailure *failure)
{
	const char *hint = causes[failure->cause].hint;

	if (hint == NULL)
		return NULL;
	if (strstr(hint, "%s") == NULL)
		return pstrdup(hint);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	return psprintf(hint, failure->role ? failure->role : "public",
					failure->server);
#pragma GCC diagnostic pop
}

void
cfdw_raise(const CfdwFailure *failure)
{
	cfdw_raise_detailed(failure, cfdw_failure_detail(failure));
}

void
cfdw_raise_detailed(const CfdwFailure *failure, const char *detail)
{
	char	   *hint = hint_of(failure);

	ereport(ERROR,
			(errcode(causes[failure->cause].row.sqlstate),
			 errmsg("%s", failure->task),
			 errdetail_internal("%s", detail),
			 hint ? errhint("%s", hint) : 0,
			 failure->path ? errcontext("remote request: %s %s",
										failure->method, failure->path) : 0));
	pg_unreachable();
}
