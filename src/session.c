/*-------------------------------------------------------------------------
 *
 * session.c
 *	  Which endpoint, key and options serve this user mapping now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "session.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/htup_details.h"
#include "cache.h"
#include "catalog/pg_type.h"
#include "catalog/pg_user_mapping.h"
#include "foreign/foreign.h"
#include "lib/ilist.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "text.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* A key file holds a key and a line end; more is not a key. */
#define MAX_KEY_FILE 4096

/* What tells that a file is another than the one read before. */
typedef struct FileStamp
{
	ino_t		inode;
	off_t		size;
	mode_t		mode;
	uid_t		owner;
	struct timespec modified;
	struct timespec changed;
} FileStamp;

typedef struct CachedSession
{
	CfdwCacheEntry entry;
	CfdwSession session;		/* what callers hold */
	FileStamp	stamp;
	MemoryContextCallback on_reset;
	size_t		key_size;		/* bytes that may hold the key */
	size_t		secret_size;	/* bytes of webhook_secret */
} CachedSession;

/* One gate per server, whichever role asks. */
typedef struct ServerGate
{
	dlist_node	node;
	Oid			server;
	CfdwHttpGate gate;
} ServerGate;

static dlist_head sessions = DLIST_STATIC_INIT(sessions);
static dlist_head gates = DLIST_STATIC_INIT(gates);
static MemoryContext session_cxt = NULL;

/* Counts invalidations: one that arrives while a session is made must count. */
static uint64 generation = 0;

/* ---- cache ---- */

/* The memory context's callback: also where a session was not made whole. */
static void
wipe_secrets(void *arg)
{
	CachedSession *cached = arg;
	CfdwOptions *options = &cached->session.options;

	if (options->api_key != NULL)
		explicit_bzero(options->api_key, cached->key_size);
	if (options->webhook_secret != NULL)
		explicit_bzero(options->webhook_secret, cached->secret_size);
}

/* Servers and mappings change seldom: any change makes all sessions anew. */
static void
forget_sessions(Datum arg, int cacheid, uint32 hashvalue)
{
	dlist_mutable_iter iter;

	generation++;
	dlist_foreach_modify(iter, &sessions)
		cfdw_cache_invalidate(dlist_container(CfdwCacheEntry, node, iter.cur));
}

static void
make_cache(void)
{
	if (session_cxt != NULL)
		return;
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, forget_sessions, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, forget_sessions, (Datum) 0);
	session_cxt = AllocSetContextCreate(TopMemoryContext, "connection_fdw sessions",
										ALLOCSET_SMALL_SIZES);
}

static CfdwHttpGate *
gate_of(Oid server)
{
	ServerGate *fresh;
	dlist_iter	iter;

	dlist_foreach(iter, &gates)
	{
		ServerGate *known = dlist_container(ServerGate, node, iter.cur);

		if (known->server == server)
			return &known->gate;
	}
	fresh = MemoryContextAllocZero(session_cxt, sizeof(ServerGate));
	fresh->server = server;
	dlist_push_tail(&gates, &fresh->node);
	return &fresh->gate;
}

/* ---- server and user mapping ---- */

/* Nothing locks a server that a function names: it may have gone meanwhile. */
static ForeignServer *
find_server(Oid oid)
{
	ForeignServer *server = GetForeignServerExtended(oid, FSV_MISSING_OK);

	if (server == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the foreign server was dropped before the statement used it")));
	return server;
}

/* The mapping's tuple of a role, or PUBLIC's; raises when there is none. */
static HeapTuple
find_mapping(ForeignServer *server, Oid role)
{
	HeapTuple	tuple = SearchSysCache2(USERMAPPINGUSERSERVER,
										ObjectIdGetDatum(role),
										ObjectIdGetDatum(server->serverid));

	if (!HeapTupleIsValid(tuple))
		tuple = SearchSysCache2(USERMAPPINGUSERSERVER,
								ObjectIdGetDatum(InvalidOid),
								ObjectIdGetDatum(server->serverid));
	if (!HeapTupleIsValid(tuple))
	{
		char	   *name = GetUserNameFromId(role, true);

		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("user mapping not found for \"%s\" on server \"%s\"",
						name ? name : "?", server->servername),
				 errhint("CREATE USER MAPPING FOR %s SERVER %s OPTIONS (api_key '...');",
						 name ? quote_identifier(name) : "PUBLIC",
						 quote_identifier(server->servername))));
	}
	return tuple;
}

/* ---- key ---- */

static void
refuse_file(const char *path, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("cannot use the file of option \"api_key_file\""),
			 errdetail("\"%s\": %s.", path, why)));
}

/* libpq's rule for keys: ours and 0600, or root's and at most 0640. */
static void
check_file_mode(const char *path, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		refuse_file(path, "it is not a regular file");
	if (st->st_uid != geteuid() && st->st_uid != 0)
		refuse_file(path, "it belongs neither to the server's user nor to root");
	if (st->st_mode & (st->st_uid == 0 ? (S_IWGRP | S_IXGRP | S_IRWXO) : (S_IRWXG | S_IRWXO)))
		refuse_file(path, "others may read or write it");
}

static FileStamp
stamp_of(const struct stat *st)
{
	FileStamp	stamp;

	memset(&stamp, 0, sizeof(stamp));
	stamp.inode = st->st_ino;
	stamp.size = st->st_size;
	stamp.mode = st->st_mode;
	stamp.owner = st->st_uid;
	stamp.modified = st->st_mtim;
	stamp.changed = st->st_ctim;
	return stamp;
}

/* Read the key, less line ends. */
static void
read_key_file(CachedSession *cached)
{
	const char *path = cached->session.options.api_key_file;
	int			fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK);
	char	   *key;
	struct stat st;
	ssize_t		len;

	if (fd < 0 || fstat(fd, &st) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open the file of option \"api_key_file\": %m"),
				 errdetail("\"%s\"", path)));
	check_file_mode(path, &st);

	/* wiped by the session's end, however this one goes on */
	key = palloc0(MAX_KEY_FILE + 1);
	cached->session.options.api_key = key;
	cached->key_size = MAX_KEY_FILE;
	len = read(fd, key, MAX_KEY_FILE);
	CloseTransientFile(fd);
	if (len < 0 || len == MAX_KEY_FILE || (ssize_t) strlen(key) != len)
		refuse_file(path, "it does not hold one key");
	while (len > 0 && (key[len - 1] == '\n' || key[len - 1] == '\r'))
		key[--len] = '\0';
	cfdw_options_check_key(key, "the file of option \"api_key_file\"");
	cached->stamp = stamp_of(&st);
}

static bool
file_changed(const CachedSession *cached)
{
	const char *path = cached->session.options.api_key_file;
	struct stat st;
	FileStamp	stamp;

	if (path == NULL || cached->session.options.api_key == NULL)
		return false;
	if (stat(path, &st) != 0)
		return true;
	stamp = stamp_of(&st);
	return memcmp(&stamp, &cached->stamp, sizeof(stamp)) != 0;
}

static void
find_key(CachedSession *cached)
{
	CfdwOptions *options = &cached->session.options;

	if (options->api_key_file != NULL)
		read_key_file(cached);
	if (options->api_key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("the user mapping of \"%s\" for server \"%s\" has no API key",
						cached->session.role, cached->session.server_name),
				 errhint("ALTER USER MAPPING ... OPTIONS (ADD api_key '...').")));
	cfdw_options_check_key(options->api_key, "option \"api_key\"");
}

/* ---- making a session ---- */

static void
fill_scope(CfdwSession *session)
{
	session->company_count = -1;
	if (session->options.company_ids != NULL)
		session->companies = cfdw_options_companies(session->options.company_ids,
													&session->company_count);
}

static void
fill_peer(CfdwSession *session)
{
	CfdwOptions *options = &session->options;
	CfdwHttpPeer *peer = &session->peer;
	char	   *end = options->base_url + strlen(options->base_url);

	while (end > options->base_url && end[-1] == '/')
		*--end = '\0';
	peer->gate = gate_of(session->server);
	peer->gate->max_in_flight = options->max_concurrency;
	peer->base_url = options->base_url;
	peer->api_key = options->api_key;
	peer->ca_file = options->ca_file;
	peer->proxy = options->proxy;
	peer->connect_timeout = options->connect_timeout;
	peer->request_timeout = options->request_timeout;
	peer->max_retries = options->max_retries;
	peer->retry_max_delay = options->retry_max_delay;
	peer->max_response_bytes = (int64) options->max_response_size * 1024;
}

/* Overlay one option, given as name=value, and wipe the text. */
static void
apply_option(CfdwOptions *options, char *option)
{
	size_t		len = strlen(option);
	char	   *value = strchr(option, '=');

	if (value != NULL)
	{
		*value++ = '\0';
		cfdw_options_set(options, option, value);
	}
	explicit_bzero(option, len);
}

/*
 * Overlay the mapping's options.  Not by untransformRelOptions(), which leaves
 * copies of the key behind; so it is in the session alone.
 */
static void
apply_mapping(CachedSession *cached, HeapTuple mapping)
{
	CfdwOptions *options = &cached->session.options;
	bool		isnull;
	Datum		datum = SysCacheGetAttr(USERMAPPINGUSERSERVER, mapping,
										Anum_pg_user_mapping_umoptions, &isnull);
	ArrayType  *array;
	Datum	   *items;
	int			count;

	if (isnull)
		return;
	array = DatumGetArrayTypeP(datum);
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &items, NULL, &count);
	for (int i = 0; i < count; i++)
		apply_option(options, TextDatumGetCString(items[i]));
	if (options->api_key != NULL)
		cached->key_size = strlen(options->api_key);
	if (options->webhook_secret != NULL)
		cached->secret_size = strlen(options->webhook_secret);

	/* a short array was unpacked, which makes a copy */
	if ((Pointer) array != DatumGetPointer(datum))
		explicit_bzero(array, VARSIZE(array));
}

/*
 * Built in a context of its own under the caller's, kept once it is whole;
 * without a key when none is asked for.
 */
static CachedSession *
make_session(ForeignServer *server, HeapTuple mapping, bool with_key)
{
	Form_pg_user_mapping row = (Form_pg_user_mapping) GETSTRUCT(mapping);
	CachedSession *cached = (CachedSession *) cfdw_cache_make(sizeof(CachedSession),
															  "connection_fdw session");
	MemoryContext old = MemoryContextSwitchTo(cached->entry.cxt);
	CfdwSession *session = &cached->session;

	cached->on_reset.func = wipe_secrets;
	cached->on_reset.arg = cached;
	MemoryContextRegisterResetCallback(cached->entry.cxt, &cached->on_reset);
	session->server = server->serverid;
	session->mapping = row->oid;
	session->server_name = pstrdup(server->servername);
	session->role = OidIsValid(row->umuser) ? GetUserNameFromId(row->umuser, false) : "public";
	cfdw_options_init(&session->options);
	cfdw_options_apply(&session->options, server->options);
	apply_mapping(cached, mapping);
	if (with_key || session->options.api_key != NULL)
		find_key(cached);
	fill_scope(session);
	fill_peer(session);
	MemoryContextSwitchTo(old);
	cfdw_cache_keep(&cached->entry, &sessions);
	return cached;
}

static CachedSession *
find_session(Oid mapping)
{
	dlist_iter	iter;

	dlist_foreach(iter, &sessions)
	{
		CachedSession *cached = dlist_container(CachedSession, entry.node, iter.cur);

		if (cached->entry.valid && cached->session.mapping == mapping)
			return cached;
	}
	return NULL;
}

/* Does a cached session no longer do? */
static bool
is_outdated(const CachedSession *cached, bool with_key)
{
	return file_changed(cached) || (with_key && cached->session.options.api_key == NULL);
}

static CfdwSession *
get_session(Oid serverid, Oid role, bool with_key)
{
	ForeignServer *server;
	HeapTuple	mapping;
	CachedSession *cached;
	uint64		began;

	make_cache();

	/* within a transaction nobody else looks: locks and names are known */
	AcceptInvalidationMessages();
	began = generation;
	server = find_server(serverid);
	mapping = find_mapping(server, role);
	cached = find_session(((Form_pg_user_mapping) GETSTRUCT(mapping))->oid);
	if (cached != NULL && is_outdated(cached, with_key))
	{
		cfdw_cache_invalidate(&cached->entry);
		cached = NULL;
	}
	if (cached == NULL)
	{
		cached = make_session(server, mapping, with_key);
		cached->entry.valid = generation == began;
	}
	ReleaseSysCache(mapping);
	cfdw_cache_pin(&cached->entry);
	return &cached->session;
}

CfdwSession *
cfdw_session_get(Oid server, Oid role)
{
	return get_session(server, role, true);
}

CfdwSession *
cfdw_session_get_keyless(Oid server, Oid role)
{
	return get_session(server, role, false);
}

/* ---- answers that went wrong ---- */

const CfdwJsonNode *
cfdw_session_object(CfdwJson *json, const CfdwHttpAnswer *answer, CfdwDefect *defect)
{
	CfdwSpan	text = {answer->body, answer->len};
	CfdwJsonDefect syntax;
	const CfdwJsonNode *body = cfdw_json_read(json, text, 0, CFDW_JSON_ALL, &syntax);

	if (body == NULL)
		*defect = (CfdwDefect) {CFDW_MALFORMED, syntax.why};
	else if (cfdw_json_kind(body) == CFDW_JSON_OBJECT)
		return body;
	else
		*defect = (CfdwDefect) {CFDW_WRONG_SHAPE, "it is no object"};
	return NULL;
}

bool
cfdw_session_is_api_404(const CfdwHttpAnswer *answer)
{
	CfdwDefect	ignored;

	return answer->http_status == 404 &&
		cfdw_session_object(cfdw_json_create(), answer, &ignored) != NULL;
}

/* Does the text hold the secret, as it is or as it stands in a URL? */
static bool
repeats(CfdwSpan text, const char *secret)
{
	const char *utf8 = pg_server_to_any(secret, strlen(secret), PG_UTF8);
	StringInfoData encoded;

	initStringInfo(&encoded);
	cfdw_text_percent_encode(&encoded, secret);
	return cfdw_text_holds(text.at, text.len, utf8) ||
		cfdw_text_holds(text.at, text.len, encoded.data);
}

/* The API's `detail`, cleaned; NULL when the body is not the API's. */
static char *
detail_of(const CfdwSession *session, const CfdwHttpAnswer *answer)
{
	CfdwDefect	ignored;
	const CfdwJsonNode *body = cfdw_session_object(cfdw_json_create(), answer, &ignored);
	const CfdwJsonNode *detail = cfdw_json_member(body, "detail");
	CfdwSpan	text;

	if (cfdw_json_kind(detail) != CFDW_JSON_STRING)
		return NULL;
	text = cfdw_json_text(detail);
	if (cfdw_text_is_link(text.at, text.len))
		return NULL;
	if (answer->carried != NULL && repeats(text, answer->carried))
		return NULL;
	return cfdw_text_excerpt(text.at, text.len, session->options.api_key);
}

void
cfdw_session_failure(const CfdwSession *session, const char *task,
					 CfdwMethod method, const char *path,
					 const CfdwHttpAnswer *answer, CfdwFailure *failure)
{
	memset(failure, 0, sizeof(CfdwFailure));
	failure->cause = answer->cause;
	failure->task = task;
	failure->server = session->server_name;
	failure->role = session->role;
	failure->method = cfdw_method_name(method);
	failure->path = path;
	failure->http_status = answer->http_status;
	failure->tries = answer->tries;
	if (answer->cause == CFDW_NOT_FOUND && !cfdw_session_is_api_404(answer))
		failure->cause = CFDW_NOT_API;
	else if (answer->remark[0] != '\0')
		failure->remark = cfdw_text_excerpt(answer->remark, strlen(answer->remark),
											session->options.api_key);
	else
		failure->remark = detail_of(session, answer);
}

void
cfdw_session_raise(const CfdwSession *session, const char *task, CfdwMethod method,
				   const char *path, const CfdwHttpAnswer *answer)
{
	CfdwFailure failure;

	cfdw_session_failure(session, task, method, path, answer, &failure);
	cfdw_raise(&failure);
}

void
cfdw_session_refuse(const CfdwSession *session, const char *task, const char *path,
					CfdwCause cause, const char *remark)
{
	CfdwFailure failure = {
		.cause = cause,
		.task = task,
		.server = session->server_name,
		.role = session->role,
		.method = "GET",
		.path = path,
		.remark = remark,
	};

	cfdw_raise(&failure);
}
