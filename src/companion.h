/*-------------------------------------------------------------------------
 *
 * companion.h
 *	  Which scans are certain to run once one of them does.
 *
 * PostgreSQL runs the arms of an Append side by side only where an arm is a
 * bare scan.  For all others it is enough to send their requests early.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_COMPANION_H
#define CFDW_COMPANION_H

#include "postgres.h"

#include "nodes/plannodes.h"

/*
 * The ForeignScan plans below the same Append as this one that will be read
 * to their end because the Append is; NIL when there is no such Append, or
 * something above may stop it early.  The scan itself is among them.
 */
extern List *cfdw_companions(const PlannedStmt *planned, const Plan *scan);

#endif							/* CFDW_COMPANION_H */
