/*-------------------------------------------------------------------------
 *
 * analyze.h
 *	  ANALYZE of foreign tables.
 *
 * Foreign-data wrapper callback.  Sampling reads the table once, through an
 * ordinary scan of every company in scope, as the table's owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_ANALYZE_H
#define CFDW_ANALYZE_H

#include "postgres.h"

#include "foreign/fdwapi.h"

extern bool cfdwAnalyzeForeignTable(Relation relation, AcquireSampleRowsFunc *func,
									BlockNumber *totalpages);

#endif							/* CFDW_ANALYZE_H */
