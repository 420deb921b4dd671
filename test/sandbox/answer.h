/*-------------------------------------------------------------------------
 *
 * answer.h
 *	  What a request is answered with, before it is put on the wire.
 *
 * An Answer starts as all zeroes.  Its body is owned by it until it is
 * delivered; the header values are copied at delivery.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_ANSWER_H
#define SANDBOX_ANSWER_H

#include "text.h"

typedef struct Answer
{
	int			status;
	Text		body;

	/* headers, NULL where there is none */
	const char *content_type;
	const char *content_encoding;
	const char *retry_after;
	const char *location;
	const char *allow;
} Answer;

/* Set status and type of a JSON answer whose body the caller writes. */
extern Text *answer_json(Answer *answer, int status);

/* An error as the API has it: an object with a detail. */
extern void answer_error(Answer *answer, int status, const char *format,...)
			__attribute__((format(printf, 3, 4)));

/* A page as a proxy in between would send it. */
extern void answer_html(Answer *answer, int status, const char *title);

#endif							/* SANDBOX_ANSWER_H */
