/*-------------------------------------------------------------------------
 *
 * modify.c
 *	  UPDATE of a foreign table: what is refused, the acts of its rows, and what
 *	  became of them.
 *
 * PostgreSQL finds the rows, by an ordinary scan; each becomes a PATCH of the
 * assigned columns.  They are sent within the window while the scan goes on,
 * and the end of the statement waits for them.  Where somebody looks at a row
 * that was updated, each is waited for in turn.
 *
 * A row is known by its id, which no UPDATE changes, so the plan carries no
 * column for that beside the row itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "modify.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "act.h"
#include "bulk.h"
#include "compat.h"
#include "miscadmin.h"
#include "patch.h"
#include "target.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* Acts that wait or are under way, for each that may be under way. */
#define QUEUE_PER_SLOT 4

/* Ids, and failures, that a message names. */
#define MAX_NAMED 10

/* A row that the statement has updated: no padding, compared as bytes. */
typedef struct RowKey
{
	Oid			server;
	int			resource;
	pg_uuid_t	id;
} RowKey;

/* What one statement writes, to whichever of its tables. */
struct CfdwWriting
{
	MemoryContext cxt;
	List	   *modifies;		/* Modify */
	HTAB	   *rows;			/* those that were begun */

	/* what became of them */
	int64		done;
	List	   *done_ids;		/* the first ones */
	int64		failed;
	List	   *failures;		/* the first ones, a line each */
	CfdwFailure worst;			/* the first, or the first that may have
								 * happened */
};

/* The ri_FdwState of a table. */
typedef struct Modify
{
	const CfdwTable *table;
	CfdwSession *session;
	CfdwWriting *writing;
	const char *task;			/* message of errors */
	List	   *columns;		/* attributes that are sent */
	CfdwBulk   *bulk;
	int64		requests;
	const char *row;			/* id of the row at hand */

	/* where each row is waited for */
	bool		is_synchronous;
	CfdwDecoder *decoder;		/* of answers */
	CfdwHttpAnswer answer;		/* the last one; its body is in row_cxt */

	MemoryContext row_cxt;		/* reset with each row */
} Modify;

/* Places in the plan's fdw_private. */
enum
{
	MODIFY_COLUMNS,
	MODIFY_RETURNING
};

/* ---- what is refused ---- */

static bool
has_before_trigger(Relation relation)
{
	return relation->trigdesc != NULL && relation->trigdesc->trig_update_before_row;
}

int
cfdwIsForeignRelUpdatable(Relation relation)
{
	const CfdwTable *table = cfdw_table_try(relation);

	if (table == NULL || !table->options.updatable || table->options.read_only ||
		table->resource->patch == NULL ||
		cfdw_patch_id(table) == 0 || cfdw_patch_columns(table) == NIL ||
		has_before_trigger(relation))
		return 0;
	return 1 << CMD_UPDATE;
}

/* errhint() of a resource's sentence, where it has one. */
static int
hint_of(const char *sentence)
{
	return sentence ? errhint("%s", sentence) : 0;
}

static void
refuse_command(const CfdwTable *table, CmdType command)
{
	const CfdwInstead *instead = &table->resource->instead;

	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 command == CMD_DELETE ? errmsg("cannot delete from foreign table \"%s\"", table->name) :
			 errmsg("cannot insert into foreign table \"%s\"", table->name),
			 hint_of(command == CMD_DELETE ? instead->delete : instead->insert)));
}

/* Raise unless the table's options and columns allow an UPDATE. */
static void
check_table(const CfdwTable *table)
{
	const CfdwResource *resource = table->resource;

	if (resource->patch == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot update foreign table \"%s\"", table->name),
				 hint_of(resource->instead.update)));
	if (!table->options.updatable)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("foreign table \"%s\" does not allow updates", table->name),
				 errhint("The option \"updatable\" of the table or its server allows them. Without it, %s",
						 resource->instead.update)));
	if (table->options.read_only)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot execute UPDATE on server \"%s\": it is read_only",
						table->server_name)));
	if (cfdw_patch_id(table) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot update foreign table \"%s\": it has no column \"id\"", table->name)));
}

/* Raise where something would look at a row, or change it, after it was sent or before. */
static void
check_surroundings(const CfdwTable *table, ModifyTable *plan, int subplan_index)
{
	Relation	relation = table_open(table->relid, NoLock);
	bool		has_trigger = has_before_trigger(relation);

	table_close(relation, NoLock);
	if (plan->withCheckOptionLists != NIL && list_nth(plan->withCheckOptionLists, subplan_index) != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot update foreign table \"%s\" through a view WITH CHECK OPTION or a policy",
						table->name),
				 errdetail("The check could refuse a row only after it was sent."),
				 hint_of(table->resource->instead.update)));
	if (has_trigger)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot update foreign table \"%s\": it has a BEFORE ROW trigger", table->name),
				 errdetail("The trigger could change columns that the API cannot change."),
				 errhint("An AFTER trigger is possible.")));
}

/* Names in quotes, with commas. */
static void
append_name(StringInfo list, const char *name)
{
	appendStringInfo(list, "%s\"%s\"", list->len ? ", " : "", name);
}

static char *
attribute_names(const CfdwTable *table, List *attributes)
{
	StringInfoData list;
	ListCell   *lc;

	initStringInfo(&list);
	foreach(lc, attributes)
		append_name(&list, NameStr(TupleDescAttr(table->desc, lfirst_int(lc) - 1)->attname));
	return list.data;
}

/* Assigned attributes that cannot be sent; generated ones follow by themselves. */
static List *
unsendable(const CfdwTable *table, Bitmapset *assigned)
{
	List	   *found = NIL;

	for (int i = 0; i < table->desc->natts; i++)
		if (bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, assigned) &&
			!table->fits[i].is_generated && !cfdw_patch_takes(table, i + 1))
			found = lappend_int(found, i + 1);
	return found;
}

/* Attributes that the UPDATE sends, in the order of the catalogue. */
static List *
columns_to_send(const CfdwTable *table, Bitmapset *assigned)
{
	List	   *possible = cfdw_patch_columns(table);
	List	   *refused = unsendable(table, assigned);
	List	   *columns = NIL;
	ListCell   *lc;

	foreach(lc, possible)
		if (bms_is_member(lfirst_int(lc) - FirstLowInvalidHeapAttributeNumber, assigned))
		columns = lappend_int(columns, lfirst_int(lc));
	if (refused == NIL && columns != NIL)
		return columns;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 refused == NIL ? errmsg("cannot update foreign table \"%s\": no assigned column can be sent",
									 table->name) :
			 errmsg_plural("cannot update column %s of foreign table \"%s\"",
						   "cannot update columns %s of foreign table \"%s\"",
						   list_length(refused), attribute_names(table, refused), table->name),
			 possible == NIL ?
			 errdetail("The table has no column that the API can change: one that is generated, or has the option \"json_path\", is only read.") :
			 errdetail("The API can change: %s.", attribute_names(table, possible)),
			 hint_of(table->resource->instead.update)));
	return NIL;
}

List *
cfdwPlanForeignModify(PlannerInfo *root, ModifyTable *plan, Index result_relation,
					  int subplan_index)
{
	const CfdwTable *table = cfdw_table_get(planner_rt_fetch(result_relation, root)->relid);
	List	   *columns;

	if (plan->operation != CMD_UPDATE)
		refuse_command(table, plan->operation);
	check_table(table);
	check_surroundings(table, plan, subplan_index);
	columns = columns_to_send(table, cfdw_updated_columns(root, result_relation));
	return list_make2(columns, makeInteger(plan->returningLists != NIL));
}

/* ---- beginning ---- */

static void end_early(CfdwWriting *writing);

static CfdwWriting *
writing_of(EState *estate)
{
	CfdwWriting **place = cfdw_statement_writing(cfdw_statement_of(estate));
	HASHCTL		ctl = {
		.keysize = sizeof(RowKey),
		.entrysize = sizeof(RowKey),
		.hcxt = estate->es_query_cxt,
	};

	if (*place != NULL)
		return *place;
	*place = MemoryContextAllocZero(estate->es_query_cxt, sizeof(CfdwWriting));
	cfdw_statement_set_settle(cfdw_statement_of(estate), end_early);
	(*place)->cxt = estate->es_query_cxt;
	(*place)->rows = hash_create("connection_fdw updated rows", 256, &ctl,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return *place;
}

/* A decoder of what an answer may say of a row: all but its id and parents. */
static CfdwDecoder *
answer_decoder(const Modify *modify)
{
	const CfdwTable *table = modify->table;
	List	   *columns = NIL;

	for (int i = 0; i < table->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(table->desc, i);
		const CfdwFit *fit = &table->fits[i];

		if (att->attisdropped || fit->is_generated || att->attnum == cfdw_patch_id(table) ||
			(fit->column != NULL && fit->column->origin == CFDW_FROM_PARENT))
			continue;
		columns = lappend_int(columns, att->attnum);
	}
	return cfdw_decoder_create(table->resource, table->name, table->desc, table->fits, columns,
							   table->options.on_unknown_status,
							   modify->session->options.api_key);
}

/* Does a trigger look at rows, or at all of them, once they are updated? */
static bool
has_after_trigger(const ModifyTableState *node, const ResultRelInfo *result)
{
	const TriggerDesc *rows = result->ri_TrigDesc;
	const TriggerDesc *statement = node->rootResultRelInfo->ri_TrigDesc;

	return (rows != NULL && rows->trig_update_after_row) ||
		(statement != NULL && statement->trig_update_after_statement);
}

/* Raise where PostgreSQL would, but only after the first row was sent. */
static void
check_transition_tables(const ModifyTableState *node, const CfdwTable *table)
{
	if (node->mt_transition_capture == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot update foreign table \"%s\": a trigger of its parent has transition tables",
					table->name),
			 errdetail("PostgreSQL cannot collect rows of foreign tables in them.")));
}

static void take_outcome(void *arg, const CfdwBulkItem *item, const CfdwHttpAnswer *answer);

void
cfdwBeginForeignModify(ModifyTableState *node, ResultRelInfo *result, List *fdw_private,
					   int subplan_index, int eflags)
{
	EState	   *estate = node->ps.state;
	Oid			role = cfdw_result_check_user(result, estate);
	Modify	   *modify;

	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	modify = palloc0(sizeof(Modify));
	modify->table = cfdw_table_get(RelationGetRelid(result->ri_RelationDesc));
	modify->session = cfdw_session_get(modify->table->server, OidIsValid(role) ? role : GetUserId());
	cfdw_target_check_command(modify->session, "UPDATE");
	check_transition_tables(node, modify->table);
	modify->writing = writing_of(estate);
	modify->task = psprintf("could not update foreign table \"%s\" on server \"%s\"",
							modify->table->name, modify->table->server_name);
	modify->columns = list_nth(fdw_private, MODIFY_COLUMNS);
	modify->bulk = cfdw_bulk_create_stream(modify->session, take_outcome, modify);
	modify->is_synchronous = intVal(list_nth(fdw_private, MODIFY_RETURNING)) != 0 ||
		has_after_trigger(node, result);
	if (modify->is_synchronous)
		modify->decoder = answer_decoder(modify);
	modify->row_cxt = AllocSetContextCreate(CurrentMemoryContext, "connection_fdw updated row",
											ALLOCSET_DEFAULT_SIZES);
	modify->writing->modifies = lappend(modify->writing->modifies, modify);
	result->ri_FdwState = modify;
}

/* ---- what became of acts ---- */

static void
note_failure(Modify *modify, const CfdwBulkItem *item, const CfdwHttpAnswer *answer)
{
	CfdwWriting *writing = modify->writing;
	CfdwFailure failure;
	ListCell   *lc;

	cfdw_session_failure(modify->session, modify->task, CFDW_PATCH, pstrdup(item->act.path),
						 answer, &failure);
	if (writing->failed++ == 0 ||
		(failure.cause == CFDW_MAYBE_DONE && writing->worst.cause != CFDW_MAYBE_DONE))
		writing->worst = failure;
	if (list_length(writing->failures) < MAX_NAMED)
		writing->failures = lappend(writing->failures,
									psprintf("%s: %s", item->act.target, cfdw_failure_detail(&failure)));
	foreach(lc, writing->modifies)
		cfdw_bulk_stop(((Modify *) lfirst(lc))->bulk);
}

static void
note_success(Modify *modify, const CfdwBulkItem *item)
{
	CfdwWriting *writing = modify->writing;

	writing->done++;
	if (list_length(writing->done_ids) < MAX_NAMED)
		writing->done_ids = lappend(writing->done_ids, pstrdup(item->act.id));
}

/* Keep an answer that somebody will look at. */
static void
keep_answer(Modify *modify, const CfdwHttpAnswer *answer)
{
	char	   *body = MemoryContextAllocHuge(modify->row_cxt, answer->len + 1);

	memcpy(body, answer->body, answer->len);
	body[answer->len] = '\0';
	modify->answer = *answer;
	modify->answer.body = body;
}

/* The bulk's callback: an act is done, well or not. */
static void
take_outcome(void *arg, const CfdwBulkItem *item, const CfdwHttpAnswer *answer)
{
	Modify	   *modify = arg;
	MemoryContext old = MemoryContextSwitchTo(modify->writing->cxt);

	if (answer->cause != CFDW_OK)
		note_failure(modify, item, answer);
	else
		note_success(modify, item);
	if (modify->is_synchronous)
		keep_answer(modify, answer);
	MemoryContextSwitchTo(old);
}

/* Let no act begin any more, and wait for those under way; how many did not begin. */
static int64
settle(CfdwWriting *writing)
{
	int64		dropped = 0;
	ListCell   *lc;

	foreach(lc, writing->modifies)
		cfdw_bulk_stop(((Modify *) lfirst(lc))->bulk);
	foreach(lc, writing->modifies)
	{
		Modify	   *modify = lfirst(lc);

		cfdw_bulk_drain(modify->bulk);
		dropped += modify->bulk->dropped;
	}
	return dropped;
}

/* What was done before a statement failed, and what was not, in sentences. */
static void
append_outcome(StringInfo text, const CfdwWriting *writing, int64 dropped)
{
	StringInfoData ids;
	ListCell   *lc;

	foreach(lc, writing->failures)
		appendStringInfo(text, "%s\n", (char *) lfirst(lc));
	if (writing->failed > MAX_NAMED)
		appendStringInfo(text, "%lld more failed.\n", (long long) writing->failed - MAX_NAMED);
	initStringInfo(&ids);
	foreach(lc, writing->done_ids)
		append_name(&ids, lfirst(lc));
	if (writing->done == 0)
		appendStringInfoString(text, writing->failed > 0 && writing->worst.cause == CFDW_MAYBE_DONE ?
							   "No other row was updated." : "Nothing was updated.");
	else
		appendStringInfo(text, "Updated before: %s", ids.data);
	if (writing->done > MAX_NAMED)
		appendStringInfo(text, " and %lld more", (long long) writing->done - MAX_NAMED);
	if (writing->done > 0)
		appendStringInfoChar(text, '.');
	if (dropped > 0)
		appendStringInfo(text, "\nFound and not sent: %lld.", (long long) dropped);
}

/* Some act has failed: wait for the others under way and raise once. */
static void
raise_failure(CfdwWriting *writing)
{
	StringInfoData detail;
	int64		dropped = settle(writing);

	initStringInfo(&detail);
	append_outcome(&detail, writing, dropped);
	cfdw_raise_detailed(&writing->worst, detail.data);
}

/*
 * The statement fails over what it reads: wait for the acts under way, and
 * tell of all that were sent, since the error speaks of something else.
 */
static void
end_early(CfdwWriting *writing)
{
	StringInfoData detail;
	int64		dropped = settle(writing);

	if (writing->done == 0 && writing->failed == 0)
		return;
	initStringInfo(&detail);
	append_outcome(&detail, writing, dropped);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("an UPDATE that fails has sent some of its rows"),
			 errdetail_internal("%s", detail.data)));
}

static void
raise_if_failed(CfdwWriting *writing)
{
	if (writing->failed > 0)
		raise_failure(writing);
}

/* DETAIL of an error about a row that is not sent: what became of the others. */
static char *
outcome_of_others(CfdwWriting *writing)
{
	StringInfoData text;
	int64		dropped = settle(writing);

	raise_if_failed(writing);
	initStringInfo(&text);
	append_outcome(&text, writing, dropped);
	return text.data;
}

static void
refuse_value(Modify *modify, const CfdwPatchDefect *defect)
{
	char	   *outcome = outcome_of_others(modify->writing);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 defect->value ? errmsg("cannot set column \"%s\" of foreign table \"%s\" to \"%s\"",
									defect->column, modify->table->name, defect->value) :
			 errmsg("cannot set column \"%s\" of foreign table \"%s\" to null",
					defect->column, modify->table->name),
			 errdetail_internal("%s", outcome),
			 errhint("%s", defect->hint)));
}

/* ---- rows ---- */

/*
 * Is it the first time that the statement updates this row?  A heap table is
 * updated by the first of several joined rows, too.
 */
static bool
claim_row(Modify *modify, const char *id)
{
	RowKey		key;
	bool		found;

	memset(&key, 0, sizeof(key));
	key.server = modify->table->server;
	key.resource = modify->table->resource - cfdw_resources;
	(void) cfdw_text_to_uuid(id, strlen(id), &key.id);
	(void) hash_search(modify->writing->rows, &key, HASH_ENTER, &found);
	return !found;
}

static void
add_act(Modify *modify, TupleTableSlot *slot, const char *id)
{
	const CfdwEndpoint *endpoint = modify->table->resource->patch;
	CfdwPatchDefect defect;
	char	   *body = cfdw_patch_body(modify->table, modify->columns, slot, &defect);

	if (body == NULL)
		refuse_value(modify, &defect);
	modify->requests++;
	cfdw_bulk_add(modify->bulk, &(CfdwAct) {
		.id = id, .act = psprintf("UPDATE %s", body),
		.target = psprintf("%s \"%s\"", endpoint->element, id),
		.path = cfdw_endpoint_path(endpoint, id), .body = body
	});
}

static void
add_context(void *arg)
{
	Modify	   *modify = arg;

	errcontext("answer to an update that was made: %s \"%s\"",
			   modify->table->resource->patch->element, modify->row);
}

/* Put what the API answered over the row. */
static void
show_answer(Modify *modify, TupleTableSlot *slot, const char *id)
{
	CfdwDefect	defect;
	const CfdwJsonNode *object = cfdw_session_object(cfdw_json_create(), &modify->answer, &defect);
	CfdwElement element = {
		.row = object,
		.parent = object,
		.path = cfdw_endpoint_path(modify->table->resource->patch, id),
	};
	ErrorContextCallback callback = {
		.callback = add_context,
		.arg = modify,
		.previous = error_context_stack,
	};
	int			natts = modify->table->desc->natts;
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *isnull = palloc(sizeof(bool) * natts);
	HeapTuple	tuple;

	/* an act that was made is not undone by an answer that says nothing */
	if (object == NULL || !cfdw_act_names(object, "id", id))
		return;
	slot_getallattrs(slot);
	memcpy(values, slot->tts_values, sizeof(Datum) * natts);
	memcpy(isnull, slot->tts_isnull, sizeof(bool) * natts);
	error_context_stack = &callback;
	cfdw_decode_over(modify->decoder, &element, values, isnull);
	error_context_stack = callback.previous;
	tuple = heap_form_tuple(slot->tts_tupleDescriptor, values, isnull);

	/* RETURNING may name system columns, which a remote row has not */
	HeapTupleHeaderSetXmin(tuple->t_data, InvalidTransactionId);
	HeapTupleHeaderSetXmax(tuple->t_data, InvalidTransactionId);
	HeapTupleHeaderSetCmin(tuple->t_data, InvalidTransactionId);
	ExecForceStoreHeapTuple(tuple, slot, false);
}

/* Let all acts of the statement go on; wait only where too many queue here. */
static void
advance(Modify *modify)
{
	int			most = modify->session->options.max_concurrency * QUEUE_PER_SLOT;
	ListCell   *lc;

	for (;;)
	{
		cfdw_http_poll();
		foreach(lc, modify->writing->modifies)
			cfdw_bulk_advance(((Modify *) lfirst(lc))->bulk);
		raise_if_failed(modify->writing);
		if (cfdw_bulk_open(modify->bulk) < most)
			return;
		cfdw_http_wait();
	}
}

TupleTableSlot *
cfdwExecForeignUpdate(EState *estate, ResultRelInfo *result, TupleTableSlot *slot,
					  TupleTableSlot *plan_slot)
{
	Modify	   *modify = result->ri_FdwState;
	char		id[CFDW_UUID_TEXT_SIZE];
	MemoryContext old;
	bool		is_first;

	MemoryContextReset(modify->row_cxt);
	old = MemoryContextSwitchTo(modify->row_cxt);
	cfdw_patch_row_id(modify->table, slot, id);
	modify->row = id;
	is_first = claim_row(modify, id);
	if (is_first)
		add_act(modify, slot, id);
	if (is_first && modify->is_synchronous)
	{
		cfdw_bulk_drain(modify->bulk);
		raise_if_failed(modify->writing);
		show_answer(modify, slot, id);
	}
	else
		advance(modify);
	MemoryContextSwitchTo(old);
	return is_first ? slot : NULL;
}

/* ---- the end ---- */

/* Wait for all acts of the statement. */
static void
drain(CfdwWriting *writing)
{
	ListCell   *lc;

	foreach(lc, writing->modifies)
		cfdw_bulk_drain(((Modify *) lfirst(lc))->bulk);
	raise_if_failed(writing);
}

void
cfdwEndForeignModify(EState *estate, ResultRelInfo *result)
{
	Modify	   *modify = result->ri_FdwState;

	if (modify != NULL)
		drain(modify->writing);
}

void
cfdwExplainForeignModify(ModifyTableState *node, ResultRelInfo *result, List *fdw_private,
						 int subplan_index, ExplainState *es)
{
	const CfdwTable *table = cfdw_table_get(RelationGetRelid(result->ri_RelationDesc));
	const CfdwEndpoint *endpoint = table->resource->patch;
	Modify	   *modify = result->ri_FdwState;
	char	   *key = psprintf("{%s}", endpoint->key);

	ExplainPropertyText("Remote Update", psprintf("PATCH %s", cfdw_endpoint_path(endpoint, key)), es);
	ExplainPropertyList("Remote Members",
						cfdw_patch_members(table, list_nth(fdw_private, MODIFY_COLUMNS)), es);

	/* the end of the plan waits for them, which counts as its time */
	if (es->analyze && modify != NULL)
		ExplainPropertyInteger("Requests", NULL, modify->requests, es);
}
