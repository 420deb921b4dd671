/*-------------------------------------------------------------------------
 *
 * count.c
 *	  count(*) from the totals that listings state.
 *
 * Every page of a listing states the listing's length, so a page of one
 * element answers count(*) where all clauses are exact.  That is believed
 * only as far as it can be checked: the one element must satisfy the clauses,
 * and filtered totals must be less than the unfiltered one.  Else the rows of
 * the scan below are counted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "count.h"

#include <math.h>

#include "executor/executor.h"
#include "scanexplain.h"
#include "memo.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planmain.h"
#include "optimizer/tlist.h"
#include "plan.h"
#include "scan.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

typedef struct Count
{
	CfdwMember	member;
	CfdwCrawl  *crawl;			/* for the totals; NULL: not begun, or read */
	bool		is_exact;
	bool		is_done;

	/* for EXPLAIN ANALYZE */
	const char *source;			/* what was counted; NULL: nothing yet */
	CfdwCrawlCounts counts;		/* of the crawl for totals */
} Count;

/* The totals of one company. */
typedef struct CompanyTotals
{
	pg_uuid_t	company;
	int64		answer;			/* of all listings that answer, together */
	int64		most;			/* of the unfiltered one, for comparison; -1:
								 * none */
} CompanyTotals;

/* ---- planning ---- */

static bool
is_plain_count(Aggref *aggref)
{
	return aggref->aggfnoid == F_COUNT_ && aggref->aggfilter == NULL &&
		aggref->aggdistinct == NIL && aggref->aggsplit == AGGSPLIT_SIMPLE;
}

/* What the target computes from rows: columns and aggregates. */
static List *
parts_of(PathTarget *target)
{
	return pull_var_clause((Node *) target->exprs, PVC_INCLUDE_AGGREGATES |
						   PVC_RECURSE_WINDOWFUNCS | PVC_INCLUDE_PLACEHOLDERS);
}

/* Is count(*) all that the target computes from rows? */
static bool
counts_only(PathTarget *target)
{
	List	   *parts = parts_of(target);
	ListCell   *lc;

	foreach(lc, parts)
	{
		if (!IsA(lfirst(lc), Aggref) || !is_plain_count(lfirst(lc)))
			return false;
	}
	return parts != NIL;
}

/* The scan that would be counted, or NULL when it is none of ours. */
static ForeignPath *
scan_path(RelOptInfo *input_rel)
{
	Path	   *path = input_rel->cheapest_total_path;

	if (input_rel->reloptkind != RELOPT_BASEREL || input_rel->rtekind != RTE_RELATION || path == NULL)
		return NULL;
	if (IsA(path, ProjectionPath))
		path = ((ProjectionPath *) path)->subpath;
	return IsA(path, ForeignPath) && path->param_info == NULL && path->parent == input_rel ?
		(ForeignPath *) path : NULL;
}

void
cfdwGetForeignUpperPaths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input_rel,
						 RelOptInfo *output_rel, void *extra)
{
	Query	   *parse = root->parse;
	ForeignPath *path = stage == UPPERREL_GROUP_AGG ? scan_path(input_rel) : NULL;
	PathTarget *target = root->upper_targets[UPPERREL_GROUP_AGG];
	Cost		startup;
	Cost		total;

	if (path == NULL || !parse->hasAggs || parse->groupClause != NIL ||
		parse->groupingSets != NIL || parse->havingQual != NULL || !counts_only(target) ||
		!cfdw_plan_totals_cost(root, input_rel, path, &startup, &total))
		return;
	add_path(output_rel, (Path *)
			 cfdw_foreign_upper_path(root, output_rel, target, 1, startup, total, (Path *) path,
									 NIL));
}

ForeignScan *
cfdw_count_plan(ForeignPath *path, List *tlist, Plan *outer_plan)
{
	/* all parts are the same count */
	Node	   *part = linitial(parts_of(path->path.pathtarget));

	return make_foreignscan(tlist, NIL, 0, NIL, NIL, add_to_flat_tlist(NIL, list_make1(part)), NIL,
							outer_plan);
}

/* ---- counting ---- */

static void
start_totals(ForeignScanState *node)
{
	Count	   *count = node->fdw_state;
	ForeignScanState *child = castNode(ForeignScanState, outerPlanState(node));
	CfdwScan   *scan = child->fdw_state;
	MemoryContext old;

	cfdw_scan_make_ready(child);
	old = MemoryContextSwitchTo(scan->crawl_cxt);
	count->crawl = cfdw_scan_crawl_totals(child, &count->counts, &count->is_exact);
	MemoryContextSwitchTo(old);
}

/* What others read whole is shared, so that counting its rows is free. */
static bool
others_read_listings(ForeignScanState *child)
{
	return cfdw_statement_listings(((CfdwScan *) child->fdw_state)->statement) > 0;
}

/* Send the first requests of whichever way will be taken first. */
static void
start_count(ForeignScanState *node)
{
	Count	   *count = node->fdw_state;
	ForeignScanState *child = castNode(ForeignScanState, outerPlanState(node));

	if (others_read_listings(child))
		cfdw_scan_start(child);
	else if (count->crawl == NULL && !count->is_done)
	{
		start_totals(node);
		cfdw_crawl_start(count->crawl);
	}
}

void
cfdw_count_begin(ForeignScanState *node, int eflags)
{
	ForeignScanState *child = castNode(ForeignScanState, outerPlanState(node));
	CfdwScan   *scan = child->fdw_state;
	Count	   *count = palloc0(sizeof(Count));

	node->fdw_state = count;
	if (scan->statement == NULL)
		return;
	count->member.node = node;
	count->member.start = start_count;
	cfdw_statement_join(scan->statement, &count->member);
	cfdw_statement_add_listings(scan->statement, -1);
}

void
cfdw_count_end(ForeignScanState *node)
{
	ForeignScanState *child = castNode(ForeignScanState, outerPlanState(node));
	CfdwScan   *scan = child->fdw_state;
	Count	   *count = node->fdw_state;

	if (scan->statement != NULL)
		cfdw_statement_leave(scan->statement, &count->member);
}

/* Does the element that the child's decoder has read satisfy its clauses? */
static bool
satisfies(ForeignScanState *child, const CfdwElement *element)
{
	CfdwScan   *scan = child->fdw_state;
	TupleTableSlot *slot = child->ss.ss_ScanTupleSlot;
	ExprContext *econtext = child->ss.ps.ps_ExprContext;
	MemoryContext old;

	ResetExprContext(econtext);
	ExecClearTuple(slot);
	old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	cfdw_decode(scan->decoder, element, slot->tts_values, slot->tts_isnull);
	MemoryContextSwitchTo(old);
	ExecStoreVirtualTuple(slot);
	econtext->ecxt_scantuple = slot;
	return ExecQual(child->ss.ps.qual, econtext);
}

static HTAB *
make_totals(void)
{
	HASHCTL		ctl = {
		.keysize = sizeof(pg_uuid_t),
		.entrysize = sizeof(CompanyTotals),
		.hcxt = CurrentMemoryContext,
	};

	return hash_create("connection_fdw totals", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
add_total(HTAB *totals, const CfdwListing *listing)
{
	bool		found;
	CompanyTotals *company = hash_search(totals, &listing->company, HASH_ENTER, &found);

	if (!found)
	{
		company->answer = 0;
		company->most = -1;
	}
	if (listing->is_comparison)
		company->most = listing->total;
	else
		company->answer += listing->total;
}

/*
 * Could the filters have been ignored?  Then their total is that of the
 * unfiltered listing.  Of one element at most, its own check is enough.
 */
static bool
is_doubtful(const CompanyTotals *company)
{
	if (company->most < 0)
		return false;
	return company->answer > company->most ||
		(company->answer == company->most && company->most > 1);
}

/* The sum over companies; false when one of them is doubtful. */
static bool
sum_totals(HTAB *totals, int64 *sum)
{
	HASH_SEQ_STATUS status;
	CompanyTotals *company;
	bool		is_sound = true;

	hash_seq_init(&status, totals);
	while ((company = hash_seq_search(&status)) != NULL)
	{
		*sum += company->answer;
		is_sound &= !is_doubtful(company);
	}
	return is_sound;
}

/* Read all totals; false when one of them cannot be relied on. */
static bool
read_totals(ForeignScanState *child, CfdwCrawl *crawl, int64 *sum)
{
	HTAB	   *totals = make_totals();
	CfdwElement element;

	while (cfdw_crawl_next(crawl, true, &element) == CFDW_NEXT_ROW)
	{
		const CfdwListing *listing = cfdw_crawl_listing(crawl);

		if (listing->total < 0)
			return false;
		if (listing->has_row && !listing->is_comparison && !satisfies(child, &element))
			return false;
		add_total(totals, listing);
	}
	return sum_totals(totals, sum);
}

static void
end_totals(ForeignScanState *node)
{
	ForeignScanState *child = castNode(ForeignScanState, outerPlanState(node));
	Count	   *count = node->fdw_state;

	if (count->crawl == NULL)
		return;
	cfdw_crawl_end(count->crawl);
	count->crawl = NULL;
	MemoryContextReset(((CfdwScan *) child->fdw_state)->crawl_cxt);
}

/* Count without reading rows; false when that cannot be done. */
static bool
count_totals(ForeignScanState *node, int64 *sum)
{
	ForeignScanState *child = castNode(ForeignScanState, outerPlanState(node));
	Count	   *count = node->fdw_state;
	MemoryContext old;
	bool		is_sound;

	if (count->crawl == NULL && others_read_listings(child))
		return false;
	if (count->crawl == NULL)
		start_totals(node);
	old = MemoryContextSwitchTo(((CfdwScan *) child->fdw_state)->crawl_cxt);
	is_sound = count->is_exact && read_totals(child, count->crawl, sum);
	MemoryContextSwitchTo(old);
	end_totals(node);
	return is_sound;
}

static int64
count_rows(PlanState *child)
{
	int64		rows = 0;

	for (;;)
	{
		TupleTableSlot *slot = ExecProcNode(child);

		if (TupIsNull(slot))
			return rows;
		rows++;
	}
}

TupleTableSlot *
cfdw_count_iterate(ForeignScanState *node)
{
	Count	   *count = node->fdw_state;
	PlanState  *child = outerPlanState(node);
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	int64		rows = 0;

	ExecClearTuple(slot);
	if (count->is_done)
		return slot;
	count->source = "totals of listings";
	if (child->chgParam != NULL)
		ExecReScan(child);
	cfdw_scan_start_companions(castNode(ForeignScanState, child), node->ss.ps.plan);
	if (!count_totals(node, &rows))
	{
		count->source = "rows of the scan below";
		rows = count_rows(child);
	}
	count->is_done = true;
	slot->tts_values[0] = Int64GetDatum(rows);
	slot->tts_isnull[0] = false;
	return ExecStoreVirtualTuple(slot);
}

void
cfdw_count_rescan(ForeignScanState *node)
{
	end_totals(node);
	((Count *) node->fdw_state)->is_done = false;
}

void
cfdw_count_explain(ForeignScanState *node, ExplainState *es)
{
	Count	   *count = node->fdw_state;

	if (count == NULL)
		return;
	cfdw_explain_totals(castNode(ForeignScanState, outerPlanState(node)), es);
	if (!es->analyze)
		return;
	if (count->source != NULL)
		ExplainPropertyText("Counted", count->source, es);
	cfdw_explain_counts(&count->counts, es);
}
