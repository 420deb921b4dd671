/*-------------------------------------------------------------------------
 *
 * query.h
 *	  Reading a request's query parameters.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_QUERY_H
#define SANDBOX_QUERY_H

#include "text.h"

/*
 * Take the next parameter off *rest, decoded; false at the end.  The caller
 * frees both texts.
 */
extern bool query_next(const char **rest, Text *name, Text *value);

/* True if the whole text is a decimal number, which is then in *number. */
extern bool query_number(const Text *value, int64_t *number);

#endif							/* SANDBOX_QUERY_H */
