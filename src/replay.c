/*-------------------------------------------------------------------------
 *
 * replay.c
 *	  Rows of a scan, kept for the next run that asks the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "replay.h"

#include "access/tupdesc.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

struct CfdwReplay
{
	MemoryContext cxt;
	TupleDesc	desc;
	char	   *question;		/* of the last run; NULL: none */
	Tuplestorestate *rows;		/* NULL: none were kept */
	bool		is_whole;
	TupleTableSlot *slot;		/* holds the row that was given last */
};

CfdwReplay *
cfdw_replay_create(TupleDesc desc)
{
	CfdwReplay *replay = palloc0(sizeof(CfdwReplay));

	replay->cxt = CurrentMemoryContext;
	replay->desc = CreateTupleDescCopy(desc);
	return replay;
}

static void
forget(CfdwReplay *replay)
{
	if (replay->slot != NULL)
		ExecClearTuple(replay->slot);
	if (replay->rows != NULL)
		tuplestore_end(replay->rows);
	replay->rows = NULL;
	replay->is_whole = false;
}

static void
begin_recording(CfdwReplay *replay)
{
	MemoryContext old = MemoryContextSwitchTo(replay->cxt);

	forget(replay);
	replay->rows = tuplestore_begin_heap(true, false, work_mem);
	if (replay->slot == NULL)
		replay->slot = MakeSingleTupleTableSlot(replay->desc, &TTSOpsMinimalTuple);
	MemoryContextSwitchTo(old);
}

CfdwReplayMode
cfdw_replay_begin(CfdwReplay *replay, const char *question)
{
	if (replay->question == NULL || strcmp(replay->question, question) != 0)
	{
		forget(replay);
		if (replay->question != NULL)
			pfree(replay->question);
		replay->question = MemoryContextStrdup(replay->cxt, question);
		return CFDW_REPLAY_NONE;
	}
	if (replay->is_whole)
	{
		tuplestore_rescan(replay->rows);
		return CFDW_REPLAY_PLAY;
	}
	begin_recording(replay);
	return CFDW_REPLAY_RECORD;
}

void
cfdw_replay_put(CfdwReplay *replay, TupleTableSlot *slot)
{
	tuplestore_puttupleslot(replay->rows, slot);
}

void
cfdw_replay_finish(CfdwReplay *replay)
{
	replay->is_whole = true;
}

bool
cfdw_replay_next(CfdwReplay *replay, TupleTableSlot *slot)
{
	int			natts = replay->desc->natts;

	/* a row that comes from a file must live until the slot lets it go */
	MemoryContext old = MemoryContextSwitchTo(replay->cxt);
	bool		found = tuplestore_gettupleslot(replay->rows, true, false, replay->slot);

	MemoryContextSwitchTo(old);
	if (!found)
		return false;
	slot_getallattrs(replay->slot);
	memcpy(slot->tts_values, replay->slot->tts_values, sizeof(Datum) * natts);
	memcpy(slot->tts_isnull, replay->slot->tts_isnull, sizeof(bool) * natts);
	ExecStoreVirtualTuple(slot);
	return true;
}

void
cfdw_replay_end(CfdwReplay *replay)
{
	forget(replay);
}
