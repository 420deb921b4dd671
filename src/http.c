/*-------------------------------------------------------------------------
 *
 * http.c
 *	  Many bounded requests at once; interruptible; TLS and protocol policy;
 *	  retries.  All of libcurl is here.
 *
 * Waiting is one WaitEventSet of latch, postmaster death and an epoll
 * descriptor.  The epoll holds the sockets that libcurl names through
 * CURLMOPT_SOCKETFUNCTION, and a timerfd for libcurl's timer and for pauses
 * before retries, because events cannot be removed from a WaitEventSet.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <dirent.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "compat.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#if LIBCURL_VERSION_NUM < 0x074200
#error "connection_fdw needs libcurl 7.66 or later"
#endif

/* CURLOPT_PROTOCOLS_STR since 7.85 replaces the bit mask. */
#if LIBCURL_VERSION_NUM >= 0x075500
#define set_protocols(easy) \
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https")
#else
#define set_protocols(easy) \
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS, \
					 (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS))
#endif

/* CURLOPT_QUICK_EXIT since 7.87: removal does not wait for the resolver. */
#if LIBCURL_VERSION_NUM >= 0x075700
#define set_quick_exit(easy) curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L)
#else
#define set_quick_exit(easy) CURLE_OK
#endif

/* Since 7.87 a file of authorities is kept for a day, unless told otherwise. */
#if LIBCURL_VERSION_NUM >= 0x075700
#define set_no_ca_cache(easy) curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L)
#else
#define set_no_ca_cache(easy) CURLE_OK
#endif

#define USER_AGENT "connection_fdw/1.0"

/* Idle TCP connections kept: enough for several servers at full window. */
#define KEPT_SESSIONS 128L

/* Sockets open at once: as many as kept and in flight, with room. */
#define MAX_SOCKETS 512

/*
 * Threads that may be left with a name server that does not answer, when the
 * requests that started them were ended: libcurl cannot stop them.
 */
#define MAX_LOST_LOOKUPS 16

/* First pause before a retry, in ms; doubles with each. */
#define FIRST_RETRY_DELAY 250

/*
 * A gap between pumps, in ms, after which a failure may be our own; a quarter
 * of a shorter timeout.
 */
#define IDLE_GAP 1000

/*
 * Bodies of at least this many bytes have pages of their own, which go back
 * to the system when they are freed; malloc would keep them.
 */
#define OWN_PAGES (2 * 1024 * 1024)

/* Bodies of unknown length begin with this many bytes and double. */
#define FIRST_BODY_SIZE (16 * 1024)

typedef enum RequestState
{
	REQUEST_RUNNING,			/* libcurl has it */
	REQUEST_PAUSED,				/* waits for its retry */
	REQUEST_DONE
} RequestState;

struct CfdwHttpRequest
{
	MemoryContext cxt;			/* holds the request itself */
	MemoryContextCallback on_reset;
	dlist_node	node;			/* in http.active until it is done */

	/* what is asked */
	const CfdwHttpPeer *peer;
	CfdwHttpGate *gate;
	CfdwMethod	method;
	char	   *url;
	char	   *body;
	size_t		body_len;
	bool		once;
	bool		is_plain;		/* http, not https */

	/* headers, built by hand so that libcurl makes no copy of the key */
	struct curl_slist headers[3];
	char	   *key_header;

	/* how it goes */
	RequestState state;
	CURL	   *easy;
	int64		started;		/* this try; ms of the monotonic clock */
	int64		retry_at;		/* while paused */
	bool		was_idle;		/* nobody pumped for a while during this try */
	long		sent_before;	/* bytes, when libcurl began to send it again */
	CfdwCause	refusal;		/* why a callback stopped the transfer */
	size_t		header_bytes;

	/* what came back; not palloc'd, as it grows inside libcurl's frames */
	char	   *data;
	size_t		size;
	size_t		capacity;

	CfdwHttpAnswer answer;
	char		remark[CURL_ERROR_SIZE];
};

/* A socket that libcurl was given. */
typedef struct KnownSocket
{
	int			fd;
	ino_t		inode;
	bool		is_watched;		/* some request uses it */
	bool		is_ordered;		/* answers have nothing but their order:
								 * HTTP/1 */
} KnownSocket;

static struct
{
	CURLM	   *multi;
	int			epoll_fd;
	int			timer_fd;
	int			done_fd;		/* counts requests that got done; -1 */
	int			watch_fd;		/* epoll over it and the sockets'; -1 */
	bool		has_watch;		/* those two are whole */
	WaitEventSet *events;
	uint32		wait_event;
	int64		curl_due;		/* ms when libcurl wants to be called; -1 */
	int64		armed;			/* what the timerfd is set to; -1 */
	int64		last_pump;		/* ms */
	bool		is_watched;		/* somebody has waited for the watch since */
	dlist_head	active;			/* requests that are not done */
	uint64		finished;		/* requests that ever were done */
	int			lost_lookups;	/* that may go on without their requests */

	/* sockets that libcurl was given and has not been seen to close */
	int			socket_count;
	KnownSocket sockets[MAX_SOCKETS];
}			http = {.epoll_fd = -1, .timer_fd = -1, .done_fd = -1, .watch_fd = -1, .curl_due = -1, .armed = -1};

static int64
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

const char *
cfdw_method_name(CfdwMethod method)
{
	static const char *const names[] = {"GET", "POST", "PATCH"};

	return names[method];
}

/* ---- the timer ---- */

/* Set the timerfd to the earlier of libcurl's time and the next retry. */
static void
arm_timer(void)
{
	struct itimerspec spec = {{0, 0}, {0, 0}};
	int64		due = http.curl_due;
	dlist_iter	iter;

	dlist_foreach(iter, &http.active)
	{
		CfdwHttpRequest *request = dlist_container(CfdwHttpRequest, node, iter.cur);

		if (request->state == REQUEST_PAUSED && (due < 0 || request->retry_at < due))
			due = request->retry_at;
	}
	if (due == http.armed)
		return;
	http.armed = due;
	if (due >= 0)
	{
		spec.it_value.tv_sec = due / 1000;
		spec.it_value.tv_nsec = (due % 1000) * 1000000 + 1;
	}
	(void) timerfd_settime(http.timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* CURLMOPT_TIMERFUNCTION */
static int
note_timer(CURLM *multi, long timeout_ms, void *arg)
{
	http.curl_due = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	return 0;
}

/* ---- sockets ---- */

/* What is known of a socket, or NULL. */
static KnownSocket *
find_socket(int fd)
{
	for (int i = 0; i < http.socket_count; i++)
		if (http.sockets[i].fd == fd)
			return &http.sockets[i];
	return NULL;
}

/* CURLMOPT_SOCKETFUNCTION */
static int
watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct epoll_event event = {0};
	KnownSocket *known = find_socket(fd);

	if (known != NULL)
		known->is_watched = what != CURL_POLL_REMOVE;
	if (what == CURL_POLL_REMOVE)
	{
		(void) epoll_ctl(http.epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	event.data.fd = fd;
	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;
	if (epoll_ctl(http.epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0)
		return 0;
	return epoll_ctl(http.epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -1;
}

static bool
address_is_loopback(const struct sockaddr *addr)
{
	if (addr->sa_family == AF_INET)
	{
		const struct sockaddr_in *in = (const struct sockaddr_in *) addr;

		return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
	}
	if (addr->sa_family == AF_INET6)
	{
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) addr;

		return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
	}
	return false;
}

static void
forget_socket(KnownSocket *known)
{
	*known = http.sockets[--http.socket_count];
	ReleaseExternalFD();
}

static bool
is_still_open(const KnownSocket *known)
{
	struct stat st;

	return fstat(known->fd, &st) == 0 && st.st_ino == known->inode;
}

/*
 * libcurl closes a socket that never got connected without calling
 * CURLOPT_CLOSESOCKETFUNCTION (7.88's cf-socket.c does): those are told by
 * their inode, and must not be counted any longer.
 */
static void
forget_closed_sockets(void)
{
	for (int i = http.socket_count - 1; i >= 0; i--)
		if (!is_still_open(&http.sockets[i]))
			forget_socket(&http.sockets[i]);
}

static void
remember_socket(int fd)
{
	struct stat st;
	KnownSocket known = {.fd = fd, .inode = fstat(fd, &st) == 0 ? st.st_ino : 0};

	http.sockets[http.socket_count++] = known;
}

/*
 * libcurl sends a request again by itself when the kept TCP connection that it
 * went to turns out closed, or its stream is refused: that is a try as well.
 * Several sockets may be opened for one.
 */
static void
count_resending(CfdwHttpRequest *request)
{
	long		sent = 0;

	(void) curl_easy_getinfo(request->easy, CURLINFO_REQUEST_SIZE, &sent);
	if (sent == request->sent_before)
		return;
	request->sent_before = sent;
	request->answer.tries++;
}

/*
 * CURLOPT_OPENSOCKETFUNCTION: counts the descriptor with PostgreSQL and
 * holds plain http to loopback by the address that it really goes to.
 */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	CfdwHttpRequest *request = arg;
	curl_socket_t fd;

	count_resending(request);
	if (request->is_plain && !address_is_loopback(&address->addr))
	{
		request->refusal = CFDW_NOT_LOOPBACK;
		return CURL_SOCKET_BAD;
	}
	forget_closed_sockets();
	if (http.socket_count == MAX_SOCKETS || !AcquireExternalFD())
		return CURL_SOCKET_BAD;
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0)
	{
		ReleaseExternalFD();
		return CURL_SOCKET_BAD;
	}
	remember_socket(fd);
	return fd;
}

/* CURLOPT_CLOSESOCKETFUNCTION; may run long after its request is gone. */
static int
close_socket(void *arg, curl_socket_t fd)
{
	KnownSocket *known = find_socket(fd);

	if (known != NULL)
		forget_socket(known);
	return close(fd);
}

/* The request is done: is its socket one where the next answer is the next one's? */
static void
note_order(CURL *easy)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	long		version = 0;
	KnownSocket *known;

	(void) curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
	(void) curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
	known = find_socket(fd);
	if (known != NULL)
		known->is_ordered = version == CURL_HTTP_VERSION_1_0 || version == CURL_HTTP_VERSION_1_1;
}

/* Let libcurl see the end of what comes: it takes anything else for alive. */
static void
end_socket(int fd)
{
	char		rest[4096];

	/* from here on the kernel takes no more */
	(void) shutdown(fd, SHUT_RDWR);
	while (recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0)
		;
}

/*
 * Between two requests an HTTP/1 server has nothing to say but good-bye.
 * Anything else, such as a proxy's 408, would be read as the answer to the
 * next request (libcurl looks for it since 8.1 only).  So such a socket is
 * ended, which libcurl sees before it uses it again.
 */
static void
end_talkers(void)
{
	struct pollfd idle[MAX_SOCKETS];
	int			count = 0;

	for (int i = 0; i < http.socket_count; i++)
		if (http.sockets[i].is_ordered && !http.sockets[i].is_watched &&
			is_still_open(&http.sockets[i]))
			idle[count++] = (struct pollfd) {.fd = http.sockets[i].fd, .events = POLLIN};
	if (count == 0 || poll(idle, count, 0) <= 0)
		return;
	for (int i = 0; i < count; i++)
		if (idle[i].revents != 0)
			end_socket(idle[i].fd);
}

/* ---- what comes back ---- */

/* Note why the transfer stops; the caller reports once libcurl is off the stack. */
static size_t
refuse(CfdwHttpRequest *request, CfdwCause cause)
{
	request->refusal = cause;
	return 0;
}

static void
free_body(char *data, size_t capacity)
{
	if (capacity >= OWN_PAGES)
		(void) munmap(data, capacity);
	else
		free(data);
}

static char *
allocate_body(size_t capacity)
{
	void	   *data;

	if (capacity < OWN_PAGES)
		return malloc(capacity);
	data = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return data == MAP_FAILED ? NULL : data;
}

/* Give the body another capacity; false, with nothing changed, for want of memory. */
static bool
resize_body(CfdwHttpRequest *request, size_t capacity)
{
	char	   *data;

	if (request->capacity >= OWN_PAGES && capacity >= OWN_PAGES)
	{
		data = mremap(request->data, request->capacity, capacity, MREMAP_MAYMOVE);
		if (data == MAP_FAILED)
			return false;
	}
	else
	{
		data = allocate_body(capacity);
		if (data == NULL)
			return false;
		if (request->data != NULL)
			memcpy(data, request->data, Min(request->capacity, capacity));
		free_body(request->data, request->capacity);
	}
	request->data = data;
	request->capacity = capacity;
	return true;
}

/* Bytes that a body begins with: what it says to have, within bounds. */
static size_t
first_capacity(CfdwHttpRequest *request)
{
	curl_off_t	announced = -1;

	(void) curl_easy_getinfo(request->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
	if (announced <= 0 || announced > request->peer->max_response_bytes)
		return FIRST_BODY_SIZE;
	return (size_t) announced + 1;
}

/* Make room for len more bytes and a final NUL. */
static bool
reserve(CfdwHttpRequest *request, size_t len)
{
	size_t		capacity = request->capacity ? request->capacity : first_capacity(request);

	while (capacity < request->size + len + 1)
		capacity *= 2;
	return capacity == request->capacity || resize_body(request, capacity);
}

/* CURLOPT_WRITEFUNCTION: sees the body after decompression. */
static size_t
append_body(char *data, size_t size, size_t nmemb, void *arg)
{
	CfdwHttpRequest *request = arg;
	size_t		len = size * nmemb;

	if ((int64) (request->size + len) > request->peer->max_response_bytes)
		return refuse(request, CFDW_TOO_LARGE);
	if (!reserve(request, len))
		return refuse(request, CFDW_NO_MEMORY);
	memcpy(request->data + request->size, data, len);
	request->size += len;
	request->data[request->size] = '\0';
	return len;
}

/* CURLOPT_HEADERFUNCTION */
static size_t
count_header(char *data, size_t size, size_t nmemb, void *arg)
{
	CfdwHttpRequest *request = arg;

	request->header_bytes += size * nmemb;
	if (request->header_bytes > CFDW_MAX_HEADER_BYTES)
		return refuse(request, CFDW_TOO_LARGE);
	return size * nmemb;
}

/* ---- libcurl's memory ---- */

/* Requests, and so the key, pass through libcurl's buffers: what it frees is wiped. */
static void
wipe_and_free(void *buffer)
{
	if (buffer == NULL)
		return;
	explicit_bzero(buffer, malloc_usable_size(buffer));
	free(buffer);
}

static void *
wipe_and_realloc(void *buffer, size_t size)
{
	void	   *moved = malloc(size);

	if (moved == NULL || buffer == NULL)
		return moved;
	memcpy(moved, buffer, Min(size, malloc_usable_size(buffer)));
	wipe_and_free(buffer);
	return moved;
}

/* ---- the backend's multi handle ---- */

static void
open_descriptor(int *fd, int opened, const char *what)
{
	if (opened < 0)
	{
		ReleaseExternalFD();
		elog(ERROR, "could not make %s: %m", what);
	}
	*fd = opened;
}

static void
acquire_descriptor(void)
{
	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many open files in this session")));
}

/* Collects whether every option was taken. */
#define SET(option, value) \
	(ok = ok && curl_multi_setopt(multi, (option), (value)) == CURLM_OK)

/* False for want of memory. */
static bool
make_multi(void)
{
	CURLM	   *multi = curl_multi_init();
	bool		ok = multi != NULL;

	SET(CURLMOPT_SOCKETFUNCTION, watch_socket);
	SET(CURLMOPT_TIMERFUNCTION, note_timer);
	SET(CURLMOPT_MAXCONNECTS, KEPT_SESSIONS);
	SET(CURLMOPT_PIPELINING, (long) CURLPIPE_MULTIPLEX);
	if (ok)
		http.multi = multi;
	else
		(void) curl_multi_cleanup(multi);
	return ok;
}

#undef SET

/* Each piece is made once per backend; a failure leaves the others usable. */
static void
make_ready(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	WaitEventSet *set;

	if (http.events != NULL)
		return;
	if (http.epoll_fd < 0)
	{
		acquire_descriptor();
		open_descriptor(&http.epoll_fd, epoll_create1(EPOLL_CLOEXEC), "an epoll descriptor");
	}
	if (http.timer_fd < 0)
	{
		acquire_descriptor();
		open_descriptor(&http.timer_fd,
						timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "a timer");
	}
	event.data.fd = http.timer_fd;
	if (epoll_ctl(http.epoll_fd, EPOLL_CTL_ADD, http.timer_fd, &event) != 0 && errno != EEXIST)
		elog(ERROR, "could not watch the timer: %m");
	if (http.multi == NULL)
	{
		dlist_init(&http.active);
		if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wipe_and_free, wipe_and_realloc,
								 strdup, calloc) != CURLE_OK)
			elog(ERROR, "libcurl could not be initialized");
		if (!make_multi())
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
		http.last_pump = now_ms();
	}
	http.wait_event = cfdw_wait_event_new("ConnectionFdwRequest");

	/* kept only once it is whole; a single-user backend has no postmaster */
	set = cfdw_wait_set_create(3);
	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	if (IsUnderPostmaster)
		AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(set, WL_SOCKET_READABLE, http.epoll_fd, NULL, NULL);
	http.events = set;
}

/*
 * libcurl may start a resolver thread in any call that makes progress.  The
 * thread inherits the signal mask, so signals are blocked meanwhile: they
 * are for the main thread alone.
 */
static void
block_signals(sigset_t *old)
{
	sigset_t	all;

	sigfillset(&all);
	(void) pthread_sigmask(SIG_BLOCK, &all, old);
}

static void
restore_signals(const sigset_t *old)
{
	(void) pthread_sigmask(SIG_SETMASK, old, NULL);
}

/* ---- the watch ---- */

/*
 * An epoll of its own: it holds the sockets' epoll and, edge-triggered, the
 * count of requests done, which nobody reads.  What is pumped for one scan
 * wakes whoever waits for others by that.
 */
static void
add_to_watch(int fd, uint32 events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	if (epoll_ctl(http.watch_fd, EPOLL_CTL_ADD, fd, &event) != 0 && errno != EEXIST)
		elog(ERROR, "could not watch transfers: %m");
}

/* As with make_ready(), a failure leaves what was made usable. */
static void
make_watch(void)
{
	if (http.has_watch)
		return;
	make_ready();
	if (http.done_fd < 0)
	{
		acquire_descriptor();
		open_descriptor(&http.done_fd, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "an event descriptor");
	}
	if (http.watch_fd < 0)
	{
		acquire_descriptor();
		open_descriptor(&http.watch_fd, epoll_create1(EPOLL_CLOEXEC), "an epoll descriptor");
	}
	add_to_watch(http.epoll_fd, EPOLLIN);
	add_to_watch(http.done_fd, EPOLLIN | EPOLLET);
	http.has_watch = true;
}

int
cfdw_http_watch_fd(void)
{
	make_watch();
	return http.watch_fd;
}

void
cfdw_http_watch_clear(void)
{
	struct epoll_event events[2];

	make_watch();
	(void) epoll_wait(http.watch_fd, events, lengthof(events), 0);
}

void
cfdw_http_watch_wait(void)
{
	http.is_watched = true;
}

void
cfdw_http_watch_wake(void)
{
	uint64		one = 1;

	if (http.has_watch)
		(void) !write(http.done_fd, &one, sizeof(one));
}

/* ---- one request ---- */

/* The request is done, well or not: others may have its slot. */
static void
leave_gate(CfdwHttpRequest *request)
{
	if (request->state == REQUEST_DONE)
		return;
	request->state = REQUEST_DONE;
	http.finished++;
	cfdw_http_watch_wake();
	request->gate->in_flight--;
	dlist_delete(&request->node);
}

/* A try is ended before its time: libcurl's look-up may go on without it. */
static void
note_lost_lookup(CfdwHttpRequest *request)
{
	curl_off_t	resolved = 0;

	if (request->easy == NULL)
		return;
	(void) curl_easy_getinfo(request->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
	if (resolved == 0)
		http.lost_lookups++;
}

static void
drop_easy(CfdwHttpRequest *request)
{
	CURL	   *easy = request->easy;

	if (easy == NULL)
		return;
	request->easy = NULL;
	(void) curl_multi_remove_handle(http.multi, easy);
	curl_easy_cleanup(easy);
}

/* The memory context's callback: whatever state the request is in, end it. */
static void
release_request(void *arg)
{
	CfdwHttpRequest *request = arg;
	sigset_t	old;

	note_lost_lookup(request);
	block_signals(&old);
	drop_easy(request);
	restore_signals(&old);
	leave_gate(request);
	free_body(request->data, request->capacity);
	if (request->key_header != NULL)
		explicit_bzero(request->key_header, strlen(request->key_header));
	if (request->body != NULL)
		explicit_bzero(request->body, request->body_len);
}

static void
prepare_headers(CfdwHttpRequest *request)
{
	static const char name[] = "X-API-Key: ";
	size_t		size = sizeof(name) + strlen(request->peer->api_key);

	/* not psprintf, which may try in a buffer that is too short and free it */
	request->key_header = palloc(size);
	snprintf(request->key_header, size, "%s%s", name, request->peer->api_key);
	request->headers[0].data = request->key_header;
	request->headers[0].next = &request->headers[1];
	request->headers[1].data = pstrdup("Accept: application/json");
	request->headers[1].next = NULL;
	if (request->body != NULL)
	{
		request->headers[1].next = &request->headers[2];
		request->headers[2].data = pstrdup("Content-Type: application/json");
	}
	else if (request->method != CFDW_GET)
	{
		/* or servers answer 411 to a POST without a body */
		request->headers[1].next = &request->headers[2];
		request->headers[2].data = pstrdup("Content-Length: 0");
	}
}

/* What libcurl is to connect through, or NULL: plain http needs none. */
static const char *
proxy_of(const CfdwHttpRequest *request)
{
	return request->is_plain ? NULL : request->peer->proxy;
}

/* Collects whether every option was taken. */
#define SET(option, value) \
	(ok = ok && curl_easy_setopt(easy, (option), (value)) == CURLE_OK)

static bool
set_policy(CURL *easy, CfdwHttpRequest *request)
{
	const CfdwHttpPeer *peer = request->peer;
	const char *proxy = proxy_of(request);
	bool		ok = set_protocols(easy) == CURLE_OK;

	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_PROXY_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	if (peer->ca_file != NULL)
	{
		/* instead of the system's folder, which libcurl would ask as well */
		SET(CURLOPT_CAINFO, peer->ca_file);
		SET(CURLOPT_CAPATH, NULL);
		ok = ok && set_no_ca_cache(easy) == CURLE_OK;
	}

	/* an empty proxy also keeps libcurl from asking the environment */
	SET(CURLOPT_PROXY, proxy ? proxy : "");
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, request);
	SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	return ok;
}

static bool
set_bounds(CURL *easy, CfdwHttpRequest *request)
{
	const CfdwHttpPeer *peer = request->peer;
	bool		ok = set_quick_exit(easy) == CURLE_OK;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long) peer->connect_timeout);
	SET(CURLOPT_TIMEOUT_MS, (long) peer->request_timeout);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) peer->max_response_bytes);
	SET(CURLOPT_WRITEFUNCTION, append_body);
	SET(CURLOPT_WRITEDATA, request);
	SET(CURLOPT_HEADERFUNCTION, count_header);
	SET(CURLOPT_HEADERDATA, request);
	SET(CURLOPT_ERRORBUFFER, request->remark);
	SET(CURLOPT_PRIVATE, request);
	return ok;
}

static bool
set_question(CURL *easy, CfdwHttpRequest *request)
{
	bool		ok = true;

	SET(CURLOPT_URL, request->url);

	/* out of memory, libcurl may put a URL's path together without its query */
	SET(CURLOPT_REQUEST_TARGET, strchr(strstr(request->url, "://") + 3, '/'));
	SET(CURLOPT_HTTPHEADER, request->headers);
	SET(CURLOPT_USERAGENT, USER_AGENT);
	SET(CURLOPT_ACCEPT_ENCODING, "");
	SET(CURLOPT_HTTP_VERSION,
		(long) (request->once ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
	if (request->once)
	{
		SET(CURLOPT_FRESH_CONNECT, 1L);
		SET(CURLOPT_FORBID_REUSE, 1L);
	}
	else if (!request->is_plain)
		SET(CURLOPT_PIPEWAIT, 1L);
	if (request->body != NULL)
	{
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_len);
		SET(CURLOPT_POSTFIELDS, request->body);
	}
	if (request->method != CFDW_GET)
		SET(CURLOPT_CUSTOMREQUEST, cfdw_method_name(request->method));
	return ok;
}

#undef SET

/* Threads of this process; 1 where that cannot be told. */
static int
count_threads(void)
{
	DIR		   *dir = opendir("/proc/self/task");
	int			count = 0;

	if (dir == NULL)
		return 1;
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 2;			/* less "." and ".." */
}

/* Does the URL name its host by address, so that nothing is to be resolved? */
static bool
names_address(const char *url)
{
	const char *host = strstr(url, "://") + 3;

	return *host == '[' || strspn(host, "0123456789.") == strcspn(host, ":/");
}

/*
 * Do so many look-ups hang that a further one might be one too many?  Threads
 * may belong to others, so there are never more than were noted.
 */
static bool
has_lost_too_many(const CfdwHttpRequest *request)
{
	const char *proxy = proxy_of(request);

	if (http.lost_lookups > 0)
		http.lost_lookups = Min(http.lost_lookups, count_threads() - 1);
	return http.lost_lookups >= MAX_LOST_LOOKUPS &&
		!names_address(proxy ? proxy : request->url);
}

/*
 * Hand a try to libcurl.  False when that cannot be: then the request is
 * done, for want of memory or of name servers that answer.
 */
static bool
send_try(CfdwHttpRequest *request)
{
	CURL	   *easy;
	sigset_t	old;
	CURLMcode	code = CURLM_OUT_OF_MEMORY;

	if (has_lost_too_many(request))
	{
		request->answer.cause = CFDW_UNREACHABLE;
		snprintf(request->remark, sizeof(request->remark),
				 "%d name look-ups of this session have not come to an end", MAX_LOST_LOOKUPS);
		leave_gate(request);
		return false;
	}
	easy = http.multi != NULL || make_multi() ? curl_easy_init() : NULL;
	request->easy = easy;
	request->size = 0;
	request->header_bytes = 0;
	request->refusal = CFDW_OK;
	request->was_idle = false;
	request->sent_before = 0;
	request->started = now_ms();
	request->remark[0] = '\0';
	if (easy != NULL && set_policy(easy, request) && set_bounds(easy, request) &&
		set_question(easy, request))
	{
		end_talkers();
		block_signals(&old);
		code = curl_multi_add_handle(http.multi, easy);
		restore_signals(&old);
	}
	if (code != CURLM_OK)
	{
		drop_easy(request);
		request->answer.cause = CFDW_NO_MEMORY;
		leave_gate(request);
		return false;
	}
	request->state = REQUEST_RUNNING;
	request->answer.tries++;
	return true;
}

/* Requests in flight while nobody pumped may fail through no one's fault. */
static void
note_idle_gap(int64 now)
{
	int64		gap = http.is_watched ? 0 : now - http.last_pump;
	dlist_iter	iter;

	dlist_foreach(iter, &http.active)
	{
		CfdwHttpRequest *request = dlist_container(CfdwHttpRequest, node, iter.cur);
		int			timeout = Min(request->peer->connect_timeout, request->peer->request_timeout);

		if (gap > Min(IDLE_GAP, timeout / 4))
			request->was_idle = true;
	}
	http.last_pump = now;
	http.is_watched = false;
}

bool
cfdw_http_has_slot(const CfdwHttpPeer *peer)
{
	return peer->gate->in_flight < peer->gate->max_in_flight;
}

CfdwHttpRequest *
cfdw_http_start(const CfdwHttpPeer *peer, CfdwMethod method, const char *path,
				const char *body, bool once)
{
	MemoryContext cxt;
	MemoryContext old;
	CfdwHttpRequest *request;

	make_ready();
	note_idle_gap(now_ms());
	cxt = AllocSetContextCreate(CurrentMemoryContext, "connection_fdw request",
								ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(cxt);
	request = palloc0(sizeof(CfdwHttpRequest));
	request->cxt = cxt;
	request->peer = peer;
	request->gate = peer->gate;
	request->method = method;
	request->url = psprintf("%s%s", peer->base_url, path);
	request->body = body ? pstrdup(body) : NULL;
	request->body_len = body ? strlen(body) : 0;
	request->once = once || method != CFDW_GET;
	request->is_plain = pg_strncasecmp(peer->base_url, "http://", 7) == 0;
	request->answer.body = "";
	request->answer.remark = request->remark;
	prepare_headers(request);

	/* from here on the callback undoes whatever was done */
	request->on_reset.func = release_request;
	request->on_reset.arg = request;
	dlist_push_tail(&http.active, &request->node);
	if (request->gate->in_flight++ == 0)
		request->gate->failing_since = 0;
	MemoryContextRegisterResetCallback(cxt, &request->on_reset);
	MemoryContextSwitchTo(old);

	(void) send_try(request);
	return request;
}

bool
cfdw_http_is_done(const CfdwHttpRequest *request)
{
	return request->state == REQUEST_DONE;
}

int64
cfdw_http_bytes(const CfdwHttpRequest *request)
{
	return request->capacity;
}

const CfdwHttpAnswer *
cfdw_http_answer(const CfdwHttpRequest *request)
{
	return &request->answer;
}

void
cfdw_http_release(CfdwHttpRequest *request)
{
	MemoryContextDelete(request->cxt);
}

/* ---- how a try ended ---- */

static CfdwCause
cause_of_code(CURLcode code, bool was_sent)
{
	switch (code)
	{
		case CURLE_OPERATION_TIMEDOUT:
			return CFDW_TIMEOUT;
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_SSL_INVALIDCERTSTATUS:
			return CFDW_CERTIFICATE;
		case CURLE_COULDNT_RESOLVE_HOST:
		case CURLE_COULDNT_RESOLVE_PROXY:
		case CURLE_COULDNT_CONNECT:
		case CURLE_URL_MALFORMAT:
		case CURLE_SSL_CONNECT_ERROR:
			return CFDW_UNREACHABLE;
		case CURLE_FILESIZE_EXCEEDED:
			return CFDW_TOO_LARGE;
		case CURLE_OUT_OF_MEMORY:
			return CFDW_NO_MEMORY;
		default:
			return was_sent ? CFDW_LOST : CFDW_UNREACHABLE;
	}
}

/* Give back what the body did not need: a memo may keep many of them. */
static void
trim_body(CfdwHttpRequest *request)
{
	if (request->data == NULL || request->capacity == request->size + 1 ||
		!resize_body(request, request->size + 1))
		return;
	request->data[request->size] = '\0';
}

/*
 * May some byte of the request have left?  libcurl counts what it sent to a
 * proxy as well; the rest follows only after a TLS handshake with the server.
 */
static bool
has_left(const CfdwHttpRequest *request)
{
	long		sent = 0;
	long		connects = 0;
	curl_off_t	shaken = 0;

	(void) curl_easy_getinfo(request->easy, CURLINFO_REQUEST_SIZE, &sent);
	if (sent == 0 || proxy_of(request) == NULL)
		return sent > 0;
	(void) curl_easy_getinfo(request->easy, CURLINFO_NUM_CONNECTS, &connects);
	(void) curl_easy_getinfo(request->easy, CURLINFO_APPCONNECT_TIME_T, &shaken);
	return connects == 0 || shaken > 0;
}

static void
read_answer(CfdwHttpRequest *request, CURLcode code)
{
	CfdwHttpAnswer *answer = &request->answer;
	long		status = 0;
	curl_off_t	bytes = 0;

	(void) curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	(void) curl_easy_getinfo(request->easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
	(void) curl_easy_getinfo(request->easy, CURLINFO_TOTAL_TIME, &answer->seconds);

	answer->was_sent = has_left(request);
	answer->http_status = (int) status;
	answer->bytes += bytes;
	trim_body(request);
	answer->body = request->data ? request->data : "";
	answer->len = request->size;
	if (request->refusal != CFDW_OK && code != CURLE_OK)
		answer->cause = request->refusal;
	else if (code != CURLE_OK)
		answer->cause = cause_of_code(code, answer->was_sent);
	else
		answer->cause = cfdw_cause_of_status(answer->http_status);

	/* libcurl's words are about transport; the refusals have their own */
	if (request->refusal != CFDW_OK || code == CURLE_OK)
		request->remark[0] = '\0';
	else if (request->remark[0] == '\0')
		strlcpy(request->remark, curl_easy_strerror(code), sizeof(request->remark));
}

static bool
is_transport_failure(CfdwCause cause)
{
	return cause == CFDW_UNREACHABLE || cause == CFDW_LOST || cause == CFDW_TIMEOUT;
}

static bool
is_busy_status(int status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

/* Did the try end before anything could be sent? */
static bool
is_unconnected(const CfdwHttpAnswer *answer)
{
	return answer->cause == CFDW_UNREACHABLE ||
		(answer->cause == CFDW_TIMEOUT && !answer->was_sent);
}

/*
 * Has the server failed for so long that trying again is in vain?  The time
 * runs from the first of its failures since its last success, whichever
 * requests those were.
 */
static bool
is_given_up(const CfdwHttpRequest *request)
{
	const CfdwHttpPeer *peer = request->peer;
	int64		failing = now_ms() - request->gate->failing_since;

	if (is_unconnected(&request->answer) && failing >= 2 * (int64) peer->connect_timeout)
		return true;
	return failing >= peer->request_timeout;
}

/* Is another try due? */
static bool
wants_retry(const CfdwHttpRequest *request)
{
	const CfdwHttpAnswer *answer = &request->answer;

	if (request->once || answer->tries > request->peer->max_retries)
		return false;
	if (!is_transport_failure(answer->cause) && !is_busy_status(answer->http_status))
		return false;
	return !is_given_up(request);
}

/* Note for all requests to the server whether it fails. */
static void
note_outcome(CfdwHttpRequest *request)
{
	CfdwHttpGate *gate = request->gate;

	if (!is_transport_failure(request->answer.cause) &&
		!is_busy_status(request->answer.http_status))
	{
		gate->failing_since = 0;
		gate->last_success = now_ms();
	}
	else if (gate->failing_since == 0)
		gate->failing_since = Max(request->started, gate->last_success);
}

/*
 * The pause before the next try, in ms: doubling with jitter, or what the
 * server asks for, and never more than retry_max_delay.
 */
static int64
retry_delay(const CfdwHttpRequest *request, curl_off_t retry_after)
{
	int64		most = request->peer->retry_max_delay;
	int64		delay = (int64) FIRST_RETRY_DELAY << Min(request->answer.tries - 1, 16);

	delay = (int64) (Min(delay, most) * (0.5 + 0.5 * cfdw_random_fraction()));
	if (retry_after > most / 1000)
		delay = most;
	else if (retry_after > 0)
		delay = Max(delay, retry_after * 1000);
	return delay;
}

static void
finish_try(CfdwHttpRequest *request, CURLcode code)
{
	curl_off_t	retry_after = 0;

	read_answer(request, code);
	note_order(request->easy);
	(void) curl_easy_getinfo(request->easy, CURLINFO_RETRY_AFTER, &retry_after);
	if (code == CURLE_OPERATION_TIMEDOUT)
		note_lost_lookup(request);
	drop_easy(request);

	/* nobody pumped for a while: the failure is ours, ask again in silence */
	if (request->was_idle && !request->once && is_transport_failure(request->answer.cause))
	{
		request->answer.tries--;
		(void) send_try(request);
		return;
	}
	note_outcome(request);
	if (wants_retry(request))
	{
		request->state = REQUEST_PAUSED;
		request->retry_at = now_ms() + retry_delay(request, retry_after);
	}
	else
		leave_gate(request);
}

static void
collect_finished(void)
{
	CURLMsg    *msg;
	int			left;

	while (http.multi != NULL && (msg = curl_multi_info_read(http.multi, &left)) != NULL)
	{
		CfdwHttpRequest *request = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		(void) curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **) &request);
		finish_try(request, msg->data.result);
	}
}

/*
 * libcurl could not go on, for want of memory.  It may have lost sight of any
 * socket or timeout, and crashes when it is to forget what it lost (7.88
 * divides by the zero slots of a hash).  So it is not called again for what
 * was under way: that much is leaked, and the next request begins anew.
 */
static void
abandon_multi(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &http.active)
	{
		CfdwHttpRequest *request = dlist_container(CfdwHttpRequest, node, iter.cur);

		if (request->state != REQUEST_RUNNING)
			continue;
		read_answer(request, CURLE_OUT_OF_MEMORY);
		request->easy = NULL;
		leave_gate(request);
	}
	while (http.socket_count > 0)
	{
		KnownSocket *known = &http.sockets[http.socket_count - 1];

		if (is_still_open(known))
			(void) close(known->fd);
		forget_socket(known);
	}
	http.multi = NULL;
	http.curl_due = -1;
}

static void
send_due_retries(int64 now)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &http.active)
	{
		CfdwHttpRequest *request = dlist_container(CfdwHttpRequest, node, iter.cur);

		if (request->state == REQUEST_PAUSED && request->retry_at <= now)
			(void) send_try(request);
	}
}

/* ---- pumping ---- */

/* Let libcurl work on a socket, or on its timeouts; false when it cannot. */
static bool
act_on(int fd, int mask)
{
	int			running;

	return curl_multi_socket_action(http.multi, fd, mask, &running) == CURLM_OK;
}

static bool
pump_sockets(void)
{
	struct epoll_event events[32];
	int			n = epoll_wait(http.epoll_fd, events, lengthof(events), 0);

	for (int i = 0; i < n; i++)
	{
		int			fd = events[i].data.fd;
		int			mask = 0;

		if (fd == http.timer_fd)
		{
			uint64		expirations;

			(void) !read(fd, &expirations, sizeof(expirations));
			http.armed = -1;
			continue;
		}
		if (events[i].events & EPOLLIN)
			mask |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			mask |= CURL_CSELECT_OUT;
		if (events[i].events & (EPOLLERR | EPOLLHUP))
			mask |= CURL_CSELECT_ERR;
		if (!act_on(fd, mask))
			return false;
	}
	return true;
}

static bool
pump_timeouts(int64 now)
{
	if (http.curl_due < 0 || http.curl_due > now)
		return true;
	http.curl_due = -1;
	return act_on(CURL_SOCKET_TIMEOUT, 0);
}

/* Let libcurl work on what is due; true when some request got done. */
static bool
pump(void)
{
	int64		now = now_ms();
	sigset_t	old;
	uint64		finished = http.finished;

	note_idle_gap(now);
	block_signals(&old);
	if (pump_sockets() && pump_timeouts(now))
		collect_finished();
	else
		abandon_multi();
	restore_signals(&old);
	send_due_retries(now);
	arm_timer();
	return http.finished > finished;
}

void
cfdw_http_poll(void)
{
	if (http.events != NULL)
		(void) pump();
}

void
cfdw_http_wait(void)
{
	WaitEvent	occurred[3];
	int			n;

	make_ready();
	CHECK_FOR_INTERRUPTS();
	if (pump())
		return;
	n = WaitEventSetWait(http.events, -1, occurred, lengthof(occurred), http.wait_event);
	http.last_pump = now_ms();
	for (int i = 0; i < n; i++)
		if (occurred[i].events & WL_LATCH_SET)
			ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	(void) pump();
}
