/*-------------------------------------------------------------------------
 *
 * json.c
 *	  Reading JSON bodies, of the API and of the control endpoints.
 *-------------------------------------------------------------------------
 */
#include "json.h"

#include <ctype.h>

static bool
only_space(const char *data, size_t len)
{
	while (len > 0 && isspace((unsigned char) data[len - 1]))
		len--;
	return len == 0;
}

json_object *
json_read(const char *data, size_t len)
{
	json_tokener *tokener = json_tokener_new();
	json_object *value;
	size_t		end;
	bool		whole;

	if (len == 0)
		data = "";				/* it may be NULL */
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT
						   | JSON_TOKENER_ALLOW_TRAILING_CHARS
						   | JSON_TOKENER_VALIDATE_UTF8);
	value = json_tokener_parse_ex(tokener, data, (int) len);
	end = json_tokener_get_parse_end(tokener);
	whole = json_tokener_get_error(tokener) == json_tokener_success
		&& only_space(data + end, len - end);
	json_tokener_free(tokener);

	if (whole)
		return value;
	json_object_put(value);
	return NULL;
}

json_object *
json_member(json_object *object, const char *name)
{
	json_object *value = NULL;

	json_object_object_get_ex(object, name, &value);
	return value;
}

bool
json_is_strings(json_object *value)
{
	if (!json_object_is_type(value, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(value); i++)
		if (!json_object_is_type(json_object_array_get_idx(value, i),
								 json_type_string))
			return false;
	return true;
}
