/*-------------------------------------------------------------------------
 *
 * query.c
 *	  Reading a request's query parameters.
 *-------------------------------------------------------------------------
 */
#include "query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool
query_next(const char **rest, Text *name, Text *value)
{
	size_t		len,
				name_len;
	const char *at;

	while (**rest == '&')
		(*rest)++;
	at = *rest;
	if (*at == '\0')
		return false;

	len = strcspn(at, "&");
	name_len = strcspn(at, "=&");
	*name = percent_decode(at, name_len, true);
	if (name_len < len)
		*value = percent_decode(at + name_len + 1, len - name_len - 1, true);
	else
		*value = percent_decode("", 0, true);
	*rest = at + len;
	return true;
}

bool
query_number(const Text *value, int64_t *number)
{
	char	   *end;

	if (value->len == 0 || strspn(value->data, "+-0123456789") != value->len)
		return false;
	errno = 0;
	*number = strtoll(value->data, &end, 10);
	return errno == 0 && *end == '\0';
}
