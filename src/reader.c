/*-------------------------------------------------------------------------
 *
 * reader.c
 *	  Connections with their accounts as records: listings read once, a body at hand.
 *
 * Rows are written to a tuplestore while answers come in, so that what a pass
 * holds in memory does not depend on how much there is to read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "reader.h"

#include "access/htup_details.h"
#include "act.h"
#include "common/hashfn.h"
#include "compat.h"
#include "crawl.h"
#include "decode.h"
#include "mb/pg_wchar.h"
#include "memo.h"
#include "miscadmin.h"
#include "resource.h"
#include "target.h"
#include "text.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

PG_FUNCTION_INFO_V1(connection_fdw_read_listings);
PG_FUNCTION_INFO_V1(connection_fdw_read_connection);
PG_FUNCTION_INFO_V1(connection_fdw_history_server);

/* Members of an event that are not the connection's own. */
static const char *const event_members[] = {"eventType", "protectedChanges", "old", NULL};

/* Columns of a result row. */
enum
{
	READ_KIND,
	READ_COMPANY,
	READ_WHOLE,
	READ_CONNECTION,
	READ_ACCOUNT,
	READ_REQUESTS,
	READ_COLUMNS
};

/* One of the record types, and what fills it. */
typedef struct Record
{
	const char *kind;
	int			column;			/* of the result that holds it */
	int			company;		/* index of its company_id */
	TupleDesc	desc;
	CfdwDecoder *decoder;
	Datum	   *values;
	bool	   *nulls;
} Record;

/* An id in a set of them. */
typedef struct SeenId
{
	pg_uuid_t	id;
	char		status;			/* simplehash's own */
} SeenId;

static inline uint32
hash_id(pg_uuid_t id)
{
	return hash_bytes(id.data, UUID_LEN);
}

static inline bool
is_same_id(pg_uuid_t a, pg_uuid_t b)
{
	return memcmp(a.data, b.data, UUID_LEN) == 0;
}

#define SH_PREFIX seen
#define SH_ELEMENT_TYPE SeenId
#define SH_KEY_TYPE pg_uuid_t
#define SH_KEY id
#define SH_HASH_KEY(table, key) hash_id(key)
#define SH_EQUAL(table, a, b) is_same_id(a, b)
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

typedef struct Reader
{
	CfdwSession *session;
	ReturnSetInfo *rsinfo;
	Record		connection;
	Record		account;
	MemoryContext row_cxt;

	/* of listings */
	seen_hash  *seen;			/* ids of connections */
	seen_hash  *repeated;		/* companies that named a connection twice */
} Reader;

/* ---- making a reader ---- */

/* The attributes of the result column's type say what is read. */
static void
prepare_record(Reader *reader, Record *record, const char *kind, const char *resource_name,
			   int column)
{
	const CfdwResource *resource = cfdw_resource_find(resource_name);
	Oid			type = TupleDescAttr(reader->rsinfo->setDesc, column)->atttypid;
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(type, -1);
	List	   *wanted = NIL;
	CfdwFit    *fits = cfdw_resource_fit(resource, get_typ_typrelid(type), desc);

	record->kind = kind;
	record->column = column;
	record->company = -1;
	for (int i = 0; i < desc->natts; i++)
	{
		wanted = lappend_int(wanted, i + 1);
		if (fits[i].column != NULL && fits[i].column->is_company)
			record->company = i;
	}
	if (record->company < 0)
		elog(ERROR, "type %s lacks the company", format_type_be(type));
	record->desc = desc;
	record->decoder = cfdw_decoder_create(resource, resource->name, desc, fits, wanted,
										  reader->session->options.on_unknown_status,
										  reader->session->options.api_key);
	record->values = palloc(sizeof(Datum) * desc->natts);
	record->nulls = palloc(sizeof(bool) * desc->natts);
}

static void
begin_reader(Reader *reader, FunctionCallInfo fcinfo, CfdwSession *session)
{
	InitMaterializedSRF(fcinfo, 0);
	reader->session = session;
	reader->rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	reader->row_cxt = AllocSetContextCreate(CurrentMemoryContext, "connection_fdw read",
											ALLOCSET_DEFAULT_SIZES);
	prepare_record(reader, &reader->connection, "connection", "connections", READ_CONNECTION);
	prepare_record(reader, &reader->account, "account", "accounts", READ_ACCOUNT);
}

/* How deep rows and what they are embedded in are read. */
static int
reader_depth(const Reader *reader)
{
	return Max(cfdw_decoder_depth(reader->connection.decoder),
			   cfdw_decoder_depth(reader->account.decoder));
}

/* ---- rows ---- */

static void
put_row(Reader *reader, const char *kind, Datum *values, bool *nulls)
{
	values[READ_KIND] = CStringGetTextDatum(kind);
	nulls[READ_KIND] = false;
	tuplestore_putvalues(reader->rsinfo->setResult, reader->rsinfo->setDesc, values, nulls);
}

static void
put_element(Reader *reader, Record *record, const CfdwElement *element)
{
	Datum		values[READ_COLUMNS] = {0};
	bool		nulls[READ_COLUMNS];
	HeapTuple	tuple;
	MemoryContext old = MemoryContextSwitchTo(reader->row_cxt);

	memset(nulls, true, sizeof(nulls));
	cfdw_decode(record->decoder, element, record->values, record->nulls);
	tuple = heap_form_tuple(record->desc, record->values, record->nulls);
	values[record->column] = HeapTupleGetDatum(tuple);
	nulls[record->column] = false;
	values[READ_COMPANY] = record->values[record->company];
	nulls[READ_COMPANY] = record->nulls[record->company];
	put_row(reader, record->kind, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(reader->row_cxt);
}

static void
put_company(Reader *reader, const pg_uuid_t *company, bool whole)
{
	Datum		values[READ_COLUMNS] = {0};
	bool		nulls[READ_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	values[READ_COMPANY] = UUIDPGetDatum(company);
	nulls[READ_COMPANY] = false;
	values[READ_WHOLE] = BoolGetDatum(whole);
	nulls[READ_WHOLE] = false;
	put_row(reader, "company", values, nulls);
}

static void
put_end(Reader *reader, bool whole, int64 requests)
{
	Datum		values[READ_COLUMNS] = {0};
	bool		nulls[READ_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	values[READ_WHOLE] = BoolGetDatum(whole);
	nulls[READ_WHOLE] = false;
	values[READ_REQUESTS] = Int64GetDatum(requests);
	nulls[READ_REQUESTS] = false;
	put_row(reader, "end", values, nulls);
}

/* ---- listings ---- */

/* The listing of one company, or of all in scope; company is NULL or an id. */
static void
fill_spec(const Reader *reader, CfdwCrawlSpec *spec, char *company)
{
	const CfdwResource *resource = cfdw_resource_find("accounts");

	cfdw_crawl_spec_init(spec, cfdw_statement_create(), reader->session, resource,
						 psprintf("could not read the listings of server \"%s\"",
								  reader->session->server_name));
	spec->depth = reader_depth(reader);
	spec->with_parents = true;
	if (company != NULL)
	{
		spec->route = cfdw_resource_route(resource, "company_id");
		spec->bound.any = false;
		spec->bound.count = 1;
		spec->bound.values = palloc(sizeof(char *));
		spec->bound.values[0] = company;
	}
}

/*
 * A connection that comes twice says that pages overlapped, so that others
 * may have been missed, even where the total is right.
 */
static bool
comes_again(Reader *reader, const CfdwElement *element)
{
	CfdwSpan	text = cfdw_json_text(cfdw_json_member(element->row, "id"));
	pg_uuid_t	id;
	bool		found;

	(void) cfdw_text_to_uuid(text.at, text.len, &id);
	seen_insert(reader->seen, id, &found);
	if (!found)
		return false;
	(void) cfdw_text_to_uuid(element->company, strlen(element->company), &id);
	seen_insert(reader->repeated, id, &found);
	if (!found)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("the listing of company \"%s\" changed while it was read from server \"%s\"",
						element->company, reader->session->server_name),
				 errdetail("It names a connection twice; others may have been missed.")));
	return true;
}

/* Put all that the crawl gives, each connection once. */
static void
put_elements(Reader *reader, CfdwCrawl *crawl)
{
	CfdwElement element;
	bool		is_passed_over = false;

	while (cfdw_crawl_next(crawl, true, &element) == CFDW_NEXT_ROW)
	{
		bool		is_connection = element.row == element.parent;

		if (is_connection)
			is_passed_over = comes_again(reader, &element);
		if (!is_passed_over)
			put_element(reader, is_connection ? &reader->connection : &reader->account, &element);
	}
}

/* A row for each company that there is; were all there? */
static bool
put_companies(Reader *reader, const CfdwCrawl *crawl)
{
	bool		all = true;
	ListCell   *lc;

	foreach(lc, cfdw_crawl_companies(crawl))
	{
		const CfdwCompanyRead *read = lfirst(lc);
		bool		is_repeated = seen_lookup(reader->repeated, read->company) != NULL;

		all &= read->exists;
		if (read->exists)
			put_company(reader, &read->company, read->is_whole && !is_repeated);
	}
	return all;
}

Datum
connection_fdw_read_listings(PG_FUNCTION_ARGS)
{
	char	   *company = PG_ARGISNULL(1) ? NULL : cfdw_act_uuid_arg(fcinfo, 1, "company_id");
	Reader		reader = {0};
	CfdwCrawlSpec spec;
	CfdwCrawlCounts counts = {0};
	CfdwCrawl  *crawl;
	bool		all;

	begin_reader(&reader, fcinfo, cfdw_target_session(cfdw_act_server_arg(fcinfo, 0)));
	reader.seen = seen_create(CurrentMemoryContext, 0, NULL);
	reader.repeated = seen_create(CurrentMemoryContext, 0, NULL);
	fill_spec(&reader, &spec, company);
	crawl = cfdw_crawl_begin(&spec, &counts);
	put_elements(&reader, crawl);
	all = put_companies(&reader, crawl);
	cfdw_crawl_end(crawl);
	put_end(&reader, all && company == NULL, counts.requests);
	return (Datum) 0;
}

/* ---- a connection at hand ---- */

/* What is read, and what it must be. */
typedef struct Given
{
	Reader		reader;
	const char *task;
} Given;

static void
refuse(const Given *given, CfdwCause cause, const char *why)
{
	cfdw_session_refuse(given->reader.session, given->task, NULL, cause, why);
}

static const CfdwJsonNode *
parse_given(const Given *given, const text * body)
{
	char	   *text = text_to_cstring(body);
	char	   *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);
	CfdwSpan	span = {utf8, strlen(utf8)};
	CfdwJsonDefect defect;
	const CfdwJsonNode *object;

	object = cfdw_json_read(cfdw_json_create(), span, 0, reader_depth(&given->reader) + 2, &defect);
	if (object == NULL)
		refuse(given, CFDW_MALFORMED, psprintf("%s (byte %zu of %zu)", defect.why,
											   Min(defect.offset + 1, span.len), span.len));
	return object;
}

/* Every element is an object with an id. */
static void
check_given(const Given *given, const CfdwJsonNode *element)
{
	const CfdwJsonNode *id = cfdw_json_member(element, "id");
	CfdwSpan	text;
	pg_uuid_t	uuid;

	if (cfdw_json_kind(element) != CFDW_JSON_OBJECT)
		refuse(given, CFDW_WRONG_SHAPE, "it is no object");
	if (cfdw_json_kind(id) != CFDW_JSON_STRING ||
		(text = cfdw_json_text(id), !cfdw_text_to_uuid(text.at, text.len, &uuid)))
		refuse(given, CFDW_WRONG_SHAPE, "an element has no id");
}

/* Outside the scope there are no rows. */
static bool
given_in_scope(const Given *given, const CfdwJsonNode *connection)
{
	const char *company;

	if (given->reader.session->company_count < 0)
		return true;
	company = cfdw_json_string_member(cfdw_json_member(connection, "company"), "id");
	if (company == NULL)
		refuse(given, CFDW_WRONG_SHAPE, "it names no company, which company_ids asks for");
	return cfdw_target_covers(given->reader.session, company);
}

static void
put_given(Given *given, const CfdwJsonNode *connection)
{
	const CfdwJsonNode *accounts = cfdw_json_member(connection, "accounts");
	CfdwElement element = {.row = connection, .parent = connection};

	put_element(&given->reader, &given->reader.connection, &element);
	if (cfdw_json_kind(accounts) == CFDW_JSON_NULL)
		return;
	if (cfdw_json_kind(accounts) != CFDW_JSON_ARRAY)
		refuse(given, CFDW_WRONG_SHAPE, "\"accounts\" is no array");
	for (const CfdwJsonNode *account = cfdw_json_first(accounts); account;
		 account = cfdw_json_next(accounts, account))
	{
		CHECK_FOR_INTERRUPTS();
		check_given(given, account);
		element.row = account;
		put_element(&given->reader, &given->reader.account, &element);
	}
}

Datum
connection_fdw_read_connection(PG_FUNCTION_ARGS)
{
	Given		given = {0};
	const CfdwJsonNode *connection;

	if (PG_ARGISNULL(0))
		cfdw_act_refuse_null("body");
	begin_reader(&given.reader, fcinfo,
				 cfdw_target_session_keyless(cfdw_act_server_arg(fcinfo, 1)));
	cfdw_decoder_leave_out(given.reader.connection.decoder, event_members);
	given.task = psprintf("cannot read the given connection for server \"%s\"",
						  given.reader.session->server_name);
	connection = parse_given(&given, PG_GETARG_TEXT_PP(0));
	check_given(&given, connection);
	if (given_in_scope(&given, connection))
		put_given(&given, connection);
	return (Datum) 0;
}

/* ---- the server that is meant ---- */

/* history_server(server): its name, by the rule of every function with that argument. */
Datum
connection_fdw_history_server(PG_FUNCTION_ARGS)
{
	CfdwSession *session = cfdw_target_session_keyless(cfdw_act_server_arg(fcinfo, 0));

	PG_RETURN_TEXT_P(cstring_to_text(session->server_name));
}
