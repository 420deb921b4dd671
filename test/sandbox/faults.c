/*-------------------------------------------------------------------------
 *
 * faults.c
 *	  Ways to misbehave, set by tests over the control endpoint.
 *
 * A kind of fault is a row of kinds[], a member of its description a row of
 * fields[].
 *-------------------------------------------------------------------------
 */
#include "faults.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bomb.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define FOREVER INT64_MAX

typedef struct Kind Kind;

struct Fault
{
	Fault	   *next;
	const Kind *kind;
	int			id;
	int			refs;			/* the list's, and those of requests */

	/* which requests */
	char	   *method;
	char	   *path;
	char	   *query;
	int64_t		nth;
	int64_t		times;
	int64_t		seen;
	int64_t		hits;

	/* parameters; which ones count is up to the kind */
	int64_t		status;
	int64_t		delay_ms;
	int64_t		size;
	int64_t		at;
	int64_t		per_page;
	bool		missing;
	bool		accounts;
	char	   *retry_after;
	char	   *content_type;
	char	   *label;
	char	   *location;
	Text		body;
	json_object *set;
	json_object *unset;
};

/* --- kinds that replace the answer --- */

static void
answer_as_told(const Fault *fault, Answer *answer)
{
	Text	   *body = answer_json(answer, fault->status);

	text_append(body, fault->body.data, fault->body.len);
	if (fault->content_type)
		answer->content_type = fault->content_type;
}

static void
replace_status(const Fault *fault, Answer *answer)
{
	if (fault->body.data)
		answer_as_told(fault, answer);
	else
		answer_error(answer, fault->status, "The sandbox was told to answer "
					 "%d.", (int) fault->status);
	answer->retry_after = fault->retry_after;
}

static void
replace_html(const Fault *fault, Answer *answer)
{
	(void) fault;
	answer_html(answer, 200, "Scheduled maintenance");
}

static void
replace_wrong_envelope(const Fault *fault, Answer *answer)
{
	(void) fault;
	text_lit(answer_json(answer, 200), "{\"items\": [], \"count\": 0}");
}

static void
replace_not_found(const Fault *fault, Answer *answer)
{
	(void) fault;
	answer_error(answer, 404, "Not found.");
}

static void
replace_not_found_html(const Fault *fault, Answer *answer)
{
	(void) fault;
	answer_html(answer, 404, "404 Not Found");
}

static void
replace_redirect(const Fault *fault, Answer *answer)
{
	answer_error(answer, 302, "Found");
	answer->location = fault->location;
}

static void
replace_nothing_yet(const Fault *fault, Answer *answer)
{
	(void) fault;
	answer_json(answer, 200);	/* the body is made while it is sent */
}

static void
replace_gzip_bomb(const Fault *fault, Answer *answer)
{
	bomb_append(answer_json(answer, 200), fault->size);
	answer->content_encoding = "gzip";
}

/* --- kinds that bend the view --- */

static void
bend_no_accounts(const Fault *fault, View *view)
{
	view->accounts = fault->missing ? NESTED_MISSING : NESTED_EMPTY;
}

static void
bend_no_sites(const Fault *fault, View *view)
{
	view->sites = fault->missing ? NESTED_MISSING : NESTED_EMPTY;
}

static void
bend_unknown_label(const Fault *fault, View *view)
{
	view->label = fault->label;
	view->label_at = fault->at;
	view->label_account = fault->accounts;
}

static void
bend_repeat_page(const Fault *fault, View *view)
{
	(void) fault;
	view->paging = PAGING_REPEAT;
}

static void
bend_total_changes(const Fault *fault, View *view)
{
	(void) fault;
	view->paging = PAGING_TOTAL_CHANGES;
}

static void
bend_shrink(const Fault *fault, View *view)
{
	(void) fault;
	view->paging = PAGING_SHRINK;
}

static void
bend_invitation_pages(const Fault *fault, View *view)
{
	view->per_page = fault->per_page;
}

/* --- kinds that alter the finished answer --- */

/* The comma between two members which is the first one past the middle. */
static char *
middle_comma(const Text *body)
{
	char	   *found = NULL;
	bool		quoted = false;

	for (size_t i = 0; i < body->len; i++)
	{
		if (quoted && body->data[i] == '\\')
			i++;
		else if (body->data[i] == '"')
			quoted = !quoted;
		else if (body->data[i] == ',' && !quoted)
		{
			found = &body->data[i];
			if (i >= body->len / 2)
				break;
		}
	}
	return found;
}

/* Break the syntax, not the text of some string. */
static void
alter_malformed(const Fault *fault, Answer *answer)
{
	char	   *comma = middle_comma(&answer->body);

	(void) fault;
	answer->status = 200;
	if (comma != NULL)
		*comma = ';';
	else
		text_lit(&answer->body, ";");
}

static json_object *
first_element(json_object *root)
{
	static const char *const names[] = {"connections", "invitations"};
	json_object *list = root;

	for (size_t i = 0; i < LENGTH(names); i++)
		if (json_object_is_type(root, json_type_object)
			&& json_object_is_type(json_member(root, names[i]),
								   json_type_array))
			list = json_member(root, names[i]);
	if (json_object_is_type(list, json_type_array))
		return json_object_array_get_idx(list, 0);
	return root;
}

static void
unset_members(json_object *element, json_object *names)
{
	for (size_t i = 0; i < json_object_array_length(names); i++)
	{
		json_object *name = json_object_array_get_idx(names, i);

		json_object_object_del(element, json_object_get_string(name));
	}
}

static void
patch_element(json_object *element, const Fault *fault)
{
	if (fault->set)
	{
		json_object_object_foreach(fault->set, name, value)
			json_object_object_add(element, name, json_object_get(value));
	}
	if (fault->unset)
		unset_members(element, fault->unset);
}

static void
alter_patch(const Fault *fault, Answer *answer)
{
	json_object *root = json_read(answer->body.data, answer->body.len);
	json_object *element = first_element(root);
	int			style = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;

	if (json_object_is_type(element, json_type_object))
	{
		patch_element(element, fault);
		answer->body.len = 0;
		text_puts(&answer->body, json_object_to_json_string_ext(root, style));
	}
	json_object_put(root);
}

/* --- the tables --- */

struct Kind
{
	const char *name;
	const char *takes;			/* names of its fields, blank separated */
	const char *needs;			/* a field without which it is no use */
	Delivery	delivery;
	void		(*replace) (const Fault *fault, Answer *answer);
	void		(*bend) (const Fault *fault, View *view);
	void		(*alter) (const Fault *fault, Answer *answer);
};

static const Kind kinds[] = {
	{"status", " status retry_after body body_base64 content_type ", "status",
	 .replace = replace_status},
	{"delay", " delay_ms ", "delay_ms", .delivery = DELIVER_DELAYED},
	{"hang", " ", .delivery = DELIVER_NEVER},
	{"trickle", " delay_ms ", "delay_ms", .delivery = DELIVER_TRICKLED},
	{"reset", " ", .delivery = DELIVER_RESET},
	{"truncate", " ", .delivery = DELIVER_HALF},
	{"malformed", " ", .alter = alter_malformed},
	{"html", " ", .replace = replace_html},
	{"wrong_envelope", " ", .replace = replace_wrong_envelope},
	{"no_accounts", " missing ", .bend = bend_no_accounts},
	{"no_sites", " missing ", .bend = bend_no_sites},
	{"unknown_label", " label at accounts ", "label",
	 .bend = bend_unknown_label},
	{"repeat_page", " ", .bend = bend_repeat_page},
	{"total_changes", " ", .bend = bend_total_changes},
	{"shrink", " ", .bend = bend_shrink},
	{"invitation_pages", " per_page ", "per_page",
	 .bend = bend_invitation_pages},
	{"read_close", " ", .delivery = DELIVER_CLOSE},
	{"not_found", " ", .replace = replace_not_found},
	{"not_found_html", " ", .replace = replace_not_found_html},
	{"redirect", " location ", "location", .replace = replace_redirect},
	{"body", " body body_base64 status content_type ",
	 .replace = answer_as_told},
	{"patch", " set unset ", .alter = alter_patch},
	{"huge", " size ", "size", .delivery = DELIVER_HUGE,
	 .replace = replace_nothing_yet},
	{"gzip_bomb", " size ", "size", .replace = replace_gzip_bomb},
};

typedef enum FieldType
{
	FIELD_NUMBER,
	FIELD_BOOL,
	FIELD_STRING,
	FIELD_BYTES,
	FIELD_BASE64,
	FIELD_OBJECT,
	FIELD_STRINGS,
	FIELD_KIND,
} FieldType;

typedef struct Field
{
	const char *name;
	FieldType	type;
	size_t		offset;
	bool		any_kind;		/* says which requests, not what happens */
	int64_t		min,
				max;
} Field;

#define FIELD(field_type, member) \
	.type = FIELD_##field_type,.offset = offsetof(Fault, member)

static const Field fields[] = {
	{.name = "kind", FIELD(KIND, kind), .any_kind = true},
	{.name = "method", FIELD(STRING, method), .any_kind = true},
	{.name = "path", FIELD(STRING, path), .any_kind = true},
	{.name = "query", FIELD(STRING, query), .any_kind = true},
	{.name = "nth", FIELD(NUMBER, nth), .any_kind = true, .min = 1, .max = FOREVER},
	{.name = "times", FIELD(NUMBER, times), .any_kind = true,
	 .min = 1, .max = FOREVER},
	{.name = "status", FIELD(NUMBER, status), .min = 200, .max = 599},
	{.name = "delay_ms", FIELD(NUMBER, delay_ms), .max = 3600000},
	/* a bomb takes a thousandth of its size in memory */
	{.name = "size", FIELD(NUMBER, size), .min = 64, .max = INT64_C(1) << 36},
	{.name = "at", FIELD(NUMBER, at), .max = 1000000},
	{.name = "per_page", FIELD(NUMBER, per_page), .min = 1, .max = 500},
	{.name = "missing", FIELD(BOOL, missing)},
	{.name = "accounts", FIELD(BOOL, accounts)},
	{.name = "retry_after", FIELD(STRING, retry_after)},
	{.name = "content_type", FIELD(STRING, content_type)},
	{.name = "label", FIELD(STRING, label)},
	{.name = "location", FIELD(STRING, location)},
	{.name = "body", FIELD(BYTES, body)},
	{.name = "body_base64", FIELD(BASE64, body)},
	{.name = "set", FIELD(OBJECT, set)},
	{.name = "unset", FIELD(STRINGS, unset)},
};

static Fault *faults;
static int	last_id;

/* --- reading a description --- */

static const Kind *
find_kind(const char *name)
{
	for (size_t i = 0; i < LENGTH(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static const Field *
find_field(const char *name)
{
	for (size_t i = 0; i < LENGTH(fields); i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

static int
base64_value(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	"abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int) (at - digits) : -1;
}

static bool
base64_decode(Text *out, const char *data)
{
	unsigned	bits = 0;
	int			n_bits = 0;

	text_append(out, "", 0);
	for (; *data && *data != '='; data++)
	{
		int			value = base64_value(*data);

		if (value < 0)
			return false;
		bits = (bits << 6 | value) & 0xffff;
		n_bits += 6;
		if (n_bits >= 8)
		{
			n_bits -= 8;
			text_char(out, bits >> n_bits);
		}
	}
	return true;
}

static bool
read_number(const Field *field, json_object *value, int64_t *place)
{
	*place = json_object_get_int64(value);
	return json_object_is_type(value, json_type_int)
		&& *place >= field->min && *place <= field->max;
}

static bool
read_bool(json_object *value, bool *place)
{
	*place = json_object_get_boolean(value);
	return json_object_is_type(value, json_type_boolean);
}

static bool
read_string(json_object *value, char **place)
{
	if (!json_object_is_type(value, json_type_string))
		return false;
	*place = xstrndup(json_object_get_string(value),
					  json_object_get_string_len(value));
	return true;
}

static bool
read_bytes(json_object *value, bool base64, Text *place)
{
	if (!json_object_is_type(value, json_type_string) || place->data)
		return false;
	if (base64)
		return base64_decode(place, json_object_get_string(value));
	text_append(place, json_object_get_string(value),
				json_object_get_string_len(value));
	return true;
}

static bool
read_value(bool good, json_object *value, json_object **place)
{
	if (good)
		*place = json_object_get(value);
	return good;
}

static bool
read_kind(json_object *value, const Kind **place)
{
	*place = find_kind(json_object_is_type(value, json_type_string)
					   ? json_object_get_string(value) : "");
	return *place != NULL;
}

static bool
read_field(Fault *fault, const Field *field, json_object *value)
{
	void	   *place = (char *) fault + field->offset;

	switch (field->type)
	{
		case FIELD_NUMBER:
			return read_number(field, value, place);
		case FIELD_BOOL:
			return read_bool(value, place);
		case FIELD_STRING:
			return read_string(value, place);
		case FIELD_BYTES:
			return read_bytes(value, false, place);
		case FIELD_BASE64:
			return read_bytes(value, true, place);
		case FIELD_OBJECT:
			return read_value(json_object_is_type(value, json_type_object),
							  value, place);
		case FIELD_STRINGS:
			return read_value(json_is_strings(value), value, place);
		case FIELD_KIND:
			return read_kind(value, place);
	}
	return false;
}

static bool
kind_takes(const Kind *kind, const Field *field)
{
	char		word[32];

	snprintf(word, sizeof(word), " %s ", field->name);
	return field->any_kind || strstr(kind->takes, word) != NULL;
}

static bool
read_fields(Fault *fault, json_object *spec, Text *problem)
{
	json_object_object_foreach(spec, name, value)
	{
		const Field *field = find_field(name);

		if (field == NULL)
			text_printf(problem, "unknown field \"%s\"", name);
		else if (!read_field(fault, field, value))
			text_printf(problem, "invalid value for \"%s\": %s", name,
						json_object_to_json_string(value));
		if (problem->len > 0)
			return false;
	}
	return true;
}

/* Fields which the kind would ignore are refused, they are mistakes. */
static bool
check_fields(const Fault *fault, json_object *spec, Text *problem)
{
	const Kind *kind = fault->kind;

	if (kind == NULL)
	{
		text_lit(problem, "field \"kind\" is missing");
		return false;
	}
	if (kind->needs && json_member(spec, kind->needs) == NULL)
	{
		text_printf(problem, "kind \"%s\" needs field \"%s\"", kind->name,
					kind->needs);
		return false;
	}
	json_object_object_foreach(spec, name, value)
	{
		(void) value;
		if (kind_takes(kind, find_field(name)))
			continue;
		text_printf(problem, "kind \"%s\" takes no field \"%s\"", kind->name,
					name);
		return false;
	}
	return true;
}

/* --- the list --- */

static Fault *
new_fault(void)
{
	Fault	   *fault = xcalloc(1, sizeof(Fault));

	fault->refs = 1;
	fault->nth = 1;
	fault->times = FOREVER;
	fault->status = 200;
	return fault;
}

static void
append_fault(Fault *fault)
{
	Fault	  **end = &faults;

	while (*end != NULL)
		end = &(*end)->next;
	*end = fault;
	fault->id = ++last_id;
}

int
faults_set(json_object *spec, Text *problem)
{
	Fault	   *fault = new_fault();

	if (!read_fields(fault, spec, problem)
		|| !check_fields(fault, spec, problem))
	{
		fault_release(fault);
		return 0;
	}
	append_fault(fault);
	return fault->id;
}

void
faults_clear(void)
{
	while (faults != NULL)
	{
		Fault	   *first = faults;

		faults = first->next;
		fault_release(first);
	}
	last_id = 0;
}

void
fault_release(Fault *fault)
{
	if (fault == NULL || --fault->refs > 0)
		return;
	free(fault->method);
	free(fault->path);
	free(fault->query);
	free(fault->retry_after);
	free(fault->content_type);
	free(fault->label);
	free(fault->location);
	text_free(&fault->body);
	json_object_put(fault->set);
	json_object_put(fault->unset);
	free(fault);
}

static bool
glob_matches(const char *glob, const char *string)
{
	return glob == NULL || fnmatch(glob, string, 0) == 0;
}

Fault *
faults_hit(const char *method, const char *path, const char *query)
{
	Fault	   *winner = NULL;

	for (Fault *fault = faults; fault != NULL; fault = fault->next)
	{
		if ((fault->method && strcmp(fault->method, method) != 0)
			|| !glob_matches(fault->path, path)
			|| !glob_matches(fault->query, query))
			continue;
		fault->seen++;
		if (winner == NULL && fault->seen >= fault->nth
			&& fault->hits < fault->times)
			winner = fault;
	}
	if (winner != NULL)
	{
		winner->hits++;
		winner->refs++;
	}
	return winner;
}

/* --- what a request asks of its fault --- */

Delivery
fault_delivery(const Fault *fault)
{
	return fault ? fault->kind->delivery : DELIVER_WHOLE;
}

int64_t
fault_delay_ms(const Fault *fault)
{
	return fault ? fault->delay_ms : 0;
}

int64_t
fault_size(const Fault *fault)
{
	return fault->size;
}

bool
fault_replace(const Fault *fault, Answer *answer)
{
	if (fault == NULL || fault->kind->replace == NULL)
		return false;
	fault->kind->replace(fault, answer);
	return true;
}

void
fault_bend(const Fault *fault, View *view)
{
	if (fault != NULL && fault->kind->bend != NULL)
		fault->kind->bend(fault, view);
}

void
fault_alter(const Fault *fault, Answer *answer)
{
	if (fault != NULL && fault->kind->alter != NULL)
		fault->kind->alter(fault, answer);
}
