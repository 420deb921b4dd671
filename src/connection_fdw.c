/*-------------------------------------------------------------------------
 *
 * connection_fdw.c
 *	  Handler and validator: wiring only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "connection_fdw.h"

#include "access/reloptions.h"
#include "analyze.h"
#include "async.h"
#include "count.h"
#include "foreign/fdwapi.h"
#include "import.h"
#include "modify.h"
#include "node.h"
#include "options.h"
#include "plan.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(connection_fdw_handler);
PG_FUNCTION_INFO_V1(connection_fdw_validator);

Datum
connection_fdw_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = cfdwGetForeignRelSize;
	routine->GetForeignPaths = cfdwGetForeignPaths;
	routine->GetForeignUpperPaths = cfdwGetForeignUpperPaths;
	routine->GetForeignPlan = cfdwGetForeignPlan;
	routine->BeginForeignScan = cfdwBeginForeignScan;
	routine->IterateForeignScan = cfdwIterateForeignScan;
	routine->ReScanForeignScan = cfdwReScanForeignScan;
	routine->EndForeignScan = cfdwEndForeignScan;
	routine->ExplainForeignScan = cfdwExplainForeignScan;
	routine->IsForeignPathAsyncCapable = cfdwIsForeignPathAsyncCapable;
	routine->ForeignAsyncRequest = cfdwForeignAsyncRequest;
	routine->ForeignAsyncConfigureWait = cfdwForeignAsyncConfigureWait;
	routine->ForeignAsyncNotify = cfdwForeignAsyncNotify;
	routine->IsForeignRelUpdatable = cfdwIsForeignRelUpdatable;
	routine->PlanForeignModify = cfdwPlanForeignModify;
	routine->BeginForeignModify = cfdwBeginForeignModify;
	routine->ExecForeignUpdate = cfdwExecForeignUpdate;
	routine->EndForeignModify = cfdwEndForeignModify;
	routine->ExplainForeignModify = cfdwExplainForeignModify;
	routine->AnalyzeForeignTable = cfdwAnalyzeForeignTable;
	routine->ImportForeignSchema = cfdwImportForeignSchema;
	PG_RETURN_POINTER(routine);
}

Datum
connection_fdw_validator(PG_FUNCTION_ARGS)
{
	List	   *options = untransformRelOptions(PG_GETARG_DATUM(0));

	cfdw_options_validate(options, cfdw_place_of_catalog(PG_GETARG_OID(1)));
	PG_RETURN_VOID();
}
