/*-------------------------------------------------------------------------
 *
 * analyze.c
 *	  ANALYZE of foreign tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "analyze.h"

#include "access/htup_details.h"
#include "commands/progress.h"
#include "compat.h"
#include "crawl.h"
#include "decode.h"
#include "memo.h"
#include "miscadmin.h"
#include "session.h"
#include "table.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sampling.h"

/* Rows that are taken for a block, where one must be named. */
#define ROWS_PER_PAGE 10

/* A reservoir of rows, and what fills it. */
typedef struct Sample
{
	TupleDesc	desc;
	HeapTuple  *rows;
	int			wanted;
	int			held;
	double		seen;
	double		to_skip;		/* rows until one takes another's place; -1:
								 * not known */
	ReservoirStateData state;
	CfdwDecoder *decoder;
	MemoryContext row_cxt;
	Datum	   *values;
	bool	   *nulls;
} Sample;

/*
 * Which place the row that comes next takes; -1: none.  Every row has the
 * same chance to be among those that are held at the end.
 */
static int
choose_place(Sample *sample)
{
	if (sample->held < sample->wanted)
		return sample->held++;
	if (sample->to_skip < 0)
		sample->to_skip = reservoir_get_next_S(&sample->state, sample->seen, sample->wanted);
	if (sample->to_skip-- > 0)
		return -1;
	sample->to_skip = -1;
	return (int) (sample->wanted * cfdw_sampler_fraction(&sample->state));
}

static void
take_row(Sample *sample, const CfdwElement *element, MemoryContext cxt)
{
	int			place = choose_place(sample);
	MemoryContext old;

	sample->seen++;
	if (place < 0)
		return;
	old = MemoryContextSwitchTo(sample->row_cxt);
	cfdw_decode(sample->decoder, element, sample->values, sample->nulls);
	MemoryContextSwitchTo(cxt);
	if (sample->rows[place] != NULL)
		heap_freetuple(sample->rows[place]);
	sample->rows[place] = heap_form_tuple(sample->desc, sample->values, sample->nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(sample->row_cxt);
}

/* Requests stand for blocks in pg_stat_progress_analyze. */
static void
report_progress(CfdwCrawl *crawl, const CfdwCrawlCounts *counts)
{
	pgstat_progress_update_param(PROGRESS_ANALYZE_BLOCKS_TOTAL,
								 counts->pages + cfdw_crawl_outstanding(crawl));
	pgstat_progress_update_param(PROGRESS_ANALYZE_BLOCKS_DONE, counts->pages);
}

static void
fill_sample(Sample *sample, CfdwCrawl *crawl, const CfdwCrawlCounts *counts)
{
	MemoryContext cxt = CurrentMemoryContext;
	CfdwElement element;
	int64		reported = 0;

	while (cfdw_crawl_next(crawl, true, &element) == CFDW_NEXT_ROW)
	{
		take_row(sample, &element, cxt);
		if (counts->pages > reported)
			report_progress(crawl, counts);
		reported = counts->pages;
	}
	report_progress(crawl, counts);
}

static List *
all_columns(TupleDesc desc)
{
	List	   *columns = NIL;

	for (int attnum = 1; attnum <= desc->natts; attnum++)
		columns = lappend_int(columns, attnum);
	return columns;
}

/* The route that needs no values. */
static const CfdwRoute *
open_route(const CfdwResource *resource)
{
	for (int i = 0; i < resource->route_count; i++)
		if (resource->routes[i].bound == NULL)
			return &resource->routes[i];
	elog(ERROR, "resource \"%s\" cannot be read whole", resource->name);
}

/* AcquireSampleRowsFunc */
static int
acquire_sample(Relation relation, int elevel, HeapTuple *rows, int targrows, double *totalrows,
			   double *totaldeadrows)
{
	const CfdwTable *table = cfdw_table_get(RelationGetRelid(relation));
	CfdwCrawlCounts counts = {0};
	CfdwSession *session = cfdw_session_get(table->server, GetUserId());
	Sample		sample = {.desc = RelationGetDescr(relation), .rows = rows, .wanted = targrows, .to_skip = -1};
	CfdwCrawlSpec spec = {
		.statement = cfdw_statement_create(),
		.session = session,
		.resource = table->resource,
		.route = open_route(table->resource),
		.task = psprintf("could not analyze foreign table \"%s\" of server \"%s\"", table->name,
						 table->server_name),
		.bound = {.any = true},
		.filters = {{.any = true}, {.any = true}},
		.scope = table->companies,
		.scope_count = table->company_count,
	};
	CfdwCrawl  *crawl;

	memset(rows, 0, sizeof(HeapTuple) * targrows);
	reservoir_init_selection_state(&sample.state, targrows);
	sample.row_cxt = AllocSetContextCreate(CurrentMemoryContext, "connection_fdw sample",
										   ALLOCSET_DEFAULT_SIZES);
	sample.values = palloc(sizeof(Datum) * sample.desc->natts);
	sample.nulls = palloc(sizeof(bool) * sample.desc->natts);
	sample.decoder = cfdw_decoder_create(table->resource, table->name, table->desc, table->fits,
										 all_columns(table->desc), table->options.on_unknown_status,
										 session->options.api_key);
	spec.depth = cfdw_decoder_depth(sample.decoder);
	crawl = cfdw_crawl_begin(&spec, &counts);
	fill_sample(&sample, crawl, &counts);
	cfdw_crawl_end(crawl);
	*totalrows = sample.seen;
	*totaldeadrows = 0;
	ereport(elevel,
			(errmsg("\"%s\": read %lld answers with %.0f rows; %d rows in sample",
					table->name, (long long) counts.pages, sample.seen, sample.held)));
	return sample.held;
}

/*
 * Pages matter only for how a partitioned parent's sample is shared among
 * its partitions: by the rows counted last, or else guessed.
 */
bool
cfdwAnalyzeForeignTable(Relation relation, AcquireSampleRowsFunc *func, BlockNumber *totalpages)
{
	const CfdwTable *table = cfdw_table_get(RelationGetRelid(relation));
	double		rows = relation->rd_rel->reltuples;

	if (rows < 0)
		rows = table->resource->rows_per_company * Max(table->company_count, 1);
	*totalpages = (BlockNumber) Max(rows / ROWS_PER_PAGE, 1);
	*func = acquire_sample;
	return true;
}
