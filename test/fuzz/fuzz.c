/*-------------------------------------------------------------------------
 *
 * fuzz.c
 *	  What libFuzzer runs on each body: it is read and decoded as a scan would,
 *	  and held against two other readers.
 *
 * Held against them: whether the body is JSON, by an automaton (strict.c);
 * what its values are, by json-c's own trees.  Further that no ERROR is an
 * internal one, that no text is invalid, and that no secret becomes a jsonb
 * (server.c).  The sanitizers see the rest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "server.h"

#include <json-c/json.h>

#include "catalog/pg_type.h"
#include "decode.h"
#include "error.h"
#include "json.h"
#include "strict.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds, const char *what)
{
	if (!holds)
		server_finding(what);
}

/* ---- against the other readers ---- */

/* Read as a page whose elements are at that depth, and whole. */
static void
check_verdict(CfdwSpan text, int elements)
{
	CfdwJsonDefect defect = {NULL, 0};
	int			levels;
	bool		is_json = strict_json(text.at, text.len, &levels) && levels <= elements + CFDW_ELEMENT_LEVELS;
	const CfdwJsonNode *page = cfdw_json_read(cfdw_json_create(), text, elements, elements, &defect);
	const CfdwJsonNode *whole = cfdw_json_read(cfdw_json_create(), text, elements, CFDW_JSON_ALL, &defect);

	require((page != NULL) == is_json, "another reader disagrees whether it is JSON");
	require((whole != NULL) == is_json, "it depends on the depth whether it is JSON");
	if (!is_json)
		require(defect.why != NULL && defect.offset <= text.len, "a defect without reason or place");
}

static void compare(const CfdwJsonNode *node, json_object *other);

/*
 * Was something put into the text that no text holds?  Half a surrogate pair
 * reads as U+FFFD, of which the body itself has none.
 */
static bool
has_replacements(CfdwSpan text)
{
	return memchr(text.at, '\0', text.len) != NULL ||
		memmem(text.at, text.len, "\xef\xbf\xbd", 3) != NULL;
}

static void
compare_text(const CfdwJsonNode *node, json_object *other)
{
	CfdwSpan	text = cfdw_json_text(node);

	require(text.len == (size_t) json_object_get_string_len(other) &&
			memcmp(text.at, json_object_get_string(other), text.len) == 0, "a string differs from json-c's");
	require(server_may_replace || !has_replacements(text) == (cfdw_json_text_defect(node) == NULL),
			"a NUL or half a surrogate pair is overlooked, or seen where there is none");
}

static void
compare_array(const CfdwJsonNode *node, json_object *other)
{
	size_t		count = 0;

	for (const CfdwJsonNode *child = cfdw_json_first(node); child; child = cfdw_json_next(node, child))
	{
		require(count < json_object_array_length(other), "an array is longer than json-c's");
		compare(child, json_object_array_get_idx(other, count++));
	}
	require(count == json_object_array_length(other) && (int) count == cfdw_json_length(node),
			"an array is shorter than json-c's");
}

/* Check the name of a member; true when it holds a NUL. */
static bool
check_name(const CfdwJsonNode *member)
{
	CfdwSpan	key = cfdw_json_key(member);

	require(server_may_replace || !has_replacements(key) == (cfdw_json_key_defect(member) == NULL),
			"a NUL or half a surrogate pair in a name is overlooked, or seen where there is none");
	return memchr(key.at, '\0', key.len) != NULL;
}

/* Of equal names the last one counts, here and there. */
static void
compare_members(const CfdwJsonNode *node, json_object *other)
{
	for (const CfdwJsonNode *child = cfdw_json_first(node); child; child = cfdw_json_next(node, child))
	{
		CfdwSpan	key = cfdw_json_key(child);
		const char *name = pnstrdup(key.at, key.len);
		json_object *value;

		require(json_object_object_get_ex(other, name, &value), "a name is not among json-c's");
		require(cfdw_json_key_is(child, name), "a name is not what it is");
		if (cfdw_json_member(node, name) == child)
			compare(child, value);
	}
}

/* A name that holds a NUL ends there for json-c, and may be another's. */
static void
compare_object(const CfdwJsonNode *node, json_object *other)
{
	bool		has_nul = false;
	int			count = 0;

	for (const CfdwJsonNode *child = cfdw_json_first(node); child; child = cfdw_json_next(node, child))
	{
		has_nul |= check_name(child);
		count++;
	}
	require(count == cfdw_json_length(node), "the length of an object is not the count of its members");
	require(count >= json_object_object_length(other), "json-c knows further members");
	if (!has_nul)
		compare_members(node, other);
}

static void
compare(const CfdwJsonNode *node, json_object *other)
{
	static const json_type types[] = {
		[CFDW_JSON_NULL] = json_type_null,[CFDW_JSON_BOOL] = json_type_boolean,
		[CFDW_JSON_STRING] = json_type_string,[CFDW_JSON_ARRAY] = json_type_array,
		[CFDW_JSON_OBJECT] = json_type_object
	};
	json_type	type = json_object_get_type(other);
	CfdwJsonKind kind = cfdw_json_kind(node);

	if (kind == CFDW_JSON_NUMBER)
		require(type == json_type_int || type == json_type_double, "a number is none to json-c");
	else
		require(type == types[kind], "a value is of another kind to json-c");
	if (kind == CFDW_JSON_STRING)
		compare_text(node, other);
	else if (kind == CFDW_JSON_BOOL)
		require(cfdw_json_bool(node) == json_object_get_boolean(other), "a boolean differs from json-c's");
	else if (kind == CFDW_JSON_ARRAY)
		compare_array(node, other);
	else if (kind == CFDW_JSON_OBJECT)
		compare_object(node, other);
}

static void
compare_with_json_c(CfdwSpan text, const CfdwJsonNode *root)
{
	json_tokener *tokener = json_tokener_new_ex(CFDW_ELEMENT_LEVELS + 8);
	json_object *other = json_tokener_parse_ex(tokener, text.at, (int) text.len + 1);

	require(json_tokener_get_error(tokener) == json_tokener_success, "json-c does not take it");
	compare(root, other);
	json_object_put(other);
	json_tokener_free(tokener);
}

/* ---- decoding ---- */

/* Columns with paths, beside those of the resource. */
static const struct
{
	const char *path;
	Oid			type;
}			own_columns[] = {
	{"company", JSONBOID}, {"company", JSONOID}, {"company", TEXTOID}, {"accounts", JSONBARRAYOID},
	{"accounts", TEXTARRAYOID}, {"n", NUMERICOID}, {"n", INT8OID}, {"n", INT8ARRAYOID}, {"a.b.c", TEXTOID},
	{"a.b", JSONBOID}, {"a", DATEOID}, {"a", TIMESTAMPTZOID}, {"created", TIMESTAMPOID}, {"a", UUIDARRAYOID},
	{"a", BOOLOID}, {"", TEXTOID}, {"status", UUIDOID}
};

/* A table to decode into. */
typedef struct Table
{
	TupleDesc	desc;
	CfdwFit    *fits;
	CfdwUnknownStatus on_unknown;
} Table;

#define MAX_COLUMNS 64

static Table
make_table(CfdwUnknownStatus on_unknown)
{
	Table		table = {
		.desc = palloc0(sizeof(TupleDescData) + sizeof(FormData_pg_attribute) * MAX_COLUMNS),
		.fits = palloc0(sizeof(CfdwFit) * MAX_COLUMNS),
		.on_unknown = on_unknown
	};

	return table;
}

static void
add_column(Table *table, Oid type, CfdwFit fit)
{
	Form_pg_attribute att = TupleDescAttr(table->desc, table->desc->natts);

	table->fits[table->desc->natts++] = fit;
	att->attnum = table->desc->natts;
	att->atttypid = type;
	att->atttypmod = -1;
	strcpy(NameStr(att->attname), fit.column ? fit.column->name : "own");
}

static CfdwDecoder *
make_decoder(const Table *table, const CfdwResource *resource)
{
	List		columns = {.type = T_IntList, .length = table->desc->natts};

	columns.elements = palloc(sizeof(ListCell) * columns.length);
	for (int i = 0; i < columns.length; i++)
		columns.elements[i].int_value = i + 1;
	return cfdw_decoder_create(resource, "fuzzed", table->desc, table->fits, &columns,
							   table->on_unknown, "sandbox-secret");
}

/* One object, embedded in another or by itself, as a row of a resource. */
static void
decode_row(CfdwDecoder *decoder, int natts, const CfdwJsonNode *row, const CfdwJsonNode *parent)
{
	int			depth = cfdw_decoder_depth(decoder);
	CfdwElement element = {
		.row = cfdw_json_reread(cfdw_json_create(), row, depth),
		.company = "c0000000-0000-4000-8000-000000000001",
		.path = "/path"
	};

	element.parent = parent ? cfdw_json_reread(cfdw_json_create(), parent, depth) : element.row;
	cfdw_decode(decoder, &element, palloc(sizeof(Datum) * natts), palloc(sizeof(bool) * natts));
}

/* An object, and those in its arrays, as rows. */
static void
decode_all(CfdwDecoder *decoder, int natts, const CfdwJsonNode *node, const CfdwJsonNode *parent)
{
	if (cfdw_json_kind(node) == CFDW_JSON_OBJECT)
	{
		decode_row(decoder, natts, node, parent);
		parent = node;
	}
	if (cfdw_json_kind(node) >= CFDW_JSON_ARRAY)
		for (const CfdwJsonNode *child = cfdw_json_first(node); child; child = cfdw_json_next(node, child))
			if (cfdw_json_kind(child) >= CFDW_JSON_ARRAY)
				decode_all(decoder, natts, child, parent);
}

/* A refusal must be one of those that are documented. */
static void
decode(const CfdwJsonNode *root, const Table *table, const CfdwResource *resource)
{
	if (sigsetjmp(server_error, 0) == 0)
		decode_all(make_decoder(table, resource), table->desc->natts, root, NULL);
	else
		require(server_sqlstate == cfdw_sqlstate(CFDW_BAD_VALUE) ||
				server_sqlstate == cfdw_sqlstate(CFDW_UNKNOWN_LABEL), "decoding ends in an internal error");
}

/* As rows of a resource's own table, its columns of their types or text. */
static void
decode_as(const CfdwJsonNode *root, const CfdwResource *resource, bool as_text)
{
	Table		table = make_table(as_text ? CFDW_UNKNOWN_NULL : CFDW_UNKNOWN_ERROR);

	for (int i = 0; i < resource->column_count; i++)
	{
		const CfdwColumn *column = &resource->columns[i];
		CfdwFit		fit = {.column = column, .is_text = as_text};

		add_column(&table, as_text ? TEXTOID : cfdw_type_oid(column->type), fit);
	}
	decode(root, &table, resource);
}

/* Into each column of one's own, alone, so that no other refuses before it. */
static void
decode_own(const CfdwJsonNode *root)
{
	for (int i = 0; i < lengthof(own_columns); i++)
	{
		Table		table = make_table(CFDW_UNKNOWN_NULL);
		CfdwFit		fit = {.json_path = own_columns[i].path, .is_text = own_columns[i].type == TEXTOID};

		add_column(&table, own_columns[i].type, fit);
		decode(root, &table, &cfdw_resources[0]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *body = palloc(size + 1);
	CfdwSpan	text = {body, size};
	CfdwJsonDefect defect;
	const CfdwJsonNode *root;
	Datum		jsonb;
	const char *why;

	memcpy(body, data, size);
	body[size] = '\0';
	server_may_replace = memmem(body, size, "\xef\xbf\xbd", 3) != NULL || strcasestr(body, "fffd") != NULL;
	if (sigsetjmp(server_error, 0) != 0)
		server_finding("reading ends in an ERROR");
	for (int elements = 0; elements <= 2; elements++)
		check_verdict(text, elements);
	root = cfdw_json_read(cfdw_json_create(), text, 0, CFDW_JSON_ALL, &defect);
	if (root != NULL)
	{
		compare_with_json_c(text, root);
		(void) cfdw_decode_public_jsonb(root, &jsonb, &why);
		for (int resource = 0; resource < cfdw_resource_count; resource++)
		{
			decode_as(root, &cfdw_resources[resource], false);
			decode_as(root, &cfdw_resources[resource], true);
		}
		decode_own(root);
	}
	server_reset();
	return 0;
}
