/*-------------------------------------------------------------------------
 *
 * crawl.c
 *	  A scan as a queue of requests: each answer yields rows and further
 *	  requests; window, pages, guards.
 *
 * A task is one thing to ask for: an object, an array, or the pages of a
 * listing, which it hands out one after the other.  Tasks wait in a queue
 * per depth; deeper ones go first, so that what was listed is used up before
 * more is listed.  A flight is a request on its way or an answer not yet
 * read.  Rows of an answer are given out when it is whole.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "crawl.h"

#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "text.h"
#include "utils/formatting.h"
#include "utils/memutils.h"

/* Depths of the queue: the steps of a route, then details. */
#define DETAIL_DEPTH CFDW_MAX_STEPS
#define DEPTHS (CFDW_MAX_STEPS + 1)

/*
 * Bytes that an element is expected to have before one was seen: more than
 * most, since a first wave of pages that turn out large cannot be recalled.
 */
#define EXPECTED_ELEMENT_BYTES 8192

/* Answers that go out together at first, however large they may be. */
#define FIRST_FLIGHTS 4

/* What the envelope of a list whose shape is open does not say. */
#define NOT_TOLD (-1)

/* While rows are read, transfers are pumped every so many of them. */
#define ROWS_PER_POLL 64

typedef struct Task
{
	dlist_node	node;			/* in a queue */
	const CfdwEndpoint *endpoint;
	int			depth;
	char		key[CFDW_UUID_TEXT_SIZE];	/* of the path; may be empty */
	char		company[CFDW_UUID_TEXT_SIZE];	/* where known */
	bool		is_listed;		/* the key came from a listing, not the query */
	const char *filter[CFDW_MAX_FILTERS];	/* values sent; NULL: none */

	/* pages of a listing */
	int			next_page;
	int			last_page;		/* known so far */
	int			flights;		/* on their way */
	bool		has_ended;		/* the end was seen: no further page */
	int64		total;			/* of the envelope; -1: no page yet */
	int64		per_page;
	int64		elements;		/* read so far */
	bool		warned;			/* that the listing changed */
	pg_uuid_t  *first_ids;		/* of the first element of each page read */
	int			first_count;

	/* do its elements carry the rows embedded in them? */
	bool		is_proven;

	CfdwCompanyRead *read;		/* what it or its listing tells; or NULL */
} Task;

typedef struct Flight
{
	dlist_node	node;
	Task	   *task;
	int			page;			/* 0: not a page */
	CfdwFetch  *fetch;
	bool		was_shared;
} Flight;

/* An element whose list of embedded rows is empty. */
typedef struct Unproven
{
	const CfdwJsonNode *element;
	char		key[CFDW_UUID_TEXT_SIZE];
} Unproven;

/* The envelope of a page. */
typedef struct Envelope
{
	int64		total;			/* these may be NOT_TOLD of a CFDW_SHAPE_LIST */
	int64		per_page;
	int64		pages;
	int64		page;
	bool		has_next;
	const CfdwJsonNode *items;
} Envelope;

struct CfdwCrawl
{
	CfdwCrawlSpec spec;
	CfdwCrawlCounts *counts;
	int			limit;			/* page size that is asked for */
	int			window;			/* flights wanted now */
	int			max_window;
	int64		expected_bytes[CFDW_SHAPES];	/* of the next answer */
	int64		promised;		/* rows given out or in the answer being read */
	int			last_depth;		/* of the step whose elements hold the rows */
	CfdwPath	company_path[DEPTHS];	/* where elements name their company */
	CfdwPath	match_path;		/* what picks elements of the first step */
	int			key_depth;		/* that elements of earlier steps are read to */
	int			row_depth;		/* that elements of the last step are read to */

	List	   *companies;		/* CfdwCompanyRead, with parents */

	/* working memory, shortest life last */
	MemoryContext cxt;			/* tasks and flights */
	MemoryContext page_cxt;		/* one answer */

	dlist_head	queue[DEPTHS];
	dlist_head	flights;
	int			flight_count;

	/* the answer that is being read */
	Flight	   *open;
	const char *path;			/* its request, for messages */
	CfdwJson   *json;			/* the element that is being read */
	const CfdwJsonNode *list;	/* of elements; NULL: the answer is one */
	const CfdwJsonNode *next;	/* element; NULL: none is left */
	const CfdwJsonNode *taken;	/* the element that is being read, there */
	bool		at_first;		/* no element of a page was read yet */
	int			rows_since_poll;
	List	   *unproven;		/* Unproven elements */

	/* in a crawl for totals: the listing that was opened */
	CfdwListing listing;
	bool		listing_is_due; /* it was not given out yet */

	/* the element whose embedded rows are being read */
	const CfdwJsonNode *parent;
	const CfdwJsonNode *embedded;
	const CfdwJsonNode *next_embedded;	/* NULL: none is left */
	const char *company;		/* of the answer, where it names none */
};

/* ---- values ---- */

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

int
cfdw_values_find(const CfdwValues *values, const char *text)
{
	const char **found = NULL;

	if (values->count > 0)
		found = bsearch(&text, values->values, values->count, sizeof(char *), compare_texts);
	return found ? found - values->values : -1;
}

static bool
values_hold(const CfdwValues *values, const char *text)
{
	return values->any || cfdw_values_find(values, text) >= 0;
}

void
cfdw_values_sort(CfdwValues *values)
{
	int			kept = 0;

	if (values->count > 1)
		qsort(values->values, values->count, sizeof(char *), compare_texts);
	for (int i = 0; i < values->count; i++)
		if (kept == 0 || strcmp(values->values[i], values->values[kept - 1]) != 0)
			values->values[kept++] = values->values[i];
	values->count = kept;
}

void
cfdw_values_intersect(CfdwValues *values, const CfdwValues *other)
{
	int			kept = 0;

	if (other->any)
		return;
	if (values->any)
	{
		*values = *other;
		return;
	}
	for (int i = 0; i < values->count; i++)
		if (values_hold(other, values->values[i]))
			values->values[kept++] = values->values[i];
	values->count = kept;
}

/* ---- refusals ---- */

static void
refuse(CfdwCrawl *crawl, CfdwCause cause, const char *remark)
{
	cfdw_statement_settle(crawl->spec.statement);
	cfdw_session_refuse(crawl->spec.session, crawl->spec.task, crawl->path, cause, remark);
}

/* ---- tasks ---- */

/* Begin to note what a company's listing tells. */
static CfdwCompanyRead *
note_company(CfdwCrawl *crawl, const char *company)
{
	MemoryContext old = MemoryContextSwitchTo(crawl->cxt);
	CfdwCompanyRead *read = palloc0(sizeof(CfdwCompanyRead));

	(void) cfdw_text_to_uuid(company, strlen(company), &read->company);
	read->is_whole = true;
	crawl->companies = lappend(crawl->companies, read);
	MemoryContextSwitchTo(old);
	return read;
}

static void
note_exists(Task *task)
{
	if (task->read != NULL)
		task->read->exists = true;
}

/* Something changed or went while the company was read. */
static void
note_change(Task *task)
{
	if (task->read != NULL)
		task->read->is_whole = false;
}

static Task *
make_task(CfdwCrawl *crawl, const CfdwEndpoint *endpoint, int depth, const char *key)
{
	Task	   *task = MemoryContextAllocZero(crawl->cxt, sizeof(Task));

	task->endpoint = endpoint;
	task->depth = depth;
	if (key != NULL)
		strlcpy(task->key, key, sizeof(task->key));
	task->next_page = 1;
	task->last_page = 1;
	task->total = -1;
	if (endpoint->key != NULL && strcmp(endpoint->key, "company_id") == 0)
		strlcpy(task->company, task->key, sizeof(task->company));
	if (crawl->spec.with_parents && endpoint->shape == CFDW_SHAPE_PAGES)
		task->read = note_company(crawl, task->company);
	dlist_push_tail(&crawl->queue[depth], &task->node);
	return task;
}

bool
cfdw_crawl_choose_filters(CfdwValues *filters, int pages, int share)
{
	double		most = Max(pages, 1);
	double		beyond = Max(most * share / 100 - 1, 0);	/* pages after the first
															 * ones */
	double		listings = 1;
	bool		all_sent = true;

	for (int i = 0; i < CFDW_MAX_FILTERS; i++)
	{
		if (filters[i].any || filters[i].count <= 1)
			continue;
		if (listings * filters[i].count + beyond <= most)
			listings *= filters[i].count;
		else
		{
			filters[i].any = true;
			all_sent = false;
		}
	}
	return all_sent;
}

/* Number of filter values to choose among; 1 stands for "not sent". */
static int
filter_choices(const CfdwCrawlSpec *spec, int filter)
{
	return spec->filters[filter].any ? 1 : spec->filters[filter].count;
}

static bool
has_filters(const CfdwCrawlSpec *spec)
{
	return !spec->filters[0].any || !spec->filters[1].any;
}

static bool
is_filtered(const Task *task)
{
	return task->filter[0] != NULL || task->filter[1] != NULL;
}

/* Queue the listings of a company: one for each combination of filters. */
static void
list_filtered(CfdwCrawl *crawl, const CfdwEndpoint *endpoint, int depth, const char *key,
			  bool is_listed)
{
	CfdwCrawlSpec *spec = &crawl->spec;

	for (int i = 0; i < filter_choices(spec, 0); i++)
		for (int j = 0; j < filter_choices(spec, 1); j++)
		{
			Task	   *task = make_task(crawl, endpoint, depth, key);

			task->is_listed = is_listed;
			task->filter[0] = spec->filters[0].any ? NULL : spec->filters[0].values[i];
			task->filter[1] = spec->filters[1].any ? NULL : spec->filters[1].values[j];
		}
	if (spec->totals && has_filters(spec))
		make_task(crawl, endpoint, depth, key)->is_listed = is_listed;
}

static void
queue_step(CfdwCrawl *crawl, int depth, const char *key, bool is_listed)
{
	const CfdwEndpoint *endpoint = crawl->spec.route->steps[depth];

	if (endpoint->filters[0].column != NULL)
		list_filtered(crawl, endpoint, depth, key, is_listed);
	else
		make_task(crawl, endpoint, depth, key)->is_listed = is_listed;
}

static void
queue_details(CfdwCrawl *crawl, Task *listing, const char *key, const char *company)
{
	Task	   *task = make_task(crawl, crawl->spec.route->detail, DETAIL_DEPTH, key);
	pg_uuid_t	uuid;

	/* messages show it, so it must be an id and nothing else */
	if (company == NULL || !cfdw_text_to_uuid(company, strlen(company), &uuid))
		company = listing->company;
	task->is_listed = true;
	if (task->company[0] == '\0')
		strlcpy(task->company, company, sizeof(task->company));
	task->read = listing->read;
}

static bool
in_scope(const CfdwCrawlSpec *spec, const char *company)
{
	pg_uuid_t	uuid;

	if (spec->scope_count < 0)
		return true;
	return cfdw_text_to_uuid(company, strlen(company), &uuid) &&
		cfdw_uuid_in(&uuid, spec->scope, spec->scope_count);
}

static void
queue_scope(CfdwCrawl *crawl, int depth)
{
	for (int i = 0; i < crawl->spec.scope_count; i++)
	{
		char		text[CFDW_UUID_TEXT_SIZE];

		cfdw_text_from_uuid(&crawl->spec.scope[i], text);
		queue_step(crawl, depth, text, false);
	}
}

/* Queue what the route begins with. */
static void
queue_start(CfdwCrawl *crawl)
{
	CfdwCrawlSpec *spec = &crawl->spec;
	const CfdwEndpoint *first = spec->route->steps[0];

	for (int i = 0; i < CFDW_MAX_FILTERS; i++)
		if (!spec->filters[i].any && spec->filters[i].count == 0)
			return;
	if ((!spec->bound.any && spec->bound.count == 0) || spec->scope_count == 0)
		return;
	if (first->key == NULL)
	{
		/* a scope names the companies: their list need not be read */
		if (spec->bound.any && spec->scope_count >= 0 && spec->route->steps[1] != NULL)
			queue_scope(crawl, 1);
		else
			queue_step(crawl, 0, NULL, false);
		return;
	}
	if (spec->bound.any)
		elog(ERROR, "route \"%s\" lacks the values that it is bound by", spec->route->name);
	for (int i = 0; i < spec->bound.count; i++)
	{
		const char *key = spec->bound.values[i];

		if (strcmp(first->key, "company_id") != 0 || in_scope(spec, key))
			queue_step(crawl, 0, key, false);
	}
}

static void
split_paths(CfdwCrawl *crawl)
{
	const CfdwRoute *route = crawl->spec.route;

	(void) cfdw_route_last(route, &crawl->last_depth);
	for (int depth = 0; depth <= crawl->last_depth; depth++)
		(void) cfdw_path_split(route->steps[depth]->company_path, &crawl->company_path[depth]);
	if (route->detail != NULL)
		(void) cfdw_path_split(route->detail->company_path, &crawl->company_path[DETAIL_DEPTH]);
	if (route->match != NULL)
		(void) cfdw_path_split(route->match, &crawl->match_path);
}

/* How deep elements are read: ids and companies always, the rest for rows. */
static void
choose_depths(CfdwCrawl *crawl)
{
	bool		embeds = crawl->spec.resource->embedded != NULL;

	crawl->key_depth = Max(1, crawl->match_path.count);
	if (embeds || crawl->spec.scope_count >= 0)
		for (int i = 0; i < DEPTHS; i++)
			crawl->key_depth = Max(crawl->key_depth, crawl->company_path[i].count);

	/* embedded rows are two levels down, below their list */
	crawl->row_depth = Max(crawl->key_depth, Max(1, crawl->spec.depth) + (embeds ? 2 : 0));
}

/* Values that are compared with answers, not sent, must be UTF-8 like those. */
static void
convert_matched(CfdwCrawl *crawl)
{
	CfdwValues *bound = &crawl->spec.bound;

	if (crawl->spec.route->match == NULL || bound->any)
		return;
	for (int i = 0; i < bound->count; i++)
		bound->values[i] = pg_server_to_any(bound->values[i], strlen(bound->values[i]), PG_UTF8);
	cfdw_values_sort(bound);
}

/*
 * What answers may hold at first: full pages of elements as large as the
 * session has seen.
 */
static void
expect_bytes(CfdwCrawl *crawl)
{
	CfdwSession *session = crawl->spec.session;
	int64		most = (int64) session->options.scan_memory * 1024 / FIRST_FLIGHTS;
	int64		element = session->element_bytes ? session->element_bytes : EXPECTED_ELEMENT_BYTES;

	for (int shape = 0; shape < CFDW_SHAPES; shape++)
		crawl->expected_bytes[shape] =
			Min(element * (shape == CFDW_SHAPE_OBJECT ? 1 : crawl->limit), most);
}

/* Learn from an answer how large the next one like it may be. */
static void
learn_bytes(CfdwCrawl *crawl, CfdwShape shape, int64 bytes)
{
	crawl->expected_bytes[shape] = Max(crawl->expected_bytes[shape] / 2, bytes);
}

/* Learn from a page how large elements are. */
static void
learn_element(CfdwCrawl *crawl, int64 bytes, int64 count)
{
	CfdwSession *session = crawl->spec.session;

	if (count > 0)
		session->element_bytes = Max(session->element_bytes / 2, bytes / count);
}

void
cfdw_crawl_spec_init(CfdwCrawlSpec *spec, CfdwStatement *statement, CfdwSession *session,
					 const CfdwResource *resource, const char *task)
{
	memset(spec, 0, sizeof(CfdwCrawlSpec));
	spec->statement = statement;
	spec->session = session;
	spec->resource = resource;
	spec->route = cfdw_resource_route(resource, NULL);
	spec->task = task;
	spec->bound.any = true;
	for (int i = 0; i < CFDW_MAX_FILTERS; i++)
		spec->filters[i].any = true;
	spec->scope = session->companies;
	spec->scope_count = session->company_count;
}

CfdwCrawl *
cfdw_crawl_begin(const CfdwCrawlSpec *spec, CfdwCrawlCounts *counts)
{
	CfdwCrawl  *crawl = palloc0(sizeof(CfdwCrawl));
	CfdwOptions *options = &spec->session->options;

	crawl->spec = *spec;
	crawl->counts = counts;
	crawl->cxt = CurrentMemoryContext;
	crawl->page_cxt = AllocSetContextCreate(CurrentMemoryContext, "connection_fdw page",
											ALLOCSET_DEFAULT_SIZES);
	crawl->limit = options->page_size;
	crawl->max_window = options->max_concurrency;
	crawl->window = spec->ramp ? 1 : crawl->max_window;
	dlist_init(&crawl->flights);
	for (int i = 0; i < DEPTHS; i++)
		dlist_init(&crawl->queue[i]);
	if (spec->totals)
		crawl->limit = 1;
	else if (spec->demand > 0 && spec->demand < crawl->limit)
		crawl->limit = spec->demand;
	expect_bytes(crawl);
	split_paths(crawl);
	choose_depths(crawl);
	convert_matched(crawl);
	queue_start(crawl);
	return crawl;
}

/* ---- flights ---- */

static void
append_param(StringInfo path, char *separator, const char *name, const char *value)
{
	appendStringInfo(path, "%c%s=", *separator, name);
	cfdw_text_percent_encode(path, value);
	*separator = '&';
}

/* The path of a task's next request, below the base URL. */
static char *
make_path(CfdwCrawl *crawl, const Task *task)
{
	const CfdwEndpoint *endpoint = task->endpoint;
	char		separator = '?';
	StringInfoData key;
	StringInfoData path;

	initStringInfo(&key);
	cfdw_text_percent_encode(&key, task->key);
	initStringInfo(&path);
	cfdw_endpoint_append_path(&path, endpoint, key.data);
	pfree(key.data);
	for (int i = 0; i < CFDW_MAX_FILTERS; i++)
		if (task->filter[i] != NULL)
			append_param(&path, &separator, endpoint->filters[i].param, task->filter[i]);
	if (endpoint->shape == CFDW_SHAPE_PAGES)
	{
		append_param(&path, &separator, "limit", psprintf("%d", crawl->limit));
		append_param(&path, &separator, "page", psprintf("%d", task->next_page));
	}

	/* nothing says how such a list is asked for but that it comes unasked */
	if (endpoint->shape == CFDW_SHAPE_LIST && task->next_page > 1)
		append_param(&path, &separator, "page", psprintf("%d", task->next_page));
	return path.data;
}

/* A task is queued as long as it is known to hold a request not yet sent. */
static bool
has_next_request(const Task *task)
{
	return !task->has_ended && task->next_page <= task->last_page;
}

static Task *
next_task(CfdwCrawl *crawl)
{
	for (int depth = DEPTHS - 1; depth >= 0; depth--)
		if (!dlist_is_empty(&crawl->queue[depth]))
			return dlist_head_element(Task, node, &crawl->queue[depth]);
	return NULL;
}

/* Put a task into its queue or take it out, after what is known changed. */
static void
requeue(CfdwCrawl *crawl, Task *task, bool was_queued)
{
	bool		is_queued = has_next_request(task);

	if (was_queued && !is_queued)
		dlist_delete(&task->node);
	else if (is_queued && !was_queued)
		dlist_push_tail(&crawl->queue[task->depth], &task->node);
}

static void
check_request_limit(CfdwCrawl *crawl, const char *path)
{
	CfdwSession *session = crawl->spec.session;
	int			most = session->options.max_requests;

	if (most == 0 || cfdw_statement_requests(crawl->spec.statement) < most ||
		cfdw_fetch_is_known(crawl->spec.statement, session->mapping, path))
		return;
	cfdw_statement_settle(crawl->spec.statement);
	cfdw_session_refuse(session, crawl->spec.task, path, CFDW_REQUEST_LIMIT,
						psprintf("it is held to %d", most));
}

/* May the endpoint answer in pages? */
static bool
has_pages(const CfdwEndpoint *endpoint)
{
	return endpoint->shape == CFDW_SHAPE_PAGES || endpoint->shape == CFDW_SHAPE_LIST;
}

/* Send a task's next request; false when no slot is free. */
static bool
take_off(CfdwCrawl *crawl, Task *task)
{
	CfdwSession *session = crawl->spec.session;
	char	   *path = make_path(crawl, task);
	int64		keep_bytes = (int64) session->options.scan_memory * 1024;
	bool		shared;
	CfdwFetch  *fetch;

	check_request_limit(crawl, path);
	fetch = cfdw_fetch(crawl->spec.statement, session->mapping, &session->peer, path, keep_bytes,
					   &shared);
	if (fetch != NULL)
	{
		Flight	   *flight = MemoryContextAllocZero(crawl->cxt, sizeof(Flight));

		flight->task = task;
		flight->page = has_pages(task->endpoint) ? task->next_page : 0;
		flight->fetch = fetch;
		flight->was_shared = shared;
		dlist_push_tail(&crawl->flights, &flight->node);
		crawl->flight_count++;
		task->next_page++;
		task->flights++;
		requeue(crawl, task, true);
		crawl->counts->requests += shared ? 0 : 1;
	}
	pfree(path);
	return fetch != NULL;
}

/* Bytes of answers that are not yet read to their end, or expected to come. */
static int64
bytes_ahead(CfdwCrawl *crawl)
{
	int64		bytes = crawl->open ? cfdw_fetch_bytes(crawl->open->fetch) : 0;
	dlist_iter	iter;

	dlist_foreach(iter, &crawl->flights)
	{
		Flight	   *flight = dlist_container(Flight, node, iter.cur);

		int64		held = cfdw_fetch_bytes(flight->fetch);

		bytes += cfdw_fetch_is_done(flight->fetch) ? held :
			Max(held, crawl->expected_bytes[flight->task->endpoint->shape]);
	}
	return bytes;
}

/* Rows that an answer on its way may bring at most, as far as one can tell. */
static double
rows_expected(CfdwCrawl *crawl, const Task *task)
{
	double		elements = task->endpoint->shape == CFDW_SHAPE_OBJECT ? 1 : crawl->limit;

	return task->depth < crawl->last_depth ? 0 :
		elements * Max(crawl->spec.resource->rows_per_element, 1);
}

/*
 * Under a demand: may the rows at hand and on their way be too few?  Where
 * they are embedded nobody knows how many an answer holds before it was read.
 */
static bool
wants_more(CfdwCrawl *crawl)
{
	double		rows = crawl->promised;
	dlist_iter	iter;

	if (crawl->spec.demand == 0)
		return true;
	if (crawl->spec.resource->embedded != NULL && crawl->open != NULL)
		return false;
	dlist_foreach(iter, &crawl->flights)
		rows += rows_expected(crawl, dlist_container(Flight, node, iter.cur)->task);
	return rows < crawl->spec.demand;
}

/*
 * Flights that may be on their way at once.  Under a LIMIT the answer being
 * read has a place in the window, because it may be all that is wanted; but
 * a demand knows how many of a listing's pages it takes.
 */
static int
flights_wanted(CfdwCrawl *crawl, const Task *task)
{
	if (crawl->spec.demand > 0 && task->total >= 0)
		return crawl->max_window;
	return crawl->spec.ramp && crawl->open != NULL ? crawl->window - 1 : crawl->window;
}

/* One request is always let through; more while their answers fit. */
static bool
may_take_off(CfdwCrawl *crawl, const Task *task)
{
	int64		memory = (int64) crawl->spec.session->options.scan_memory * 1024;

	/* the rest is for what reading takes, and for libcurl's own buffers */
	int64		room = memory / 4 * 3;

	if (crawl->open == NULL && crawl->flight_count == 0)
		return true;
	return wants_more(crawl) && crawl->flight_count < flights_wanted(crawl, task) &&
		bytes_ahead(crawl) + crawl->expected_bytes[task->endpoint->shape] <= room;
}

static void
fill_window(CfdwCrawl *crawl)
{
	Task	   *task;

	while ((task = next_task(crawl)) != NULL && may_take_off(crawl, task))
		if (!take_off(crawl, task))
			break;
}

/* The first answer that is whole; NULL when there is none yet. */
static Flight *
find_landed(CfdwCrawl *crawl)
{
	dlist_iter	iter;

	dlist_foreach(iter, &crawl->flights)
	{
		Flight	   *flight = dlist_container(Flight, node, iter.cur);

		if (cfdw_fetch_is_done(flight->fetch))
			return flight;
	}
	return NULL;
}

/* ---- reading an answer ---- */

static void
count_answer(CfdwCrawl *crawl, const Flight *flight, const CfdwHttpAnswer *answer)
{
	crawl->counts->pages++;
	if (flight->was_shared)
	{
		crawl->counts->shared++;
		return;
	}
	crawl->counts->bytes += answer->bytes;
	crawl->counts->retries += answer->tries - 1;
}

/* What was just listed is gone. */
static void
warn_gone(CfdwCrawl *crawl, Task *task)
{
	note_exists(task);
	note_change(task);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("%s \"%s\" was listed by server \"%s\" but is gone",
					task->depth == DETAIL_DEPTH ? task->endpoint->element : "company",
					task->key, crawl->spec.session->server_name)));
}

/*
 * A value of the query that does not exist yields no rows; something that
 * was just listed is gone, which is worth a warning.
 */
static bool
is_nothing(CfdwCrawl *crawl, const Flight *flight, const CfdwHttpAnswer *answer)
{
	if (answer->cause != CFDW_NOT_FOUND || flight->task->key[0] == '\0' || flight->page > 1 ||
		!cfdw_session_is_api_404(answer))
		return false;
	if (flight->task->is_listed)
		warn_gone(crawl, flight->task);
	return true;
}

static void
refuse_forbidden(CfdwCrawl *crawl, const Flight *flight, const CfdwHttpAnswer *answer)
{
	CfdwFailure failure;

	cfdw_statement_settle(crawl->spec.statement);
	cfdw_session_failure(crawl->spec.session, crawl->spec.task, CFDW_GET, crawl->path, answer,
						 &failure);
	if (flight->task->company[0] != '\0')
		failure.remark = psprintf("company \"%s\"%s%s", flight->task->company,
								  failure.remark ? ": " : "",
								  failure.remark ? failure.remark : "");
	cfdw_raise(&failure);
}

/* What the answer of a flight is; of a list whose shape is open, the first byte tells. */
static CfdwShape
shape_of(const Flight *flight, const CfdwHttpAnswer *answer)
{
	CfdwShape	shape = flight->task->endpoint->shape;

	if (shape == CFDW_SHAPE_LIST && flight->page == 1 &&
		answer->len > 0 && answer->body[strspn(answer->body, " \t\r\n")] == '[')
		return CFDW_SHAPE_ARRAY;
	return shape;
}

/* Depth of the elements in a body. */
static int
element_depth(CfdwShape shape)
{
	switch (shape)
	{
		case CFDW_SHAPE_OBJECT:
			return 0;
		case CFDW_SHAPE_ARRAY:
			return 1;
		case CFDW_SHAPE_LIST:
		case CFDW_SHAPE_PAGES:
			return 2;
	}
	return 0;
}

/* The body down to its elements, or an error that says where it breaks. */
static const CfdwJsonNode *
check_body(CfdwCrawl *crawl, const CfdwHttpAnswer *answer, CfdwShape shape)
{
	CfdwSpan	text = {answer->body, answer->len};
	int			depth = element_depth(shape);
	CfdwJsonDefect defect;
	const CfdwJsonNode *body = cfdw_json_read(cfdw_json_create(), text, depth, depth, &defect);

	if (body != NULL)
		return body;
	if (answer->len > 0 && answer->body[strspn(answer->body, " \t\r\n")] == '<')
		defect = (CfdwJsonDefect) {"it looks like HTML", answer->len};
	refuse(crawl, CFDW_MALFORMED, defect.offset == answer->len ?
		   psprintf("%s (%zu bytes)", defect.why, answer->len) :
		   psprintf("%s (byte %zu of %zu)", defect.why, defect.offset + 1, answer->len));
	return NULL;
}

static int64
want_int(CfdwCrawl *crawl, const CfdwJsonNode *body, const char *name)
{
	int64		number = 0;

	if (!cfdw_json_int(cfdw_json_member(body, name), &number))
		refuse(crawl, CFDW_WRONG_SHAPE, psprintf("\"%s\" is missing or no number", name));
	return number;
}

static bool
want_bool(CfdwCrawl *crawl, const CfdwJsonNode *body, const char *name)
{
	const CfdwJsonNode *value = cfdw_json_member(body, name);

	if (cfdw_json_kind(value) != CFDW_JSON_BOOL)
		refuse(crawl, CFDW_WRONG_SHAPE, psprintf("\"%s\" is missing or no boolean", name));
	return cfdw_json_bool(value);
}

static Envelope
read_envelope(CfdwCrawl *crawl, const CfdwEndpoint *endpoint, const CfdwJsonNode *body)
{
	Envelope	envelope;

	envelope.total = want_int(crawl, body, endpoint->total);
	envelope.per_page = want_int(crawl, body, "perPage");
	envelope.pages = want_int(crawl, body, "totalPages");
	envelope.page = want_int(crawl, body, "currentPage");
	envelope.has_next = want_bool(crawl, body, "hasNext");
	envelope.items = cfdw_json_member(body, endpoint->items);
	if (envelope.items == NULL)
		refuse(crawl, CFDW_WRONG_SHAPE, psprintf("\"%s\" is missing", endpoint->items));
	return envelope;
}

static bool
is_told(const CfdwJsonNode *body, const char *name)
{
	return cfdw_json_kind(cfdw_json_member(body, name)) != CFDW_JSON_NULL;
}

static int64
may_have_int(CfdwCrawl *crawl, const CfdwJsonNode *body, const char *name)
{
	return is_told(body, name) ? want_int(crawl, body, name) : NOT_TOLD;
}

/*
 * The list in an envelope of which no documentation says how it is called: by
 * its likely name, or as the only array there is.  An empty array that could
 * be anything is not believed to be the list.
 */
static const CfdwJsonNode *
find_items(CfdwCrawl *crawl, const CfdwEndpoint *endpoint, const CfdwJsonNode *body, bool is_paged)
{
	const CfdwJsonNode *found = cfdw_json_member(body, endpoint->items);
	int			arrays = 0;

	if (found != NULL)
		return found;
	for (const CfdwJsonNode *member = cfdw_json_first(body); member; member = cfdw_json_next(body, member))
		if (cfdw_json_kind(member) == CFDW_JSON_ARRAY)
		{
			found = member;
			arrays++;
		}
	if (arrays != 1 || (cfdw_json_first(found) == NULL && !is_paged))
		refuse(crawl, CFDW_WRONG_SHAPE, psprintf("\"%s\" is missing", endpoint->items));
	return found;
}

/* Does the member say that a list goes on, in words of its own? */
static bool
says_more(const CfdwJsonNode *member)
{
	CfdwSpan	name = cfdw_json_key(member);
	char	   *word = asc_tolower(name.at, name.len);
	CfdwJsonKind kind = cfdw_json_kind(member);

	if (strstr(word, "next") == NULL && strstr(word, "cursor") == NULL && strstr(word, "more") == NULL)
		return false;
	if (kind == CFDW_JSON_BOOL)
		return cfdw_json_bool(member);
	return kind >= CFDW_JSON_ARRAY || (kind != CFDW_JSON_NULL && cfdw_json_text(member).len > 0);
}

/*
 * Rows could be missing where a list goes on in a way that nobody documented,
 * in the envelope or in an object that it has for paging.
 */
static void
guard_end(CfdwCrawl *crawl, const CfdwJsonNode *object, bool is_outer)
{
	for (const CfdwJsonNode *member = cfdw_json_first(object); member; member = cfdw_json_next(object, member))
	{
		if (says_more(member))
			refuse(crawl, CFDW_WRONG_PAGE, "it is not all of the list, and how to ask for more is not known");
		if (is_outer && cfdw_json_kind(member) == CFDW_JSON_OBJECT)
			guard_end(crawl, member, false);
	}
}

/* An envelope of which only the list is sure to be there. */
static Envelope
read_open_envelope(CfdwCrawl *crawl, const Flight *flight, const CfdwJsonNode *body)
{
	const CfdwEndpoint *endpoint = flight->task->endpoint;
	Envelope	envelope = {
		.total = may_have_int(crawl, body, endpoint->total),
		.per_page = may_have_int(crawl, body, "perPage"),
		.pages = may_have_int(crawl, body, "totalPages"),
		.page = may_have_int(crawl, body, "currentPage"),
	};
	bool		is_paged = envelope.total >= 0 || envelope.pages >= 0 || is_told(body, "hasNext");

	envelope.items = find_items(crawl, endpoint, body, is_paged);
	if (envelope.page < 0)
		envelope.page = flight->page;
	if (is_told(body, "hasNext"))
		envelope.has_next = want_bool(crawl, body, "hasNext");
	else if (envelope.pages >= 0)
		envelope.has_next = envelope.page < envelope.pages;
	else
		guard_end(crawl, body, true);
	if (envelope.pages < 0)
		envelope.pages = envelope.page;
	return envelope;
}

static void
warn_shrunk(CfdwCrawl *crawl, Task *task, int page)
{
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the listing of company \"%s\" shrank while it was read from server \"%s\"",
					task->key, crawl->spec.session->server_name),
			 errdetail("Page %d is past its end; %ss may have been missed.", page,
					   task->endpoint->element)));
}

static void
warn_changed(CfdwCrawl *crawl, Task *task, int64 total)
{
	if (task->warned)
		return;
	task->warned = true;
	note_change(task);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the listing of company \"%s\" changed while it was read from server \"%s\"",
					task->key, crawl->spec.session->server_name),
			 errdetail("It had %lld %ss, then %lld.", (long long) task->total,
					   task->endpoint->element, (long long) total)));
}

/* Begin to read a list of elements; how many there are. */
static int64
open_list(CfdwCrawl *crawl, const CfdwJsonNode *list)
{
	if (cfdw_json_kind(list) != CFDW_JSON_ARRAY)
		refuse(crawl, CFDW_WRONG_SHAPE, "the list of elements is no array");
	crawl->list = list;
	crawl->next = cfdw_json_first(list);
	return cfdw_json_length(list);
}

/* Elements that a page may hold: its envelope says so, and what was asked for. */
static int64
most_elements(CfdwCrawl *crawl, const Task *task, const Envelope *envelope)
{
	if (task->endpoint->shape == CFDW_SHAPE_PAGES)
		return Min(envelope->per_page, crawl->limit);
	return envelope->per_page >= 0 ? envelope->per_page : PG_INT64_MAX;
}

/*
 * Is this the page that was asked for?  False when it is the last page once
 * more, because the listing shrank.  Whatever else is off is an error: rows
 * could be missing.
 */
static bool
guard_page(CfdwCrawl *crawl, const Flight *flight, const Envelope *envelope, int64 count)
{
	Task	   *task = flight->task;

	if (envelope->page < flight->page && !envelope->has_next &&
		envelope->page == Max(envelope->pages, 1))
	{
		if (!task->warned)
			warn_shrunk(crawl, task, flight->page);
		task->warned = true;
		note_change(task);
		task->has_ended = true;
		return false;
	}
	if (envelope->page != flight->page)
		refuse(crawl, CFDW_WRONG_PAGE,
			   psprintf("page %d was asked for, page %lld came", flight->page,
						(long long) envelope->page));
	if (task->first_count > 0 && envelope->per_page != task->per_page)
		refuse(crawl, CFDW_WRONG_PAGE, "\"perPage\" changed between pages");
	if (count > most_elements(crawl, task, envelope))
		refuse(crawl, CFDW_WRONG_PAGE,
			   psprintf("it holds %lld elements, more than a page", (long long) count));
	if (envelope->has_next && (count < envelope->per_page || count == 0))
		refuse(crawl, CFDW_WRONG_PAGE,
			   envelope->per_page < 0 ? "it holds no elements, but is not the last page" :
			   psprintf("it holds %lld of %lld elements, but is not the last page",
						(long long) count, (long long) envelope->per_page));
	if (!envelope->has_next && envelope->pages > envelope->page)
		refuse(crawl, CFDW_WRONG_PAGE, "\"hasNext\" is false before the last page");
	return true;
}

/* Learn from an envelope how far the listing goes. */
static void
follow_pages(CfdwCrawl *crawl, Task *task, const Envelope *envelope)
{
	if (task->total >= 0 && envelope->total >= 0 && task->total != envelope->total)
		warn_changed(crawl, task, envelope->total);
	if (envelope->total >= 0)
		task->total = envelope->total;
	task->per_page = envelope->per_page;
	task->last_page = Max(task->last_page, (int) Min(envelope->pages, INT_MAX - 1));
	if (envelope->has_next)
		task->last_page = Max(task->last_page, (int) envelope->page + 1);
	else
		task->has_ended = true;
}

/*
 * All pages were read: are all elements here?  Nobody can say when the
 * listing changed meanwhile, nor whether the total of a filtered one counts
 * what the filter left.
 */
static void
guard_total(CfdwCrawl *crawl, const Task *task)
{
	if (!task->has_ended || task->flights > 0 || task->warned ||
		is_filtered(task) || task->total < 0 || task->elements == task->total)
		return;
	refuse(crawl, CFDW_WRONG_PAGE,
		   psprintf("the listing holds %lld of %lld elements", (long long) task->elements,
					(long long) task->total));
}

/* Elements that are rows themselves are at hand once their answer is. */
static void
promise_rows(CfdwCrawl *crawl, const Task *task, int64 count)
{
	if (crawl->spec.resource->embedded == NULL && task->depth >= crawl->last_depth)
		crawl->promised += count;
}

/* The first page, of one element, tells the total; no other is asked for. */
static void
open_total(CfdwCrawl *crawl, Task *task, const Envelope *envelope, int64 count)
{
	CfdwListing *listing = &crawl->listing;

	task->has_ended = true;
	(void) cfdw_text_to_uuid(task->key, strlen(task->key), &listing->company);
	listing->is_comparison = has_filters(&crawl->spec) && !is_filtered(task);
	listing->has_row = count > 0;
	listing->total = envelope->total;
	if (count > 1 || envelope->page != 1 || (envelope->total > 0) != (count > 0) ||
		envelope->has_next != (envelope->total > 1))
		listing->total = -1;
	crawl->listing_is_due = true;
}

static void
open_pages(CfdwCrawl *crawl, const Flight *flight, const CfdwJsonNode *body)
{
	const CfdwEndpoint *endpoint = flight->task->endpoint;
	bool		was_queued = has_next_request(flight->task);
	Envelope	envelope;
	int64		count;

	if (cfdw_json_kind(body) != CFDW_JSON_OBJECT)
		refuse(crawl, CFDW_WRONG_SHAPE, "it is no object");
	envelope = endpoint->shape == CFDW_SHAPE_PAGES ? read_envelope(crawl, endpoint, body) :
		read_open_envelope(crawl, flight, body);
	count = open_list(crawl, envelope.items);

	if (crawl->spec.totals)
	{
		open_total(crawl, flight->task, &envelope, count);
		requeue(crawl, flight->task, was_queued);
		return;
	}
	if (guard_page(crawl, flight, &envelope, count))
	{
		flight->task->elements += count;
		promise_rows(crawl, flight->task, count);
		if (endpoint->shape == CFDW_SHAPE_PAGES)
			learn_element(crawl, cfdw_fetch_open(flight->fetch)->len, count);
		follow_pages(crawl, flight->task, &envelope);
		crawl->at_first = true;
	}
	else
		crawl->next = NULL;
	requeue(crawl, flight->task, was_queued);
	guard_total(crawl, flight->task);
}

static void
open_body(CfdwCrawl *crawl, const Flight *flight, const CfdwHttpAnswer *answer)
{
	CfdwShape	shape = shape_of(flight, answer);
	const CfdwJsonNode *body = check_body(crawl, answer, shape);

	switch (shape)
	{
		case CFDW_SHAPE_OBJECT:
			crawl->next = body;
			promise_rows(crawl, flight->task, 1);
			break;
		case CFDW_SHAPE_ARRAY:
			promise_rows(crawl, flight->task, open_list(crawl, body));
			break;
		case CFDW_SHAPE_LIST:
		case CFDW_SHAPE_PAGES:
			open_pages(crawl, flight, body);
			break;
	}
}

/* Begin to read the answer of a flight; it may turn out to hold nothing. */
static void
open_flight(CfdwCrawl *crawl, Flight *flight)
{
	MemoryContext old;
	const CfdwHttpAnswer *answer;

	dlist_delete(&flight->node);
	crawl->flight_count--;
	flight->task->flights--;
	crawl->open = flight;
	MemoryContextReset(crawl->page_cxt);
	old = MemoryContextSwitchTo(crawl->page_cxt);
	answer = cfdw_fetch_open(flight->fetch);
	crawl->path = cfdw_fetch_path(flight->fetch);
	crawl->json = cfdw_json_create();
	crawl->company = flight->task->company[0] ? flight->task->company : NULL;
	crawl->unproven = NIL;
	crawl->list = NULL;
	crawl->next = NULL;
	crawl->at_first = false;
	crawl->next_embedded = NULL;
	count_answer(crawl, flight, answer);
	if (answer->cause == CFDW_FORBIDDEN)
		refuse_forbidden(crawl, flight, answer);
	if (answer->cause == CFDW_OK)
	{
		note_exists(flight->task);
		learn_bytes(crawl, flight->task->endpoint->shape, answer->len);
		open_body(crawl, flight, answer);
	}
	else if (!is_nothing(crawl, flight, answer))
	{
		cfdw_statement_settle(crawl->spec.statement);
		cfdw_session_raise(crawl->spec.session, crawl->spec.task, CFDW_GET, crawl->path, answer);
	}
	MemoryContextSwitchTo(old);
}

static void
free_task(Task *task)
{
	if (task->first_ids != NULL)
		pfree(task->first_ids);
	pfree(task);
}

/* The answer was read: ask for what it left unproven, widen the window. */
static void
close_flight(CfdwCrawl *crawl)
{
	Flight	   *flight = crawl->open;
	ListCell   *lc;

	if (!flight->task->is_proven)
		foreach(lc, crawl->unproven)
			queue_details(crawl, flight->task, ((Unproven *) lfirst(lc))->key, NULL);
	crawl->unproven = NIL;
	crawl->open = NULL;
	cfdw_fetch_close(flight->fetch);
	if (flight->task->flights == 0 && !has_next_request(flight->task))
		free_task(flight->task);
	pfree(flight);
	crawl->window = Min(crawl->window * 2, crawl->max_window);
}

/* ---- elements ---- */

/*
 * The next element, not parsed yet; NULL when none is left.  Those without
 * rows that were put aside come once more if the answer proved them right.
 */
static const CfdwJsonNode *
take_element(CfdwCrawl *crawl)
{
	const CfdwJsonNode *element = crawl->next;

	if (element != NULL)
		crawl->next = crawl->list ? cfdw_json_next(crawl->list, element) : NULL;
	else if (crawl->unproven != NIL && crawl->spec.with_parents && crawl->open->task->is_proven)
	{
		element = ((Unproven *) llast(crawl->unproven))->element;
		crawl->unproven = list_delete_last(crawl->unproven);
	}
	crawl->taken = element;
	return element;
}

/* Parse the next element; NULL when none is left. */
static const CfdwJsonNode *
next_element(CfdwCrawl *crawl)
{
	bool		is_last = crawl->open->task->depth >= crawl->last_depth;
	const CfdwJsonNode *element = take_element(crawl);

	if (element == NULL)
		return NULL;
	if (cfdw_json_kind(element) != CFDW_JSON_OBJECT)
		refuse(crawl, CFDW_WRONG_SHAPE, "an element is not an object");
	return cfdw_json_reread(crawl->json, element, is_last ? crawl->row_depth : crawl->key_depth);
}

/* The text of the scalar at a path, as UTF-8; false when there is none. */
static bool
text_at(const CfdwJsonNode *node, const CfdwPath *path, CfdwSpan *text)
{
	const CfdwJsonNode *value = cfdw_json_at(node, path);
	CfdwJsonKind kind = cfdw_json_kind(value);

	if (kind == CFDW_JSON_NULL || kind == CFDW_JSON_ARRAY || kind == CFDW_JSON_OBJECT)
		return false;
	*text = cfdw_json_text(value);
	return true;
}

/* The company that an element names, palloc'd; NULL: none. */
static const char *
company_of(CfdwCrawl *crawl, const CfdwJsonNode *node)
{
	CfdwSpan	text;

	if (!text_at(node, &crawl->company_path[crawl->open->task->depth], &text))
		return NULL;
	return pnstrdup(text.at, text.len);
}

/* The id that every element must have. */
static pg_uuid_t
element_id(CfdwCrawl *crawl, const CfdwJsonNode *node)
{
	const CfdwJsonNode *id = cfdw_json_member(node, "id");
	pg_uuid_t	uuid;
	CfdwSpan	text;

	if (cfdw_json_kind(id) != CFDW_JSON_STRING ||
		(text = cfdw_json_text(id), !cfdw_text_to_uuid(text.at, text.len, &uuid)))
		refuse(crawl, CFDW_WRONG_SHAPE, "an element has no id");
	return uuid;
}

/* Two pages that begin alike are one page given twice, whatever they say. */
static void
guard_first(CfdwCrawl *crawl, const pg_uuid_t *id)
{
	Task	   *task = crawl->open->task;

	crawl->at_first = false;
	for (int i = 0; i < task->first_count; i++)
		if (cfdw_uuid_cmp(&task->first_ids[i], id) == 0)
			refuse(crawl, CFDW_WRONG_PAGE, "it begins with the element that another page began with");
	if (task->first_ids == NULL)
		task->first_ids = MemoryContextAlloc(crawl->cxt, sizeof(pg_uuid_t));
	else
		task->first_ids = repalloc(task->first_ids, sizeof(pg_uuid_t) * (task->first_count + 1));
	task->first_ids[task->first_count++] = *id;
}

/* An object must be the one that was asked for. */
static void
guard_object(CfdwCrawl *crawl, const pg_uuid_t *id)
{
	pg_uuid_t	asked;

	if (cfdw_text_to_uuid(crawl->open->task->key, strlen(crawl->open->task->key), &asked) &&
		cfdw_uuid_cmp(&asked, id) != 0)
		refuse(crawl, CFDW_WRONG_SHAPE, "it is another object than the one asked for");
}

/* Outside the scope there are no rows; what names no company is an error then. */
static bool
element_in_scope(CfdwCrawl *crawl, const CfdwJsonNode *node)
{
	const char *company;

	if (crawl->spec.scope_count < 0)
		return true;
	company = company_of(crawl, node);
	if (company == NULL)
		company = crawl->company;
	if (company == NULL)
		refuse(crawl, CFDW_WRONG_SHAPE, "an element names no company, which company_ids asks for");
	return in_scope(&crawl->spec, company);
}

/* Follow an element of a step that is not the last. */
static void
follow_element(CfdwCrawl *crawl, const CfdwJsonNode *node, const pg_uuid_t *id)
{
	char		key[CFDW_UUID_TEXT_SIZE];

	if (crawl->spec.route->match != NULL)
	{
		CfdwSpan	text;

		if (!text_at(node, &crawl->match_path, &text) ||
			!values_hold(&crawl->spec.bound, pnstrdup(text.at, text.len)))
			return;
	}
	cfdw_text_from_uuid(id, key);
	if (element_in_scope(crawl, node))
		queue_step(crawl, crawl->open->task->depth + 1, key, true);
}

static int
accounts_source(CfdwCrawl *crawl)
{
	if (!crawl->spec.resource->has_source_option)
		return CFDW_ACCOUNTS_AUTO;
	return crawl->spec.session->options.accounts_source;
}

/* An element without rows may only seem so; what is read of its answer later tells. */
static void
put_aside(CfdwCrawl *crawl, const char *key)
{
	Unproven   *unproven = palloc(sizeof(Unproven));

	unproven->element = crawl->taken;
	strlcpy(unproven->key, key, sizeof(unproven->key));
	crawl->unproven = lappend(crawl->unproven, unproven);
}

/*
 * Begin to read an element's embedded rows; false when they are not here and
 * must be looked up, or may have to.
 */
static bool
open_embedded(CfdwCrawl *crawl, const CfdwJsonNode *node, const pg_uuid_t *id)
{
	Task	   *task = crawl->open->task;
	const CfdwJsonNode *list = cfdw_json_member(node, crawl->spec.resource->embedded);
	bool		is_there = cfdw_json_kind(list) == CFDW_JSON_ARRAY;
	bool		is_empty = !is_there || cfdw_json_first(list) == NULL;
	bool		may_look_up = task->depth != DETAIL_DEPTH && crawl->spec.route->detail != NULL;
	int			source = accounts_source(crawl);
	char		key[CFDW_UUID_TEXT_SIZE];

	if (!is_there && cfdw_json_kind(list) != CFDW_JSON_NULL)
		refuse(crawl, CFDW_WRONG_SHAPE,
			   psprintf("\"%s\" is no array", crawl->spec.resource->embedded));
	cfdw_text_from_uuid(id, key);

	/* a list that is not there at all proves nothing, whatever others show */
	if (may_look_up && (source == CFDW_ACCOUNTS_DETAILS ||
						(source == CFDW_ACCOUNTS_AUTO && !is_there)))
	{
		queue_details(crawl, task, key, company_of(crawl, node));
		return false;
	}
	if (is_empty && may_look_up && source == CFDW_ACCOUNTS_AUTO && !task->is_proven)
	{
		put_aside(crawl, key);
		return false;
	}
	if (!is_there)
		refuse(crawl, CFDW_WRONG_SHAPE,
			   psprintf("\"%s\" is missing", crawl->spec.resource->embedded));
	task->is_proven |= !is_empty;
	crawl->parent = node;
	crawl->embedded = list;
	crawl->next_embedded = cfdw_json_first(list);
	return true;
}

static void
fill_element(CfdwCrawl *crawl, CfdwElement *element, const CfdwJsonNode *row,
			 const CfdwJsonNode *parent)
{
	element->row = row;
	element->parent = parent;
	element->company = crawl->company;
	element->path = crawl->path;
}

static bool
next_embedded(CfdwCrawl *crawl, CfdwElement *element)
{
	const CfdwJsonNode *row = crawl->next_embedded;

	if (row == NULL)
		return false;
	crawl->next_embedded = cfdw_json_next(crawl->embedded, row);
	if (cfdw_json_kind(row) != CFDW_JSON_OBJECT)
		refuse(crawl, CFDW_WRONG_SHAPE, "an embedded element is no object");
	(void) element_id(crawl, row);
	fill_element(crawl, element, row, crawl->parent);
	return true;
}

/* Read on in the open answer; false when it has no further row. */
static bool
next_in_answer(CfdwCrawl *crawl, CfdwElement *element)
{
	for (;;)
	{
		const CfdwJsonNode *node;
		pg_uuid_t	id;

		/* elements may yield no rows, and answers may all be there */
		CHECK_FOR_INTERRUPTS();
		if (next_embedded(crawl, element))
			return true;
		node = next_element(crawl);
		if (node == NULL)
			return false;
		id = element_id(crawl, node);
		if (crawl->list == NULL)
			guard_object(crawl, &id);
		if (crawl->at_first)
			guard_first(crawl, &id);
		if (crawl->open->task->depth < crawl->last_depth)
			follow_element(crawl, node, &id);
		else if (element_in_scope(crawl, node))
		{
			bool		is_row = crawl->spec.resource->embedded == NULL;

			if (is_row || (open_embedded(crawl, node, &id) && crawl->spec.with_parents))
			{
				fill_element(crawl, element, node, node);
				return true;
			}
		}
	}
}

/*
 * The open listing, once, with its first element if it has one.  An element
 * outside the scope says that the total counts more than the scope.
 */
static bool
next_listing(CfdwCrawl *crawl, CfdwElement *element)
{
	const CfdwJsonNode *node;

	if (!crawl->listing_is_due)
		return false;
	crawl->listing_is_due = false;
	node = next_element(crawl);
	if (node == NULL)
		return true;
	(void) element_id(crawl, node);
	if (!element_in_scope(crawl, node))
		crawl->listing.total = -1;
	fill_element(crawl, element, node, node);
	return true;
}

/* Read on in the open answer; false when it has nothing further to give. */
static bool
read_on(CfdwCrawl *crawl, CfdwElement *element)
{
	if (crawl->spec.totals && crawl->open->task->depth == crawl->last_depth)
		return next_listing(crawl, element);
	return next_in_answer(crawl, element);
}

/* Keep transfers moving while rows are being read. */
static void
poll_now_and_then(CfdwCrawl *crawl)
{
	if (++crawl->rows_since_poll < ROWS_PER_POLL)
		return;
	crawl->rows_since_poll = 0;
	cfdw_http_poll();
	fill_window(crawl);
}

/* Begin to read an answer once it is whole. */
static CfdwNext
land_one(CfdwCrawl *crawl, bool wait)
{
	Flight	   *landed;

	for (;;)
	{
		fill_window(crawl);
		if (!wait)
			cfdw_http_poll();
		landed = find_landed(crawl);
		if (landed != NULL)
			break;
		if (crawl->flight_count == 0 && next_task(crawl) == NULL)
			return CFDW_NEXT_END;
		crawl->counts->waits++;
		if (!wait)
			return CFDW_NEXT_LATER;
		cfdw_http_wait();
	}
	open_flight(crawl, landed);

	/* what it named is asked for while its rows are being read */
	fill_window(crawl);
	cfdw_http_poll();
	return CFDW_NEXT_ROW;
}

void
cfdw_crawl_start(CfdwCrawl *crawl)
{
	fill_window(crawl);
	cfdw_http_poll();
}

CfdwNext
cfdw_crawl_next(CfdwCrawl *crawl, bool wait, CfdwElement *element)
{
	MemoryContext old = MemoryContextSwitchTo(crawl->page_cxt);
	CfdwNext	next = CFDW_NEXT_ROW;

	for (;;)
	{
		if (crawl->open == NULL)
			next = land_one(crawl, wait);
		if (next != CFDW_NEXT_ROW)
			break;
		poll_now_and_then(crawl);
		if (read_on(crawl, element))
			break;
		close_flight(crawl);
	}
	if (next == CFDW_NEXT_ROW && crawl->spec.resource->embedded != NULL)
		crawl->promised++;
	MemoryContextSwitchTo(old);
	return next;
}

const CfdwListing *
cfdw_crawl_listing(const CfdwCrawl *crawl)
{
	return &crawl->listing;
}

List *
cfdw_crawl_companies(const CfdwCrawl *crawl)
{
	return crawl->companies;
}

int64
cfdw_crawl_outstanding(CfdwCrawl *crawl)
{
	int64		requests = crawl->flight_count;

	for (int depth = 0; depth < DEPTHS; depth++)
	{
		dlist_iter	iter;

		dlist_foreach(iter, &crawl->queue[depth])
		{
			const Task *task = dlist_container(Task, node, iter.cur);

			requests += task->last_page - task->next_page + 1;
		}
	}
	return requests;
}

void
cfdw_crawl_end(CfdwCrawl *crawl)
{
	dlist_mutable_iter iter;

	if (crawl->open != NULL)
		cfdw_fetch_close(crawl->open->fetch);
	crawl->open = NULL;
	dlist_foreach_modify(iter, &crawl->flights)
	{
		dlist_delete(iter.cur);
		cfdw_fetch_close(dlist_container(Flight, node, iter.cur)->fetch);
	}
}
