/*-------------------------------------------------------------------------
 *
 * links.c
 *	  Magic links: of a company, of a connection, of all that wait for their user.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "links.h"

#include "act.h"
#include "argument.h"
#include "compat.h"
#include "crawl.h"
#include "decode.h"
#include "encode.h"
#include "lib/stringinfo.h"
#include "memo.h"
#include "miscadmin.h"
#include "resource.h"
#include "target.h"
#include "text.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

PG_FUNCTION_INFO_V1(connection_fdw_company_magic_link);
PG_FUNCTION_INFO_V1(connection_fdw_connection_magic_link);
PG_FUNCTION_INFO_V1(connection_fdw_reconnect_links);

/* ---- magic links ---- */

/* NULL when the connection's answer lacks a part of its link. */
static char *
connection_link(const CfdwSession *session, const CfdwJsonNode *connection)
{
	const char *company = cfdw_act_member_text(connection, "publicCompanyId");
	const char *secret = cfdw_act_member_text(connection, "connectionMagicLinkSecret");
	StringInfoData url;

	if (company == NULL || secret == NULL)
		return NULL;
	cfdw_act_begin_link(&url, session, "/p/connect");
	cfdw_act_append_segment(&url, company);
	cfdw_act_append_segment(&url, "workflow");
	cfdw_act_append_segment(&url, secret);
	return url.data;
}

static char *
company_link(const CfdwSession *session, const CfdwJsonNode *object)
{
	const char *whole = cfdw_act_member_text(object, "magicLinkUrl");
	const char *company = cfdw_act_member_text(object, "publicCompanyId");
	const char *secret = cfdw_act_member_text(object, "companyMagicLinkSecret");
	StringInfoData url;

	if (whole != NULL)
		return pstrdup(whole);
	if (company == NULL || secret == NULL)
		return NULL;
	cfdw_act_begin_link(&url, session, "/p/connect");
	cfdw_act_append_segment(&url, company);
	cfdw_act_append_segment(&url, secret);
	return url.data;
}

static text *
link_or_refuse(const CfdwSession *session, const CfdwActRequest *act, const char *link)
{
	if (link == NULL)
		cfdw_act_refuse(session, act, CFDW_WRONG_SHAPE, "it holds no link");
	return cstring_to_text(link);
}

/* The body {"sites":[...]}, or NULL for an argument that is null. */
static char *
sites_body(FunctionCallInfo fcinfo, int index)
{
	ArrayType  *sites = cfdw_arg_array(fcinfo, index, "sites", "site ids");
	CfdwBody	body;

	if (sites == NULL)
		return NULL;
	cfdw_body_begin(&body);
	cfdw_body_array(&body, "sites", sites);
	return cfdw_body_end(&body);
}

Datum
connection_fdw_company_magic_link(PG_FUNCTION_ARGS)
{
	char	   *company = cfdw_act_uuid_arg(fcinfo, 0, "company_id");
	char	   *body = sites_body(fcinfo, 1);
	CfdwSession *session = cfdw_target_session(cfdw_act_server_arg(fcinfo, 2));
	CfdwActRequest act = {
		.act = "company_magic_link",
		.target = cfdw_act_company_target(company),
		.task = psprintf("could not get the magic link of company \"%s\" from server \"%s\"",
						 company, session->server_name),
		.method = body ? CFDW_POST : CFDW_GET,
		.path = psprintf("/connection/company/%s/link", company),
		.body = body,
	};
	CfdwHttpAnswer answer;
	const CfdwJsonNode *object;

	cfdw_target_check_act(session, "nectar.company_magic_link", true);
	cfdw_target_check_company(session, company);
	answer = cfdw_act_perform(session, &act);
	object = cfdw_act_object(session, &act, &answer);
	PG_RETURN_TEXT_P(link_or_refuse(session, &act, company_link(session, object)));
}

Datum
connection_fdw_connection_magic_link(PG_FUNCTION_ARGS)
{
	char	   *connection = cfdw_act_uuid_arg(fcinfo, 0, "connection_id");
	CfdwSession *session = cfdw_target_session(cfdw_act_server_arg(fcinfo, 1));
	CfdwActRequest act = {
		.act = "connection_magic_link",
		.target = cfdw_act_connection_target(connection),
		.task = psprintf("could not get the magic link of connection \"%s\" from server \"%s\"",
						 connection, session->server_name),
		.method = CFDW_GET,
		.path = psprintf("/connection/%s", connection),
	};
	CfdwHttpAnswer answer;
	const CfdwJsonNode *object;

	cfdw_target_check_act(session, "nectar.connection_magic_link", true);
	cfdw_act_check_connection(session, act.task, connection);
	answer = cfdw_act_perform(session, &act);
	object = cfdw_act_object(session, &act, &answer);
	if (!cfdw_act_is_connection(object, connection))
		cfdw_act_refuse(session, &act, CFDW_WRONG_SHAPE, CFDW_ACT_ANOTHER);
	PG_RETURN_TEXT_P(link_or_refuse(session, &act, connection_link(session, object)));
}

/* ---- reconnect links ---- */

/* Columns of `connections` that a result row begins with, in its order. */
static const char *const link_columns[] = {
	"id", "company_id", "company_name", "datasource_name", "status",
	"status_first_seen_time", "workflow_owner_email"
};

#define LINK_STATUS 4
#define LINK_GUIDANCE lengthof(link_columns)
#define LINK_URL (lengthof(link_columns) + 1)

typedef struct LinkCrawl
{
	CfdwSession *session;
	CfdwStatement *statement;
	CfdwCrawlCounts counts;
	CfdwDecoder *decoder;
	const pg_uuid_t *company;	/* NULL: any */
	MemoryContext row_cxt;
	int			links;
} LinkCrawl;

static const CfdwStatusFact *
status_fact_of(const CfdwJsonNode *connection)
{
	const char *status = cfdw_json_string_member(connection, "status");

	if (status == NULL)
		return NULL;
	return cfdw_status_fact(cfdw_enum_find(CFDW_TYPE_CONNECTION_STATUS), status, strlen(status));
}

static void
put_link(LinkCrawl *links, ReturnSetInfo *rsinfo, const CfdwElement *element)
{
	const CfdwStatusFact *fact = status_fact_of(element->row);
	Datum		values[lengthof(link_columns) + 2];
	bool		nulls[lengthof(link_columns) + 2] = {false};
	char	   *link;

	if (fact != NULL && !cfdw_fact_needs_user(fact))
		return;

	/* a status that this version does not know is reported by decoding it */
	cfdw_decode(links->decoder, element, values, nulls);
	if (fact == NULL)
		return;
	if (links->company != NULL &&
		(nulls[1] || cfdw_uuid_cmp(DatumGetUUIDP(values[1]), links->company) != 0))
		return;
	link = connection_link(links->session, element->row);
	values[LINK_GUIDANCE] = CStringGetTextDatum(fact->action);
	nulls[LINK_URL] = link == NULL;
	if (link != NULL)
		values[LINK_URL] = CStringGetTextDatum(link);
	links->links += link != NULL;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
run_link_crawl(LinkCrawl *links, ReturnSetInfo *rsinfo, CfdwCrawlSpec *spec)
{
	CfdwCrawl  *crawl = cfdw_crawl_begin(spec, &links->counts);
	CfdwElement element;

	while (cfdw_crawl_next(crawl, true, &element) == CFDW_NEXT_ROW)
	{
		MemoryContext old = MemoryContextSwitchTo(links->row_cxt);

		put_link(links, rsinfo, &element);
		MemoryContextSwitchTo(old);
		MemoryContextReset(links->row_cxt);
	}
	cfdw_crawl_end(crawl);
}

/* The connections named, or the company's, or all in scope. */
static void
fill_link_spec(FunctionCallInfo fcinfo, LinkCrawl *links, CfdwCrawlSpec *spec)
{
	const CfdwResource *resource = cfdw_resource_find("connections");

	cfdw_crawl_spec_init(spec, links->statement, links->session, resource,
						 psprintf("could not get reconnect links from server \"%s\"",
								  links->session->server_name));
	spec->depth = cfdw_decoder_depth(links->decoder);
	if (!PG_ARGISNULL(1))
	{
		spec->route = cfdw_resource_route(resource, "id");
		spec->bound = cfdw_act_uuid_texts(PG_GETARG_ARRAYTYPE_P(1));
		cfdw_values_sort(&spec->bound);
	}
	else if (!PG_ARGISNULL(0))
	{
		spec->route = cfdw_resource_route(resource, "company_id");
		spec->bound.any = false;
		spec->bound.count = 1;
		spec->bound.values = palloc(sizeof(char *));
		spec->bound.values[0] = cfdw_act_uuid_arg(fcinfo, 0, "company_id");
	}
}

Datum
connection_fdw_reconnect_links(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	LinkCrawl	links = {0};
	CfdwCrawlSpec spec;
	CfdwActLog *log;

	InitMaterializedSRF(fcinfo, 0);
	links.session = cfdw_target_session(cfdw_act_server_arg(fcinfo, 2));
	cfdw_target_check_act(links.session, "nectar.reconnect_links", true);
	if (!PG_ARGISNULL(0))
		links.company = PG_GETARG_UUID_P(0);
	links.statement = cfdw_statement_create();
	links.row_cxt = AllocSetContextCreate(CurrentMemoryContext, "connection_fdw link",
										  ALLOCSET_DEFAULT_SIZES);
	links.decoder = cfdw_act_decoder(links.session, "connections", link_columns, lengthof(link_columns),
									 links.session->options.on_unknown_status);
	fill_link_spec(fcinfo, &links, &spec);
	log = cfdw_act_log_begin(links.session, "reconnect_links", "connections that wait for their user",
							 "ended early, no link was handed out");
	run_link_crawl(&links, rsinfo, &spec);
	cfdw_act_log_write(log, psprintf("%d links", links.links));
	return (Datum) 0;
}
