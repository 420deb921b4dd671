/*-------------------------------------------------------------------------
 *
 * webhook.h
 *	  Webhooks as the API's provider of them sends them: made, signed, sent.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_WEBHOOK_H
#define SANDBOX_WEBHOOK_H

#include "answer.h"
#include "json.h"

/*
 * Make a webhook as the specification has it, sign it, and send it to the
 * specification's URL, if it names one; the answer says what came of it.
 * Needs data for itself while it runs, which is until all is sent.
 */
extern void webhook_send(json_object *spec, Answer *answer);

#endif							/* SANDBOX_WEBHOOK_H */
