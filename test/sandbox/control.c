/*-------------------------------------------------------------------------
 *
 * control.c
 *	  The endpoints with which a test steers the sandbox.
 *
 * They need no key, never appear in the log and no fault hits them.
 *-------------------------------------------------------------------------
 */
#include "control.h"

#include <string.h>

#include "data.h"
#include "faults.h"
#include "log.h"
#include "wait.h"
#include "webhook.h"

#define MAX_LATENCY_MS 3600000
#define MAX_HOLDER 63
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

typedef void (*Action) (json_object *body, Answer *answer);

typedef struct Endpoint
{
	const char *method;
	const char *name;
	Action		act;
	bool		takes_body;
} Endpoint;

static int64_t latency_at_start;
static int64_t latency;
static char revoked[MAX_HOLDER + 1];	/* "": nobody */

static void
answer_ok(Answer *answer)
{
	text_lit(answer_json(answer, 200), "{\"ok\":true}");
}

static void
reset(json_object *body, Answer *answer)
{
	(void) body;
	faults_clear();
	data_restore();
	log_reset();
	latency = latency_at_start;
	revoked[0] = '\0';
	wait_release_all();
	answer_ok(answer);
}

static void
set_fault(json_object *body, Answer *answer)
{
	Text		problem = {0};
	int			id = faults_set(body, &problem);

	if (id > 0)
		text_printf(answer_json(answer, 200), "{\"ok\":true,\"id\":%d}", id);
	else
		answer_error(answer, 400, "%s", problem.data);
	text_free(&problem);
}

static void
clear_faults(json_object *body, Answer *answer)
{
	(void) body;
	faults_clear();
	answer_ok(answer);
}

static void
get_log(json_object *body, Answer *answer)
{
	(void) body;
	log_render(answer_json(answer, 200));
	answer->content_type = "text/csv; charset=utf-8; header=absent";
}

static void
clear_log(json_object *body, Answer *answer)
{
	(void) body;
	log_clear();
	answer_ok(answer);
}

static void
get_stats(json_object *body, Answer *answer)
{
	(void) body;
	log_render_stats(answer_json(answer, 200));
}

static void
set_latency(json_object *body, Answer *answer)
{
	json_object *ms = json_member(body, "ms");
	int64_t		value = json_object_get_int64(ms);

	if (!json_object_is_type(ms, json_type_int) || value < 0
		|| value > MAX_LATENCY_MS || json_object_object_length(body) != 1)
	{
		answer_error(answer, 400, "{\"ms\": 0 to %d} is expected",
					 MAX_LATENCY_MS);
		return;
	}
	latency = value;
	answer_ok(answer);
}

static void
revoke_key(json_object *body, Answer *answer)
{
	json_object *holder = json_member(body, "holder");

	if (!json_object_is_type(holder, json_type_string)
		|| json_object_get_string_len(holder) > MAX_HOLDER
		|| json_object_object_length(body) != 1)
	{
		answer_error(answer, 400, "{\"holder\": up to %d characters} is expected",
					 MAX_HOLDER);
		return;
	}
	strcpy(revoked, json_object_get_string(holder));
	answer_ok(answer);
}

/*
 * Find what the member "connection" or "account" names: its kind, and 0 after
 * an error.
 */
static char
thing_member(json_object *body, uint32_t *index, Answer *answer)
{
	json_object *connection = json_member(body, "connection");
	json_object *account = json_member(body, "account");
	json_object *id = connection ? connection : account;
	uint32_t	count = connection ? data.n_connections : data.n_accounts;
	uint64_t	number = 0;
	char		kind = 0;

	if (json_object_is_type(id, json_type_string))
		uuid_parse(json_object_get_string(id), json_object_get_string_len(id),
				   &kind, &number);
	if (kind != (connection ? KIND_CONNECTION : KIND_ACCOUNT)
		|| number < 1 || number > count)
	{
		answer_error(answer, 400, "the id of a \"connection\" or an "
					 "\"account\" is expected");
		return 0;
	}
	*index = number - 1;
	return kind;
}

/* Which of the labels the member is; what it was if it is missing. */
static bool
label_member(json_object *body, const char *name, const char *const *labels,
			 size_t n, uint8_t *label, Answer *answer)
{
	json_object *value = json_member(body, name);

	if (value == NULL)
		return true;
	for (size_t i = 0; i < n; i++)
	{
		if (labels[i] != NULL
			&& strcmp(labels[i], json_object_get_string(value)) == 0)
		{
			*label = i;
			return true;
		}
	}
	answer_error(answer, 400, "%s: not one the sandbox knows", name);
	return false;
}

static void
set_connection_status(json_object *body, uint32_t index, int64_t at,
					  Answer *answer)
{
	uint8_t		status = data.connections[index].status;

	if (!label_member(body, "status", connection_statuses,
					  LENGTH(connection_statuses), &status, answer))
		return;
	data_set_connection(index, status, at);
	answer_ok(answer);
}

static void
set_account_status(json_object *body, uint32_t index, int64_t at,
				   Answer *answer)
{
	Account		wanted = data.accounts[index];

	if (!label_member(body, "status", account_statuses,
					  LENGTH(account_statuses), &wanted.status, answer)
		|| !label_member(body, "tracking", tracking_statuses,
						 LENGTH(tracking_statuses), &wanted.tracking, answer))
		return;
	data_set_account(index, wanted.status, wanted.tracking, at);
	answer_ok(answer);
}

static void
set_status(json_object *body, Answer *answer)
{
	int64_t		at = json_object_get_int64(json_member(body, "at"));
	uint32_t	index;
	char		kind = thing_member(body, &index, answer);

	if (kind == KIND_CONNECTION)
		set_connection_status(body, index, at, answer);
	else if (kind == KIND_ACCOUNT)
		set_account_status(body, index, at, answer);
}

static void
set_gone(json_object *body, Answer *answer)
{
	json_object *gone = json_member(body, "gone");
	uint32_t	index;
	char		kind = thing_member(body, &index, answer);

	if (kind == 0)
		return;
	if (!json_object_is_type(gone, json_type_boolean))
	{
		answer_error(answer, 400, "gone: a boolean is expected");
		return;
	}
	data_hide(kind, index, json_object_get_boolean(gone));
	answer_ok(answer);
}

static const Endpoint endpoints[] = {
	{"POST", "reset", reset, false},
	{"POST", "fault", set_fault, true},
	{"POST", "faults/clear", clear_faults, false},
	{"GET", "log", get_log, false},
	{"POST", "log/clear", clear_log, false},
	{"GET", "stats", get_stats, false},
	{"POST", "latency", set_latency, true},
	{"POST", "revoke", revoke_key, true},
	{"POST", "status", set_status, true},
	{"POST", "gone", set_gone, true},
	{"POST", "webhook", webhook_send, true},
};

static const Endpoint *
find_endpoint(const char *name)
{
	for (size_t i = 0; i < LENGTH(endpoints); i++)
		if (strcmp(endpoints[i].name, name) == 0)
			return &endpoints[i];
	return NULL;
}

static void
act(const Endpoint *endpoint, const Text *body, Answer *answer)
{
	json_object *object = NULL;

	if (endpoint->takes_body)
	{
		object = json_read(body->data, body->len);
		if (!json_object_is_type(object, json_type_object))
		{
			json_object_put(object);
			answer_error(answer, 400, "a JSON object is expected");
			return;
		}
	}
	endpoint->act(object, answer);
	json_object_put(object);
}

void
control_start(int64_t latency_ms)
{
	latency_at_start = latency = latency_ms;
}

int64_t
control_latency_ms(void)
{
	return latency;
}

bool
control_is_revoked(const char *holder)
{
	return revoked[0] != '\0' && strcmp(holder, revoked) == 0;
}

void
control_answer(const char *method, const char *path, const Text *body,
			   Answer *answer)
{
	const Endpoint *endpoint = find_endpoint(path + strlen(CONTROL_PREFIX));

	if (endpoint == NULL)
		answer_error(answer, 404, "the sandbox has no such control endpoint");
	else if (strcmp(endpoint->method, method) != 0)
	{
		answer_error(answer, 405, "method not allowed");
		answer->allow = endpoint->method;
	}
	else
		act(endpoint, body, answer);
}
