/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What supported PostgreSQL versions (14 to 18) spell differently.
 *
 * The rest of the code is written against the newest spelling.  Every entry
 * says which release changed what, so that dropping a release is deleting
 * lines here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_COMPAT_H
#define CFDW_COMPAT_H

#include "postgres.h"

#include "catalog/pg_foreign_server.h"
#include "fmgr.h"
#include "funcapi.h"
#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "nodes/plannodes.h"
#include "optimizer/inherit.h"
#include "optimizer/pathnode.h"
#include "parser/parsetree.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/sampling.h"
#include "utils/varlena.h"

#if PG_VERSION_NUM < 140000
#error "connection_fdw needs PostgreSQL 14 or later"
#endif

/* pg_noreturn since 18; stands before the declaration. */
#ifndef pg_noreturn
#define pg_noreturn pg_attribute_noreturn()
#endif

/* EXPLAIN's formatting functions have had a header of their own since 18. */
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
#include "commands/explain.h"

/* Wait events of extensions have names since 17. */
#if PG_VERSION_NUM >= 170000
#include "utils/wait_event.h"
#define cfdw_wait_event_new(name) WaitEventExtensionNew(name)
#else
#include "pgstat.h"
#define cfdw_wait_event_new(name) ((uint32) PG_WAIT_EXTENSION)
#endif

/* CreateWaitEventSet: a resource owner since 17, a memory context before. */
#if PG_VERSION_NUM >= 170000
#define cfdw_wait_set_create(n) CreateWaitEventSet(NULL, (n))
#else
#define cfdw_wait_set_create(n) CreateWaitEventSet(TopMemoryContext, (n))
#endif

/* pg_prng since 15. */
#if PG_VERSION_NUM >= 150000
#include "common/pg_prng.h"
#define cfdw_random_fraction() pg_prng_double(&pg_global_prng_state)
#else
#define cfdw_random_fraction() ((double) random() / ((double) MAX_RANDOM_VALUE + 1))
#endif

/* pg_b64_decode: bytes are uint8 since 18, char before; -1 unless it is base64 that fits. */
#define cfdw_b64_decode(text, len, bytes, size) \
	pg_b64_decode((text), (int) (len), (void *) (bytes), (int) (size))

/* Run-time pruning of an Append's arms: an index since 18, the steps before. */
#if PG_VERSION_NUM >= 180000
#define cfdw_is_pruned(append) ((append)->part_prune_index >= 0)
#else
#define cfdw_is_pruned(append) ((append)->part_prune_info != NULL)
#endif

/* sampler_random_fract takes a pointer since 15. */
#if PG_VERSION_NUM >= 150000
#define cfdw_sampler_fraction(state) sampler_random_fract(&(state)->randstate)
#else
#define cfdw_sampler_fraction(state) sampler_random_fract((state)->randstate)
#endif

/* create_foreignscan_path: disabled_nodes since 18, fdw_restrictinfo since 17. */
static inline ForeignPath *
cfdw_foreignscan_path(PlannerInfo *root, RelOptInfo *rel, double rows,
					  Cost startup_cost, Cost total_cost,
					  Relids required_outer, List *fdw_private)
{
#if PG_VERSION_NUM >= 180000
	return create_foreignscan_path(root, rel, NULL, rows, 0, startup_cost,
								   total_cost, NIL, required_outer, NULL,
								   NIL, fdw_private);
#elif PG_VERSION_NUM >= 170000
	return create_foreignscan_path(root, rel, NULL, rows, startup_cost,
								   total_cost, NIL, required_outer, NULL,
								   NIL, fdw_private);
#else
	return create_foreignscan_path(root, rel, NULL, rows, startup_cost,
								   total_cost, NIL, required_outer, NULL,
								   fdw_private);
#endif
}

/* create_foreign_upper_path: fdw_restrictinfo since 17, disabled_nodes since 18. */
static inline ForeignPath *
cfdw_foreign_upper_path(PlannerInfo *root, RelOptInfo *rel, PathTarget *target, double rows,
						Cost startup_cost, Cost total_cost, Path *outer_path,
						List *fdw_private)
{
#if PG_VERSION_NUM >= 180000
	return create_foreign_upper_path(root, rel, target, rows, 0, startup_cost, total_cost, NIL,
									 outer_path, NIL, fdw_private);
#elif PG_VERSION_NUM >= 170000
	return create_foreign_upper_path(root, rel, target, rows, startup_cost, total_cost, NIL,
									 outer_path, NIL, fdw_private);
#else
	return create_foreign_upper_path(root, rel, target, rows, startup_cost, total_cost, NIL,
									 outer_path, fdw_private);
#endif
}

/* The role whose permissions a scan is checked with: in the plan since 16. */
static inline Oid
cfdw_scan_check_user(ForeignScanState *node)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;

#if PG_VERSION_NUM >= 160000
	return plan->checkAsUser;
#else
	return exec_rt_fetch(plan->scan.scanrelid,
						 node->ss.ps.state)->checkAsUser;
#endif
}

/* The columns that an UPDATE assigns, generated ones perhaps included: of a relation since 16. */
static inline Bitmapset *
cfdw_updated_columns(PlannerInfo *root, Index relation)
{
#if PG_VERSION_NUM >= 160000
	return get_rel_all_updated_cols(root, find_base_rel(root, relation));
#else
	return planner_rt_fetch(relation, root)->updatedCols;
#endif
}

/* The role whose permissions an UPDATE is checked with: a function since 16. */
static inline Oid
cfdw_result_check_user(ResultRelInfo *result, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	return ExecGetResultRelCheckAsUser(result, estate);
#else
	return exec_rt_fetch(result->ri_RangeTableIndex, estate)->checkAsUser;
#endif
}

/* One ACL check for all object classes since 16. */
static inline AclResult
cfdw_server_aclcheck(Oid serverid, Oid roleid, AclMode mode)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ForeignServerRelationId, serverid, roleid, mode);
#else
	return pg_foreign_server_aclcheck(serverid, roleid, mode);
#endif
}

/* InitMaterializedSRF since 15. */
#if PG_VERSION_NUM < 150000
#include "miscadmin.h"
#include "utils/tuplestore.h"

static inline void
InitMaterializedSRF(FunctionCallInfo fcinfo, bits32 flags)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;
	TupleDesc	desc;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		(rsinfo->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = tuplestore_begin_heap(rsinfo->allowedModes &
											  SFRM_Materialize_Random,
											  false, work_mem);
	rsinfo->setDesc = desc;
	MemoryContextSwitchTo(old);
}
#endif

/* The elements of an array of any type; deconstruct_array_builtin, since 16, knows few. */
static inline void
cfdw_array_items(ArrayType *array, Datum **items, bool **nulls, int *count)
{
	int16		typlen;
	bool		byval;
	char		align;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &typlen, &byval, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), typlen, byval, align, items, nulls, count);
}

/* estimate_array_length looks at statistics since 17. */
#if PG_VERSION_NUM >= 170000
#define cfdw_array_length(root, node) estimate_array_length((root), (node))
#else
#define cfdw_array_length(root, node) ((double) estimate_array_length(node))
#endif

/* Closest match of a mistyped word: in varlena.c since 16. */
#if PG_VERSION_NUM < 160000
#define MAX_LEVENSHTEIN_STRLEN 255

typedef struct ClosestMatchState
{
	const char *source;
	int			min_d;
	int			max_d;
	const char *match;
} ClosestMatchState;

static inline void
initClosestMatch(ClosestMatchState *state, const char *source, int max_d)
{
	state->source = source;
	state->min_d = -1;
	state->max_d = max_d;
	state->match = NULL;
}

static inline void
updateClosestMatch(ClosestMatchState *state, const char *candidate)
{
	int			dist;

	if (strlen(state->source) > MAX_LEVENSHTEIN_STRLEN ||
		strlen(candidate) > MAX_LEVENSHTEIN_STRLEN)
		return;
	dist = varstr_levenshtein_less_equal(state->source, strlen(state->source),
										 candidate, strlen(candidate),
										 1, 1, 1, state->max_d, true);
	if (dist <= state->max_d && dist <= (int) strlen(state->source) / 2 &&
		(state->min_d == -1 || dist < state->min_d))
	{
		state->min_d = dist;
		state->match = candidate;
	}
}

static inline const char *
getClosestMatch(ClosestMatchState *state)
{
	return state->match;
}
#endif

#endif							/* CFDW_COMPAT_H */
