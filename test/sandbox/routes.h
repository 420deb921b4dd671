/*-------------------------------------------------------------------------
 *
 * routes.h
 *	  The API's endpoints.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_ROUTES_H
#define SANDBOX_ROUTES_H

#include "answer.h"
#include "render.h"

typedef struct ApiCall
{
	const char *method;
	const char *path;			/* below the base, as received */
	const char *query;			/* as received, "" if there was none */
	const Text *body;
	bool		key_present;
	bool		key_ok;
	const View *view;
} ApiCall;

/*
 * Answer a request below the base URL: carry it out, or say what is wrong
 * with it.  Needs the data for itself while it runs.
 */
extern void routes_answer(const ApiCall *call, Answer *answer);

#endif							/* SANDBOX_ROUTES_H */
