/*-------------------------------------------------------------------------
 *
 * webhook.c
 *	  Webhooks as the API's provider of them sends them: made, signed, sent.
 *
 * The payload is a connection's fields at top level with the event's own
 * beside them.  It is signed as Svix does: HMAC-SHA256 over id, timestamp and
 * body.  It is sent to this machine only, again while the receiver does not
 * answer 2xx, and as often as is asked for after that.
 *-------------------------------------------------------------------------
 */
#include "webhook.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "data.h"
#include "render.h"

#define SECRET_PREFIX "whsec_"
#define DEFAULT_EVENT "connection.updated.v2"
#define DIGEST_LENGTH 32

/* what a receiver has time for */
#define ANSWER_SECONDS 15
#define MAX_ANSWER ((size_t) 1 << 20)
#define MAX_TIMES 1000

typedef struct Webhook
{
	char		id[300];
	char		timestamp[32];
	Text		signatures;
	Text		body;
} Webhook;

typedef struct Target
{
	uint16_t	port;
	const char *path;
} Target;

/* What became of one delivery. */
typedef struct Outcome
{
	int			status;			/* 0: no answer */
	Text		answer;			/* headers and body */
	const char *body;			/* in it */
} Outcome;

static unsigned last_number;

/* --- payload --- */

static void
bend(json_object *payload, json_object *set, json_object *unset)
{
	if (json_object_is_type(set, json_type_object))
	{
		json_object_object_foreach(set, name, value)
			json_object_object_add(payload, name, json_object_get(value));
	}
	if (json_is_strings(unset))
		for (size_t i = 0; i < json_object_array_length(unset); i++)
			json_object_object_del(payload,
								   json_object_get_string(json_object_array_get_idx(unset, i)));
}

/* What changed, by name, and what it was before. */
static void
add_changes(json_object *payload, json_object *old)
{
	json_object *names;

	if (!json_object_is_type(old, json_type_object))
		return;
	names = json_object_new_array();
	json_object_object_foreach(old, name, value)
	{
		(void) value;
		json_object_array_add(names, json_object_new_string(name));
	}
	json_object_object_add(payload, "protectedChanges", names);
	json_object_object_add(payload, "old", json_object_get(old));
}

/* The connection's fields, or none; NULL when it is unknown. */
static json_object *
connection_fields(json_object *spec)
{
	json_object *id = json_member(spec, "connection");
	json_object *accounts = json_member(spec, "accounts");
	View		view = {0};
	Text		text = {0};
	char		kind = 0;
	uint64_t	number = 0;
	json_object *fields;

	if (id == NULL)
		return json_object_new_object();
	if (!uuid_parse(json_object_get_string(id), json_object_get_string_len(id),
					&kind, &number)
		|| kind != KIND_CONNECTION || number < 1 || number > data.n_connections)
		return NULL;
	render_connection(&text, number - 1,
					  accounts == NULL || json_object_get_boolean(accounts)
					  ? NESTED_FULL : NESTED_MISSING, &view);
	fields = json_read(text.data, text.len);
	text_free(&text);
	return fields;
}

static bool
make_body(json_object *spec, Text *body)
{
	json_object *exact = json_member(spec, "body");
	json_object *event = json_member(spec, "event");
	json_object *payload;
	const char *json;
	size_t		len;

	if (json_object_is_type(exact, json_type_string))
	{
		text_append(body, json_object_get_string(exact),
					json_object_get_string_len(exact));
		return true;
	}
	payload = connection_fields(spec);
	if (payload == NULL)
		return false;
	json_object_object_add(payload, "eventType",
						   json_object_new_string(event ? json_object_get_string(event) : DEFAULT_EVENT));
	add_changes(payload, json_member(spec, "old"));
	bend(payload, json_member(spec, "set"), json_member(spec, "unset"));
	json = json_object_to_json_string_length(payload, JSON_C_TO_STRING_PLAIN
											 | JSON_C_TO_STRING_NOSLASHESCAPE,
											 &len);
	text_append(body, json, len);
	json_object_put(payload);
	return true;
}

/* --- signature --- */

static bool
add_signature(Webhook *webhook, const char *secret)
{
	size_t		prefix = strlen(SECRET_PREFIX);
	gnutls_datum_t coded = {0};
	gnutls_datum_t key;
	gnutls_datum_t digest;
	gnutls_datum_t signature;
	unsigned char bytes[DIGEST_LENGTH];
	Text		content = {0};

	if (strncmp(secret, SECRET_PREFIX, prefix) == 0)
	{
		coded.data = (unsigned char *) secret + prefix;
		coded.size = strlen(secret) - prefix;
	}
	if (coded.size == 0 || gnutls_base64_decode2(&coded, &key) != 0)
		return false;
	text_printf(&content, "%s.%s.", webhook->id, webhook->timestamp);
	text_append(&content, webhook->body.data, webhook->body.len);
	gnutls_hmac_fast(GNUTLS_MAC_SHA256, key.data, key.size, content.data,
					 content.len, bytes);
	digest.data = bytes;
	digest.size = sizeof(bytes);
	gnutls_base64_encode2(&digest, &signature);
	text_puts(&webhook->signatures, webhook->signatures.len > 0 ? " v1," : "v1,");
	text_append(&webhook->signatures, (char *) signature.data, signature.size);
	gnutls_free(key.data);
	gnutls_free(signature.data);
	text_free(&content);
	return true;
}

/* One signature for each secret, as while a secret is rotated. */
static bool
sign(Webhook *webhook, json_object *secret)
{
	if (json_object_is_type(secret, json_type_string))
		return add_signature(webhook, json_object_get_string(secret));
	if (!json_is_strings(secret) || json_object_array_length(secret) == 0)
		return false;
	for (size_t i = 0; i < json_object_array_length(secret); i++)
		if (!add_signature(webhook, json_object_get_string(json_object_array_get_idx(secret, i))))
			return false;
	return true;
}

/* Ids look like the sender's and do not come twice. */
static void
name_webhook(Webhook *webhook, json_object *spec)
{
	json_object *id = json_member(spec, "id");
	json_object *timestamp = json_member(spec, "timestamp");
	int64_t		sent = timestamp ? json_object_get_int64(timestamp) : time(NULL);

	if (id != NULL)
		snprintf(webhook->id, sizeof(webhook->id), "%s", json_object_get_string(id));
	else
		snprintf(webhook->id, sizeof(webhook->id), "msg_sandbox%016lx%08x",
				 (unsigned long) time(NULL), ++last_number);
	sent -= json_object_get_int64(json_member(spec, "age"));
	snprintf(webhook->timestamp, sizeof(webhook->timestamp), "%lld", (long long) sent);
}

/* --- delivery --- */

/* http://127.0.0.1:PORT/PATH, or localhost; nothing else is sent to. */
static bool
read_url(const char *url, Target *target)
{
	static const char *const starts[] = {"http://127.0.0.1:", "http://localhost:"};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
	{
		size_t		len = strlen(starts[i]);
		char	   *end;
		unsigned long port;

		if (strncmp(url, starts[i], len) != 0)
			continue;
		port = strtoul(url + len, &end, 10);
		target->port = port;
		target->path = *end == '/' ? end : "/";
		return port > 0 && port <= UINT16_MAX && (*end == '/' || *end == '\0')
			&& strpbrk(end, " \r\n") == NULL;
	}
	return false;
}

static int
open_socket(uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	int			fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool
send_all(int fd, const Text *text)
{
	for (size_t sent = 0; sent < text->len;)
	{
		ssize_t		n = send(fd, text->data + sent, text->len - sent, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		sent += n;
	}
	return true;
}

static void
read_answer(int fd, Outcome *outcome)
{
	char		block[4096];
	ssize_t		n;

	while (outcome->answer.len < MAX_ANSWER && (n = recv(fd, block, sizeof(block), 0)) > 0)
		text_append(&outcome->answer, block, n);
	if (outcome->answer.len == 0)
		return;
	outcome->body = strstr(outcome->answer.data, "\r\n\r\n");
	if (outcome->body == NULL || sscanf(outcome->answer.data, "HTTP/1.%*d %d", &outcome->status) != 1)
		outcome->status = 0;
	else
		outcome->body += 4;
}

static void
post(const Webhook *webhook, const Target *target, Outcome *outcome)
{
	int			fd = open_socket(target->port);
	Text		request = {0};

	if (fd < 0)
		return;
	text_printf(&request, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
				"User-Agent: Svix-Webhooks/sandbox\r\nContent-Type: application/json\r\n"
				"svix-id: %s\r\nsvix-timestamp: %s\r\nsvix-signature: ",
				target->path, target->port, webhook->id, webhook->timestamp);
	text_append(&request, webhook->signatures.data, webhook->signatures.len);
	text_printf(&request, "\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
				webhook->body.len);
	text_append(&request, webhook->body.data, webhook->body.len);
	if (send_all(fd, &request))
		read_answer(fd, outcome);
	text_free(&request);
	close(fd);
}

/* Send once, and tell what was answered; true for 2xx. */
static bool
deliver_once(const Webhook *webhook, const Target *target, Text *report)
{
	Outcome		outcome = {0};
	bool		done;

	post(webhook, target, &outcome);
	done = outcome.status >= 200 && outcome.status < 300;
	text_printf(report, "%s{\"status\": %d, \"answer\": ",
				report->len > 0 ? ", " : "", outcome.status);
	if (outcome.status == 0)
		text_lit(report, "null");
	else
		text_json(report, outcome.body, strlen(outcome.body));
	text_lit(report, "}");
	text_free(&outcome.answer);
	return done;
}

static int64_t
times_member(json_object *spec, const char *name)
{
	int64_t		times = json_object_get_int64(json_member(spec, name));

	return times < 0 ? 0 : times > MAX_TIMES ? MAX_TIMES : times;
}

/* As often as it takes, within the retries; then the duplicates. */
static void
deliver_webhook(json_object *spec, const Webhook *webhook, const Target *target, Text *report)
{
	int64_t		retries = times_member(spec, "retries");

	while (!deliver_once(webhook, target, report) && retries-- > 0)
		usleep(times_member(spec, "pause_ms") * 1000);
	for (int64_t left = times_member(spec, "duplicates"); left > 0; left--)
		deliver_once(webhook, target, report);
}

/* --- control --- */

static bool
check_members(json_object *spec, Answer *answer)
{
	static const char known[] = " secret url event connection accounts old set unset body"
	" id timestamp age retries pause_ms duplicates ";

	json_object_object_foreach(spec, name, value)
	{
		char		word[64];

		(void) value;
		snprintf(word, sizeof(word), " %s ", name);
		if (strstr(known, word) == NULL)
		{
			answer_error(answer, 400, "unknown field \"%s\"", name);
			return false;
		}
	}
	return true;
}

static void
answer_webhook(const Webhook *webhook, const Text *report, Answer *answer)
{
	Text	   *body = answer_json(answer, 200);

	text_lit(body, "{\"id\": ");
	text_json(body, webhook->id, strlen(webhook->id));
	text_printf(body, ", \"timestamp\": \"%s\", \"signature\": ", webhook->timestamp);
	text_json(body, webhook->signatures.data, webhook->signatures.len);
	text_lit(body, ", \"body\": ");
	text_json(body, webhook->body.data, webhook->body.len);
	text_lit(body, ", \"deliveries\": [");
	text_append(body, report->data, report->len);
	text_lit(body, "]}");
}

void
webhook_send(json_object *spec, Answer *answer)
{
	json_object *url = json_member(spec, "url");
	Webhook		webhook = {0};
	Target		target;
	Text		report = {0};

	if (!check_members(spec, answer))
		return;
	name_webhook(&webhook, spec);
	if (url != NULL && !read_url(json_object_get_string(url), &target))
		answer_error(answer, 400, "url: http://127.0.0.1:PORT/PATH is expected");
	else if (!make_body(spec, &webhook.body))
		answer_error(answer, 400, "connection: not one the sandbox knows");
	else if (!sign(&webhook, json_member(spec, "secret")))
		answer_error(answer, 400, "secret: whsec_ and base64, or a list of such, is expected");
	else
	{
		if (url != NULL)
			deliver_webhook(spec, &webhook, &target, &report);
		answer_webhook(&webhook, &report, answer);
	}
	text_free(&webhook.signatures);
	text_free(&webhook.body);
	text_free(&report);
}
