/*-------------------------------------------------------------------------
 *
 * memo.c
 *	  What one statement asks and has been answered.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "memo.h"

#include "common/hashfn.h"
#include "lib/ilist.h"
#include "storage/buffile.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* What a request holds in memory beside its body: its context, its strings. */
#define REQUEST_BYTES 3072

/* Where a path of a user mapping is found; equal paths are compared again. */
typedef struct FetchKey
{
	uint64		hash;
	Oid			mapping;
	uint32		zero;			/* no padding: keys are compared as bytes */
} FetchKey;

typedef struct FetchEntry
{
	FetchKey	key;
	CfdwFetch  *fetch;
} FetchEntry;

struct CfdwStatement
{
	MemoryContext cxt;
	MemoryContextCallback on_reset;
	dlist_node	node;
	EState	   *estate;			/* NULL: a function's */
	List	   *members;		/* CfdwMember: that have joined and not left */
	int			listings;		/* scans that read listings whole */
	int			requests;
	CfdwWriting *writing;
	CfdwSettle	settle;			/* NULL: nothing is written */

	/* sharing */
	HTAB	   *fetches;		/* NULL: not shared */
	int64		kept_bytes;		/* of bodies in memory */
	BufFile    *file;			/* bodies beyond the bound */
	int64		file_size;
};

struct CfdwFetch
{
	CfdwStatement *statement;
	bool		is_shared;
	FetchKey	key;			/* while it is shared */
	int			readers;
	int64		keep_bytes;
	char	   *path;
	CfdwHttpRequest *request;	/* NULL: the body is in the file */
	CfdwHttpAnswer answer;		/* a copy, once the request is gone */
	bool		is_counted;		/* its body is part of kept_bytes */
	int64		file_offset;
	char	   *loaded;			/* the body, read back */
};

static dlist_head statements = DLIST_STATIC_INIT(statements);

/* ---- statements ---- */

static void
forget_statement(void *arg)
{
	dlist_delete(&((CfdwStatement *) arg)->node);
}

CfdwStatement *
cfdw_statement_create(void)
{
	CfdwStatement *statement = palloc0(sizeof(CfdwStatement));

	statement->cxt = CurrentMemoryContext;
	statement->on_reset.func = forget_statement;
	statement->on_reset.arg = statement;
	dlist_push_head(&statements, &statement->node);
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &statement->on_reset);
	return statement;
}

CfdwStatement *
cfdw_statement_of(EState *estate)
{
	MemoryContext old;
	CfdwStatement *statement;
	dlist_iter	iter;

	dlist_foreach(iter, &statements)
	{
		statement = dlist_container(CfdwStatement, node, iter.cur);
		if (statement->estate == estate)
			return statement;
	}
	old = MemoryContextSwitchTo(estate->es_query_cxt);
	statement = cfdw_statement_create();
	statement->estate = estate;
	MemoryContextSwitchTo(old);
	return statement;
}

void
cfdw_statement_share(CfdwStatement *statement)
{
	HASHCTL		ctl = {
		.keysize = sizeof(FetchKey),
		.entrysize = sizeof(FetchEntry),
		.hcxt = statement->cxt,
	};

	if (statement->fetches == NULL)
		statement->fetches = hash_create("connection_fdw memo", 64, &ctl,
										 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
cfdw_statement_join(CfdwStatement *statement, CfdwMember *member)
{
	MemoryContext old = MemoryContextSwitchTo(statement->cxt);

	statement->members = lappend(statement->members, member);
	MemoryContextSwitchTo(old);
}

void
cfdw_statement_leave(CfdwStatement *statement, CfdwMember *member)
{
	statement->members = list_delete_ptr(statement->members, member);
	if (statement->members != NIL || statement->file == NULL)
		return;
	BufFileClose(statement->file);
	statement->file = NULL;
}

void
cfdw_statement_start(CfdwStatement *statement, List *plans)
{
	ListCell   *lc;

	foreach(lc, plans ? statement->members : NIL)
	{
		CfdwMember *member = lfirst(lc);

		if (list_member_ptr(plans, member->node->ss.ps.plan))
			member->start(member->node);
	}
}

void
cfdw_statement_add_listings(CfdwStatement *statement, int scans)
{
	statement->listings += scans;
}

int
cfdw_statement_listings(const CfdwStatement *statement)
{
	return statement->listings;
}

int
cfdw_statement_requests(const CfdwStatement *statement)
{
	return statement->requests;
}

CfdwWriting **
cfdw_statement_writing(CfdwStatement *statement)
{
	return &statement->writing;
}

void
cfdw_statement_set_settle(CfdwStatement *statement, CfdwSettle settle)
{
	statement->settle = settle;
}

void
cfdw_statement_settle(CfdwStatement *statement)
{
	if (statement->settle != NULL)
		statement->settle(statement->writing);
}

/* ---- fetches ---- */

static FetchKey
key_of(Oid mapping, const char *path)
{
	FetchKey	key = {.mapping = mapping};

	key.hash = hash_bytes_extended((const unsigned char *) path, strlen(path), 0);
	return key;
}

static CfdwFetch *
begin_fetch(CfdwStatement *statement, const CfdwHttpPeer *peer, const char *path,
			int64 keep_bytes)
{
	MemoryContext old = MemoryContextSwitchTo(statement->cxt);
	CfdwFetch  *fetch = palloc0(sizeof(CfdwFetch));

	fetch->statement = statement;
	fetch->keep_bytes = keep_bytes;
	fetch->path = pstrdup(path);
	fetch->request = cfdw_http_start(peer, CFDW_GET, path, NULL, false);
	statement->requests++;
	MemoryContextSwitchTo(old);
	return fetch;
}

static FetchEntry *
find_entry(CfdwStatement *statement, const FetchKey *key)
{
	if (statement->fetches == NULL)
		return NULL;
	return hash_search(statement->fetches, key, HASH_FIND, NULL);
}

bool
cfdw_fetch_is_known(CfdwStatement *statement, Oid mapping, const char *path)
{
	FetchKey	key = key_of(mapping, path);
	FetchEntry *entry = find_entry(statement, &key);

	return entry != NULL && strcmp(entry->fetch->path, path) == 0;
}

CfdwFetch *
cfdw_fetch(CfdwStatement *statement, Oid mapping, const CfdwHttpPeer *peer,
		   const char *path, int64 keep_bytes, bool *shared)
{
	FetchKey	key = key_of(mapping, path);
	FetchEntry *entry = find_entry(statement, &key);
	CfdwFetch  *fetch;

	*shared = false;
	if (entry != NULL && strcmp(entry->fetch->path, path) == 0)
	{
		*shared = true;
		entry->fetch->readers++;
		return entry->fetch;
	}
	if (!cfdw_http_has_slot(peer))
		return NULL;
	fetch = begin_fetch(statement, peer, path, keep_bytes);
	fetch->readers = 1;
	if (statement->fetches != NULL && entry == NULL)
	{
		bool		found;

		fetch->is_shared = true;
		fetch->key = key;
		entry = hash_search(statement->fetches, &key, HASH_ENTER, &found);
		entry->fetch = fetch;
	}
	return fetch;
}

const char *
cfdw_fetch_path(const CfdwFetch *fetch)
{
	return fetch->path;
}

bool
cfdw_fetch_is_done(const CfdwFetch *fetch)
{
	return fetch->request == NULL || cfdw_http_is_done(fetch->request);
}

int64
cfdw_fetch_bytes(const CfdwFetch *fetch)
{
	if (fetch->request == NULL)
		return fetch->loaded ? fetch->answer.len : 0;
	return cfdw_http_bytes(fetch->request) + REQUEST_BYTES;
}

/* ---- the temporary file ---- */

static void
append_to_file(CfdwStatement *statement, const CfdwHttpAnswer *answer)
{
	if (statement->file == NULL)
		statement->file = BufFileCreateTemp(false);
	if (BufFileSeek(statement->file, 0, statement->file_size, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in the temporary file of a memo")));
	BufFileWrite(statement->file, unconstify(char *, answer->body), answer->len);
}

static void
write_out(CfdwFetch *fetch)
{
	CfdwStatement *statement = fetch->statement;
	const CfdwHttpAnswer *answer = cfdw_http_answer(fetch->request);
	MemoryContext old = MemoryContextSwitchTo(statement->cxt);

	if (answer->len > 0)
		append_to_file(statement, answer);
	MemoryContextSwitchTo(old);

	fetch->answer = *answer;
	fetch->answer.body = NULL;
	fetch->answer.remark = "";
	fetch->file_offset = statement->file_size;
	statement->file_size += answer->len;
	cfdw_http_release(fetch->request);
	fetch->request = NULL;
}

static void
read_back(CfdwFetch *fetch)
{
	CfdwStatement *statement = fetch->statement;

	fetch->loaded = MemoryContextAllocHuge(statement->cxt, fetch->answer.len + 1);
	if (BufFileSeek(statement->file, 0, fetch->file_offset, SEEK_SET) != 0 ||
		BufFileRead(statement->file, fetch->loaded, fetch->answer.len) != fetch->answer.len)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read the temporary file of a memo")));
	fetch->loaded[fetch->answer.len] = '\0';
	fetch->answer.body = fetch->loaded;
}

/* Whole answers are kept in memory while the bound allows. */
static void
keep(CfdwFetch *fetch)
{
	CfdwStatement *statement = fetch->statement;
	int64		len;

	if (fetch->request == NULL || fetch->is_counted || !cfdw_http_is_done(fetch->request))
		return;
	len = cfdw_http_answer(fetch->request)->len;
	if (statement->kept_bytes + len + REQUEST_BYTES > fetch->keep_bytes)
		write_out(fetch);
	else
	{
		statement->kept_bytes += len + REQUEST_BYTES;
		fetch->is_counted = true;
	}
}

/* ---- reading ---- */

const CfdwHttpAnswer *
cfdw_fetch_open(CfdwFetch *fetch)
{
	if (fetch->request != NULL)
		return cfdw_http_answer(fetch->request);
	if (fetch->loaded == NULL && fetch->answer.len > 0)
		read_back(fetch);
	else if (fetch->answer.len == 0)
		fetch->answer.body = "";
	return &fetch->answer;
}

/* Nobody awaits a request that is on its way: let it go. */
static void
unshare_unanswered(CfdwFetch *fetch)
{
	if (cfdw_fetch_is_done(fetch))
		return;
	(void) hash_search(fetch->statement->fetches, &fetch->key, HASH_REMOVE, NULL);
	fetch->is_shared = false;
}

void
cfdw_fetch_close(CfdwFetch *fetch)
{
	if (--fetch->readers > 0)
		return;
	if (fetch->is_shared)
		unshare_unanswered(fetch);
	if (fetch->is_shared)
	{
		keep(fetch);
		if (fetch->loaded != NULL)
			pfree(fetch->loaded);
		fetch->loaded = NULL;
		return;
	}
	if (fetch->request != NULL)
		cfdw_http_release(fetch->request);
	pfree(fetch->path);
	pfree(fetch);
}
