/*-------------------------------------------------------------------------
 *
 * companion.c
 *	  Which scans are certain to run once one of them does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "companion.h"

#include "compat.h"

static List *
arms_of(const Plan *plan)
{
	if (IsA(plan, Append))
		return ((const Append *) plan)->appendplans;
	if (IsA(plan, MergeAppend))
		return ((const MergeAppend *) plan)->mergeplans;
	return NIL;
}

/* Arms that parameters may prune while the statement runs need not run. */
static bool
may_be_pruned(const Plan *plan)
{
	if (IsA(plan, Append))
		return cfdw_is_pruned((const Append *) plan);
	return IsA(plan, MergeAppend) && cfdw_is_pruned((const MergeAppend *) plan);
}

/* The scans below a plan that is read to its end, as far as they surely run. */
static List *
collect(Plan *plan)
{
	List	   *found = NIL;
	ListCell   *lc;

	if (plan == NULL)
		return NIL;
	switch (nodeTag(plan))
	{
		case T_ForeignScan:
			return bms_is_empty(plan->extParam) ? list_make1(plan) : NIL;
		case T_Append:
		case T_MergeAppend:
			foreach(lc, may_be_pruned(plan) ? NIL : arms_of(plan))
				found = list_concat(found, collect(lfirst(lc)));
			return found;
		case T_SubqueryScan:
			return collect(((SubqueryScan *) plan)->subplan);
		case T_Result:
			return ((Result *) plan)->resconstantqual ? NIL : collect(outerPlan(plan));
		case T_Agg:
		case T_Sort:
		case T_WindowAgg:
		case T_Unique:
		case T_ProjectSet:
			return collect(outerPlan(plan));
		default:
			return NIL;
	}
}

/* Does the node read its input to the end, whoever reads the node? */
static bool
reads_all(const Plan *plan)
{
	return IsA(plan, Sort) || IsA(plan, Hash) ||
		(IsA(plan, Agg) && ((const Agg *) plan)->aggstrategy != AGG_SORTED);
}

/* Search below a plan for the scan's Append; may_stop: it may not be read to its end. */
static List *
find(Plan *plan, const Plan *scan, bool may_stop)
{
	List	   *found = NIL;
	ListCell   *lc;

	if (plan == NULL || plan == scan)
		return NIL;
	may_stop = (may_stop || IsA(plan, Limit)) && !reads_all(plan);
	if (!may_stop && arms_of(plan) != NIL)
		found = collect(plan);
	if (list_member_ptr(found, scan))
		return found;
	found = NIL;
	foreach(lc, arms_of(plan))
		found = found ? found : find(lfirst(lc), scan, may_stop);
	if (found == NIL && IsA(plan, SubqueryScan))
		found = find(((SubqueryScan *) plan)->subplan, scan, may_stop);
	if (found == NIL)
		found = find(outerPlan(plan), scan, may_stop);
	if (found == NIL)
		found = find(innerPlan(plan), scan, may_stop || IsA(plan, NestLoop));
	return found;
}

List *
cfdw_companions(const PlannedStmt *planned, const Plan *scan)
{
	return find(planned->planTree, scan, false);
}
