/*-------------------------------------------------------------------------
 *
 * text.h
 *	  Growing byte strings, and the few ways the sandbox writes into them.
 *
 * A Text starts as all zeroes, always has a NUL behind its last byte once
 * something was appended, and is freed by text_free or by whoever took its
 * data.  Running out of memory ends the program.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_TEXT_H
#define SANDBOX_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Text
{
	char	   *data;
	size_t		len;
	size_t		cap;
} Text;

/* Append a string literal. */
#define text_lit(text, literal) text_append(text, literal, sizeof(literal) - 1)

extern void *xcalloc(size_t n, size_t size);
extern void *xrealloc(void *old, size_t size);
extern char *xstrndup(const char *data, size_t len);

extern void text_append(Text *text, const char *data, size_t len);
extern void text_char(Text *text, char c);
extern void text_puts(Text *text, const char *string);
extern void text_printf(Text *text, const char *format,...)
			__attribute__((format(printf, 2, 3)));
extern void text_uint(Text *text, uint64_t value);
extern void text_hex(Text *text, uint64_t value, int digits);
extern void text_free(Text *text);

/*
 * Append a JSON string with its quotes.  Bytes which are not UTF-8 become
 * question marks, so that what is written can always be read back.
 */
extern void text_json(Text *text, const char *data, size_t len);

/* Append a CSV field in quotes; the same rule for bytes, and for NUL. */
extern void text_csv(Text *text, const char *data, size_t len);

/* An id: a letter or digit for the kind of thing, and its number. */
extern void text_uuid(Text *text, char kind, uint64_t number);

/*
 * Read a uuid.  False if it is not 8-4-4-4-12 hexadecimal digits.  Any uuid
 * which is none of ours has kind 0.
 */
extern bool uuid_parse(const char *data, size_t len, char *kind,
					   uint64_t *number);

/*
 * Undo percent-encoding into a fresh Text; in a form (a query) a plus sign
 * is a space.
 */
extern Text percent_decode(const char *data, size_t len, bool form);

#endif							/* SANDBOX_TEXT_H */
