/*-------------------------------------------------------------------------
 *
 * webhook.h
 *	  Webhooks: is one signed with the user mapping's secret, and what it says.
 *
 * Nothing here sends a request, and the mapping needs no API key.  What is
 * done with a webhook is SQL: nectar.receive_webhook().
 *
 *-------------------------------------------------------------------------
 */
#ifndef CFDW_WEBHOOK_H
#define CFDW_WEBHOOK_H

#include "postgres.h"

#include "fmgr.h"

/*
 * verify_webhook(body, svix_id, svix_timestamp, svix_signature, server): the
 * body less secrets; raises with CFDW_WEBHOOK_REFUSED unless it is signed, now.
 */
extern PGDLLEXPORT Datum connection_fdw_verify_webhook(PG_FUNCTION_ARGS);

#endif							/* CFDW_WEBHOOK_H */
