/*-------------------------------------------------------------------------
 *
 * strict.h
 *	  A second opinion on what JSON is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef FUZZ_STRICT_H
#define FUZZ_STRICT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Is the text one JSON value by RFC 8259, bytes from 0x80 on allowed as they
 * are, and how many objects and arrays are around its innermost one, itself
 * included?
 */
extern bool strict_json(const char *text, size_t len, int *levels);

#endif							/* FUZZ_STRICT_H */
