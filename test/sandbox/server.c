/*-------------------------------------------------------------------------
 *
 * server.c
 *	  Listening, and the way of a request from its arrival to its answer.
 *
 * Each port has one libmicrohttpd thread.  Data, faults and log belong to
 * whoever holds the lock; it is held while an answer is made, never while
 * one is sent.  A request takes effect when it is answered, so one that is
 * delayed acts late and one that hangs never does.
 *-------------------------------------------------------------------------
 */
#include "server.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "delivery.h"
#include "log.h"
#include "routes.h"

#define MAX_BODY ((size_t) 16 << 20)
#define MAX_CONNECTIONS 10000
/* holds the request's header; a list of some hundred sites fits */
#define CONNECTION_MEMORY ((size_t) 64 << 10)

typedef enum Phase
{
	PHASE_ARRIVING,				/* headers not looked at yet */
	PHASE_READING,				/* the body comes in */
	PHASE_ANSWERING,			/* complete, and done waiting */
} Phase;

typedef struct Request
{
	Phase		phase;
	bool		is_control;
	bool		is_api;			/* below a base path */
	bool		tls;
	bool		key_present;
	bool		key_ok;
	const char *key_holder;		/* in the header; NULL: the key is plain */
	bool		too_large;
	char	   *method;
	const char *path;			/* below the base, in uri */
	const char *query;			/* in uri */
	Text		body;
	Fault	   *fault;
	uint64_t	ticket;			/* 0 if not in the log */
	int64_t		arrived_us;
	Wait		wait;
	char		uri[];			/* as received */
} Request;

/* a path below the longer ones is not below the shorter: '/' must follow */
static const char *const bases[] = {"/v2.2", "/v2.1", "/v2"};

static ServerOptions options;
static int64_t started_us;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* --- arrival --- */

/* Cut the URI into what is below the base, and the query. */
static void
split_uri(Request *request)
{
	char	   *mark = strchr(request->uri, '?');

	request->path = request->uri;
	request->query = "";
	if (mark != NULL)
	{
		*mark = '\0';
		request->query = mark + 1;
	}
	request->is_control = strncmp(request->uri, CONTROL_PREFIX,
								  strlen(CONTROL_PREFIX)) == 0;
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
	{
		size_t		len = strlen(bases[i]);

		if (strncmp(request->uri, bases[i], len) != 0
			|| (request->uri[len] != '/' && request->uri[len] != '\0'))
			continue;
		request->is_api = true;
		request->path = request->uri + len;
		break;
	}
}

/* libmicrohttpd's first word of a request; what it gets is *req_cls. */
static void *
begin_request(void *cls, const char *uri, struct MHD_Connection *connection)
{
	size_t		len = strlen(uri) + 1;
	Request    *request = xcalloc(1, sizeof(Request) + len);

	(void) connection;
	request->tls = cls != NULL;
	memcpy(request->uri, uri, len);
	split_uri(request);
	return request;
}

static void
append_lower(Text *text, const char *name)
{
	for (; *name; name++)
		text_char(text, tolower((unsigned char) *name));
}

typedef struct HeaderLog
{
	Text	   *json;
	const Request *request;
} HeaderLog;

/*
 * Add one header to the JSON object for the log, which never sees the key;
 * only the name of its holder.
 */
static enum MHD_Result
log_header(void *arg, enum MHD_ValueKind kind, const char *name,
		   const char *value)
{
	const HeaderLog *log = arg;
	Text	   *headers = log->json;
	Text		lower = {0};

	(void) kind;
	append_lower(&lower, name);
	if (strcmp(lower.data ? lower.data : "", "x-api-key") == 0)
		value = log->request->key_holder ? log->request->key_holder : "(present)";
	text_puts(headers, headers->len > 1 ? ", " : "");
	text_json(headers, lower.data, lower.len);
	text_lit(headers, ": ");
	text_json(headers, value ? value : "", value ? strlen(value) : 0);
	text_free(&lower);
	return MHD_YES;
}

/* The key, or the key with "+" and the name of a holder behind it. */
static void
check_key(Request *request, struct MHD_Connection *connection)
{
	const char *key = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
												  "X-API-Key");
	size_t		len = strlen(options.key);

	request->key_present = key != NULL;
	if (key == NULL || strncmp(key, options.key, len) != 0)
		return;
	if (key[len] == '+')
		request->key_holder = key + len + 1;
	request->key_ok = key[len] == '\0' ||
		(key[len] == '+' && !control_is_revoked(request->key_holder));
}

static void
log_request(Request *request, struct MHD_Connection *connection,
			const char *version)
{
	Text		headers = {0};
	HeaderLog	header_log = {.json = &headers, .request = request};
	const union MHD_ConnectionInfo *info;
	LogArrival	arrival = {
		.method = request->method,
		.path = request->path,
		.query = request->query,
		.version = version,
		.headers = &headers,
		.key_present = request->key_present,
		.key_ok = request->key_ok,
		.tls = request->tls,
		.at_us = request->arrived_us - started_us,
	};

	info = MHD_get_connection_info(connection,
								   MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	arrival.session = info->socket_context;
	text_lit(&headers, "{");
	MHD_get_connection_values(connection, MHD_HEADER_KIND, log_header,
							  &header_log);
	text_lit(&headers, "}");
	request->ticket = log_arrive(&arrival);
	text_free(&headers);
}

/* The headers are complete. */
static void
arrive(Request *request, struct MHD_Connection *connection,
	   const char *method, const char *version)
{
	request->phase = PHASE_READING;
	request->arrived_us = now_us();
	request->method = xstrndup(method, strlen(method));
	if (request->is_control)
		return;

	pthread_mutex_lock(&lock);
	check_key(request, connection);
	log_request(request, connection, version);
	request->fault = faults_hit(method, request->path, request->query);
	pthread_mutex_unlock(&lock);
}

static void
take_body(Request *request, const char *data, size_t *len)
{
	if (request->body.len + *len > MAX_BODY)
		request->too_large = true;
	else
		text_append(&request->body, data, *len);
	*len = 0;
}

/* --- answer --- */

/* When the answer may be made. */
static int64_t
due_us(const Request *request)
{
	int64_t		due = request->arrived_us;

	if (request->is_control)
		return due;
	if (fault_delivery(request->fault) == DELIVER_NEVER)
		return WAIT_FOREVER;
	if (fault_delivery(request->fault) == DELIVER_DELAYED)
		due += fault_delay_ms(request->fault) * 1000;
	return due + control_latency_ms() * 1000;
}

static void
api_answer(const Request *request, Answer *answer)
{
	View		view = {
		.accounts = options.listing_accounts ? NESTED_FULL : NESTED_EMPTY,
	};
	ApiCall		call = {
		.method = request->method,
		.path = request->path,
		.query = request->query,
		.body = &request->body,
		.key_present = request->key_present,
		.key_ok = request->key_ok,
		.view = &view,
	};

	if (fault_replace(request->fault, answer))
		return;
	fault_bend(request->fault, &view);
	if (request->is_api)
		routes_answer(&call, answer);
	else
		answer_html(answer, 404, "404 Not Found");
	fault_alter(request->fault, answer);
}

static void
make_answer(const Request *request, Answer *answer)
{
	if (request->too_large)
		answer_error(answer, 413, "Request body too large.");
	else if (request->is_control)
		control_answer(request->method, request->uri, &request->body, answer);
	else
		api_answer(request, answer);
}

static enum MHD_Result
answer_request(Request *request, struct MHD_Connection *connection)
{
	Answer		answer = {0};

	switch (fault_delivery(request->fault))
	{
		case DELIVER_RESET:
			deliver_reset(connection);
			return MHD_NO;
		case DELIVER_NEVER:
		case DELIVER_CLOSE:
			return MHD_NO;
		case DELIVER_WHOLE:
		case DELIVER_DELAYED:
		case DELIVER_TRICKLED:
		case DELIVER_HALF:
		case DELIVER_HUGE:
			break;
	}

	pthread_mutex_lock(&lock);
	make_answer(request, &answer);
	log_status(request->ticket, answer.status);
	pthread_mutex_unlock(&lock);
	return deliver(connection, &answer, request->fault, &request->wait);
}

/* The request is complete: wait as long as it takes, then answer. */
static enum MHD_Result
complete(Request *request, struct MHD_Connection *connection)
{
	int64_t		due;

	request->phase = PHASE_ANSWERING;
	pthread_mutex_lock(&lock);
	log_body(request->ticket, request->body.data, request->body.len);
	due = due_us(request);
	pthread_mutex_unlock(&lock);

	if (due <= request->arrived_us)
		return answer_request(request, connection);
	wait_until(&request->wait, connection, due);
	return MHD_YES;
}

static enum MHD_Result
handle(void *cls, struct MHD_Connection *connection, const char *url,
	   const char *method, const char *version, const char *upload_data,
	   size_t *upload_data_size, void **req_cls)
{
	Request    *request = *req_cls;

	(void) cls;
	(void) url;
	switch (request->phase)
	{
		case PHASE_ARRIVING:
			arrive(request, connection, method, version);
			return MHD_YES;
		case PHASE_READING:
			if (*upload_data_size == 0)
				return complete(request, connection);
			take_body(request, upload_data, upload_data_size);
			return MHD_YES;
		case PHASE_ANSWERING:
			if (request->wait.gone)
				return MHD_NO;
			return answer_request(request, connection);
	}
	return MHD_NO;
}

static void
end_request(void *cls, struct MHD_Connection *connection, void **req_cls,
			enum MHD_RequestTerminationCode why)
{
	Request    *request = *req_cls;

	(void) cls;
	(void) connection;
	(void) why;
	if (request == NULL)
		return;
	pthread_mutex_lock(&lock);
	if (request->ticket != 0)
		log_leave(request->ticket);
	fault_release(request->fault);
	pthread_mutex_unlock(&lock);
	text_free(&request->body);
	free(request->method);
	free(request);
	*req_cls = NULL;
}

/* --- sockets --- */

/* Small answers go out at once; each connection has its place in the log. */
static void
notify_connection(void *cls, struct MHD_Connection *connection,
				  void **socket_context,
				  enum MHD_ConnectionNotificationCode what)
{
	int			on = 1;

	(void) cls;
	if (what == MHD_CONNECTION_NOTIFY_CLOSED)
	{
		free(*socket_context);
		return;
	}
	*socket_context = xcalloc(1, sizeof(LogSession));
	setsockopt(wait_socket(connection), IPPROTO_TCP, TCP_NODELAY, &on,
			   sizeof(on));
}

/* The raw path is wanted: nothing is to be decoded. */
static size_t
keep_escaped(void *cls, struct MHD_Connection *connection, char *string)
{
	(void) cls;
	(void) connection;
	return strlen(string);
}

void
server_start(const ServerOptions *given)
{
	options = *given;
	started_us = now_us();
}

uint16_t
server_listen(uint16_t port, const Certificate *certificate)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_KEY, 0, certificate ? certificate->key : NULL},
		{MHD_OPTION_HTTPS_MEM_CERT, 0,
		 certificate ? certificate->chain : NULL},
		{MHD_OPTION_END, 0, NULL},
	};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
	struct MHD_Daemon *daemon;

	daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD
							  | MHD_ALLOW_SUSPEND_RESUME
							  | (certificate ? MHD_USE_TLS : MHD_USE_TURBO),
							  port, NULL, NULL, handle, NULL,
							  MHD_OPTION_SOCK_ADDR, &address,
							  MHD_OPTION_URI_LOG_CALLBACK, begin_request,
							  (void *) certificate,
							  MHD_OPTION_UNESCAPE_CALLBACK, keep_escaped, NULL,
							  MHD_OPTION_NOTIFY_COMPLETED, end_request, NULL,
							  MHD_OPTION_NOTIFY_CONNECTION, notify_connection,
							  NULL,
							  MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS,
							  MHD_OPTION_CONNECTION_MEMORY_LIMIT,
							  CONNECTION_MEMORY,
							  MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024U,
							  MHD_OPTION_ARRAY, certificate ? tls : none,
							  MHD_OPTION_END);
	if (daemon == NULL)
		return 0;
	return MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}
