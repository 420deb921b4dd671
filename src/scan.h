/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  Begin, iterate, rescan, end; EXPLAIN.
 *
 * Foreign-data wrapper callbacks.  The first IterateForeignScan sends the
 * first request; nothing before does.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_SCAN_H
#define CFDW_SCAN_H

#include "postgres.h"

#include "foreign/fdwapi.h"

extern void cfdwBeginForeignScan(ForeignScanState *node, int eflags);
extern TupleTableSlot *cfdwIterateForeignScan(ForeignScanState *node);
extern void cfdwReScanForeignScan(ForeignScanState *node);
extern void cfdwEndForeignScan(ForeignScanState *node);
extern void cfdwExplainForeignScan(ForeignScanState *node, struct ExplainState *es);

#endif							/* CFDW_SCAN_H */
