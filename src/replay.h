/*-------------------------------------------------------------------------
 *
 * replay.h
 *	  Rows of a scan, kept for the next run that asks the same.
 *
 * A nested loop may run a scan for many outer rows that name the same key.
 * The memo saves their requests; this saves reading the answers again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_REPLAY_H
#define CFDW_REPLAY_H

#include "postgres.h"

#include "executor/tuptable.h"

typedef struct CfdwReplay CfdwReplay;

typedef enum CfdwReplayMode
{
	CFDW_REPLAY_NONE,			/* read, keep nothing */
	CFDW_REPLAY_RECORD,			/* read, and put each row */
	CFDW_REPLAY_PLAY			/* take rows from here */
} CfdwReplayMode;

/* Lives in the current memory context; rows beyond work_mem go to a file. */
extern CfdwReplay *cfdw_replay_create(TupleDesc desc);

/*
 * A run begins that asks this question.  Rows are kept from the second time
 * on that a question is asked in a row, so that what is asked once costs
 * nothing.
 */
extern CfdwReplayMode cfdw_replay_begin(CfdwReplay *replay, const char *question);

/* Keep a row; the last one was kept. */
extern void cfdw_replay_put(CfdwReplay *replay, TupleTableSlot *slot);
extern void cfdw_replay_finish(CfdwReplay *replay);

/* Fill the slot with the next row, valid until the next call; false at the end. */
extern bool cfdw_replay_next(CfdwReplay *replay, TupleTableSlot *slot);

/* Close the file.  Not needed after an error. */
extern void cfdw_replay_end(CfdwReplay *replay);

#endif							/* CFDW_REPLAY_H */
