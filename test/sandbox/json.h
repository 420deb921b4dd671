/*-------------------------------------------------------------------------
 *
 * json.h
 *	  Reading JSON bodies, of the API and of the control endpoints.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_JSON_H
#define SANDBOX_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

/* The one JSON value in data, to be put by the caller; NULL if malformed. */
extern json_object *json_read(const char *data, size_t len);

/* A member, NULL if it is missing or null. */
extern json_object *json_member(json_object *object, const char *name);

/* True if the value is an array which holds nothing but strings. */
extern bool json_is_strings(json_object *value);

#endif							/* SANDBOX_JSON_H */
