/*-------------------------------------------------------------------------
 *
 * async.h
 *	  Scans that run side by side under an Append.
 *
 * Foreign-data wrapper callbacks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_ASYNC_H
#define CFDW_ASYNC_H

#include "postgres.h"

#include "foreign/fdwapi.h"

extern bool cfdwIsForeignPathAsyncCapable(ForeignPath *path);
extern void cfdwForeignAsyncRequest(AsyncRequest *areq);
extern void cfdwForeignAsyncConfigureWait(AsyncRequest *areq);
extern void cfdwForeignAsyncNotify(AsyncRequest *areq);

#endif							/* CFDW_ASYNC_H */
