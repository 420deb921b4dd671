/*-------------------------------------------------------------------------
 *
 * answer.c
 *	  What a request is answered with, before it is put on the wire.
 *-------------------------------------------------------------------------
 */
#include "answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

Text *
answer_json(Answer *answer, int status)
{
	answer->status = status;
	answer->content_type = "application/json";
	text_free(&answer->body);
	return &answer->body;
}

void
answer_error(Answer *answer, int status, const char *format,...)
{
	Text	   *body = answer_json(answer, status);
	char		detail[512];
	va_list		args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);

	text_lit(body, "{\"detail\": ");
	text_json(body, detail, strlen(detail));
	text_lit(body, "}");
}

void
answer_html(Answer *answer, int status, const char *title)
{
	answer->status = status;
	answer->content_type = "text/html; charset=utf-8";
	text_free(&answer->body);
	text_printf(&answer->body,
				"<!DOCTYPE html>\n<html><head><title>%s</title></head>\n"
				"<body><h1>%s</h1></body></html>\n", title, title);
}
