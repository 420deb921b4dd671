/*-------------------------------------------------------------------------
 *
 * server.c
 *	  What json.c and decode.c call of PostgreSQL, outside a server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "server.h"

#include "access/tupdesc.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "common/hashfn.h"
#include "foreign/foreign.h"
#include "label.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#undef printf
#undef fprintf
#undef snprintf
#undef vsnprintf

MemoryContext CurrentMemoryContext = NULL;
ErrorContextCallback *error_context_stack = NULL;

sigjmp_buf	server_error;
int			server_sqlstate;
bool		server_may_replace;
static int	error_level;

void
server_finding(const char *what)
{
	fprintf(stderr, "finding: %s\n", what);
	abort();
}

/* ---- memory ---- */

static void **chunks;
static size_t chunk_count;
static size_t chunk_room;

void
server_reset(void)
{
	for (size_t i = 0; i < chunk_count; i++)
		free(chunks[i]);
	chunk_count = 0;
}

static void
remember(void *chunk)
{
	if (chunk_count == chunk_room)
	{
		chunk_room = chunk_room ? 2 * chunk_room : 1024;
		chunks = realloc(chunks, sizeof(void *) * chunk_room);
	}
	chunks[chunk_count++] = chunk;
}

void *
palloc(Size size)
{
	void	   *chunk = malloc(size ? size : 1);

	remember(chunk);
	return chunk;
}

void *
palloc0(Size size)
{
	return memset(palloc(size), 0, size);
}

/* The old chunk is freed for good: who still points into it is found out. */
void *
repalloc(void *pointer, Size size)
{
	for (size_t i = chunk_count; i-- > 0;)
		if (chunks[i] == pointer)
			return chunks[i] = realloc(pointer, size);
	server_finding("repalloc of what was not allocated");
}

void
pfree(void *pointer)
{
}

char *
pnstrdup(const char *text, Size len)
{
	char	   *copy;

	len = strnlen(text, len);
	copy = palloc(len + 1);
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *
pstrdup(const char *text)
{
	return pnstrdup(text, strlen(text));
}

/* ---- errors ---- */

bool
errstart(int level, const char *domain)
{
	error_level = level;
	server_sqlstate = ERRCODE_INTERNAL_ERROR;
	return true;
}

bool
errstart_cold(int level, const char *domain)
{
	return errstart(level, domain);
}

void
errfinish(const char *file, int line, const char *function)
{
	for (ErrorContextCallback *callback = error_context_stack; callback; callback = callback->previous)
		callback->callback(callback->arg);
	if (error_level < ERROR)
		return;
	error_context_stack = NULL;
	siglongjmp(server_error, 1);
}

int
errcode(int sqlstate)
{
	server_sqlstate = sqlstate;
	return 0;
}

/* Words are put together for the sake of what they quote. */
#define WORDS(function) \
int \
function(const char *format, ...) \
{ \
	char		words[4096]; \
	va_list		args; \
	va_start(args, format); \
	(void) vsnprintf(words, sizeof(words), format, args); \
	va_end(args); \
	return 0; \
}

WORDS(errmsg)
WORDS(errmsg_internal)
WORDS(errdetail)
WORDS(errdetail_internal)
WORDS(errhint)
WORDS(errcontext_msg)

int
set_errcontext_domain(const char *domain)
{
	return 0;
}

/* ---- texts ---- */

/* Read every byte, so that the sanitizer sees how far it is promised to go. */
static void
touch(const char *text, size_t len)
{
	static volatile unsigned char sum;

	for (size_t i = 0; i < len; i++)
		sum += (unsigned char) text[i];
}

/* How many bytes a valid character of UTF-8 has; -1: it is none. */
int
pg_encoding_verifymbchar(int encoding, const char *text, int len)
{
	const unsigned char *p = (const unsigned char *) text;
	int			size = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? -1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : -1;

	if (size < 0 || size > len || (size == 1 && p[0] == 0))
		return -1;
	for (int i = 1; i < size; i++)
		if ((p[i] & 0xc0) != 0x80)
			return -1;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return -1;
	return size;
}

int
pg_encoding_verifymbstr(int encoding, const char *text, int len)
{
	int			done = 0;
	int			size;

	while (done < len && (size = pg_encoding_verifymbchar(encoding, text + done, len - done)) > 0)
		done += size;
	return done;
}

int
pg_encoding_mbcliplen(int encoding, const char *text, int len, int limit)
{
	int			done = 0;
	int			size;

	while (done < len && (size = pg_encoding_verifymbchar(encoding, text + done, len - done)) > 0 &&
		   done + size <= limit)
		done += size;
	return done;
}

int
GetDatabaseEncoding(void)
{
	return PG_UTF8;
}

/* Not reached: everything fits UTF-8. */
Oid
FindDefaultConversionProc(int32 for_encoding, int32 to_encoding)
{
	abort();
}

int
pg_do_encoding_conversion_buf(Oid proc, int src_encoding, int dest_encoding, unsigned char *src,
							  int srclen, unsigned char *dest, int destlen, bool noError)
{
	abort();
}

char *
pg_any_to_server(const char *text, int len, int encoding)
{
	return unconstify(char *, text);
}

char *
pg_server_to_any(const char *text, int len, int encoding)
{
	return unconstify(char *, text);
}

unsigned char
pg_ascii_tolower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

uint32
hash_bytes(const unsigned char *key, int len)
{
	uint32		hash = 2166136261u;

	for (int i = 0; i < len; i++)
		hash = (hash ^ key[i]) * 16777619u;
	return hash;
}

text *
cstring_to_text_with_len(const char *chars, int len)
{
	text	   *datum = palloc(VARHDRSZ + len);

	SET_VARSIZE(datum, VARHDRSZ + len);
	memcpy(VARDATA(datum), chars, len);
	if (memchr(chars, '\0', len) != NULL || pg_encoding_verifymbstr(PG_UTF8, chars, len) != len)
		server_finding("a text that no server may hold");
	if (!server_may_replace && memmem(chars, len, "\xef\xbf\xbd", 3) != NULL)
		server_finding("half a surrogate pair in a text");
	return datum;
}

text *
cstring_to_text(const char *chars)
{
	return cstring_to_text_with_len(chars, strlen(chars));
}

char *
quote_literal_cstr(const char *chars)
{
	return pstrdup(chars);
}

bool
parse_bool_with_len(const char *value, size_t len, bool *result)
{
	touch(value, len);
	*result = len == 4;
	return len == 4 || len == 5;
}

/* ---- types ---- */

Datum
numeric_in(PG_FUNCTION_ARGS)
{
	return (Datum) 0;
}

/* The digits must be such as numeric's input takes for a finite number. */
Datum
DirectFunctionCall3Coll(PGFunction function, Oid collation, Datum digits, Datum type, Datum typmod)
{
	const char *text = DatumGetCString(digits);

	if (strspn(text, "0123456789+-.eE") != strlen(text) || strpbrk(text, "0123456789") == NULL)
		server_finding("numeric is given what is no number");
	return PointerGetDatum(palloc0(VARHDRSZ));
}

Datum
timestamptz_scale(PG_FUNCTION_ARGS)
{
	return (Datum) 0;
}

Datum
DirectFunctionCall2Coll(PGFunction function, Oid collation, Datum value, Datum typmod)
{
	return value;
}

/* What an UPDATE's answer is merged with, which the harness does not do. */
Datum
jsonb_in(PG_FUNCTION_ARGS)
{
	return (Datum) 0;
}

Datum
jsonb_concat(PG_FUNCTION_ARGS)
{
	return (Datum) 0;
}

char *
text_to_cstring(const text * value)
{
	return pnstrdup(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

Datum
DirectFunctionCall1Coll(PGFunction function, Oid collation, Datum value)
{
	return value;
}

const int	day_tab[2][13] = {
	{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0},
	{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0}
};

int
date2j(int year, int month, int day)
{
	return (year * 12 + month) * 31 + day;
}

int
tm2timestamp(struct pg_tm *tm, fsec_t fsec, int *zone, Timestamp *result)
{
	if (tm->tm_mon < 1 || tm->tm_mon > 12 || tm->tm_hour > 23 || tm->tm_min > 59 ||
		tm->tm_sec > 60 || fsec < 0 || fsec > USECS_PER_SEC || abs(*zone) > 16 * 3600)
		server_finding("a timestamp out of its fields' ranges");
	*result = date2j(tm->tm_year, tm->tm_mon, tm->tm_mday);
	return 0;
}

/* Enum types have OIDs by their names' first letters, labels any. */
Oid
GetSysCacheOid(int cache, AttrNumber column, Datum name, Datum schema, Datum third, Datum fourth)
{
	return FirstNormalObjectId + DatumGetCString(name)[0] * 256 + DatumGetCString(name)[11];
}

CfdwLabels *
cfdw_labels_read(Oid type)
{
	return NULL;
}

Oid
cfdw_labels_find(const CfdwLabels *labels, const char *text, size_t len)
{
	touch(text, len);
	return len > 0 && text[0] >= 'A' && text[0] <= 'z' ? FirstNormalObjectId : InvalidOid;
}

char *
format_type_be(Oid type)
{
	return "type";
}

Oid
get_element_type(Oid type)
{
	return type == TEXTARRAYOID ? TEXTOID : type == UUIDARRAYOID ? UUIDOID : type == JSONBARRAYOID ? JSONBOID :
		type == INT8ARRAYOID ? INT8OID : InvalidOid;
}

void
get_typlenbyvalalign(Oid type, int16 *len, bool *byval, char *align)
{
	*len = -1;
	*byval = false;
	*align = 'i';
}

Oid
getBaseTypeAndTypmod(Oid type, int32 *typmod)
{
	return type;
}

void
getTypeInputInfo(Oid type, Oid *function, Oid *ioparam)
{
	*function = *ioparam = type;
}

void
fmgr_info(Oid function, FmgrInfo *info)
{
	info->fn_oid = function;
}

Datum
InputFunctionCall(FmgrInfo *info, char *text, Oid ioparam, int32 typmod)
{
	touch(text, strlen(text));
	return (Datum) 0;
}

void
domain_check(Datum value, bool isnull, Oid type, void **extra, MemoryContext cxt)
{
}

ArrayType *
construct_empty_array(Oid type)
{
	return palloc0(sizeof(ArrayType));
}

ArrayType *
construct_md_array(Datum *values, bool *nulls, int dimensions, int *lengths, int *lower, Oid type,
				   int len, bool byval, char align)
{
	touch((char *) values, sizeof(Datum) * lengths[0]);
	touch((char *) nulls, sizeof(bool) * lengths[0]);
	return palloc0(sizeof(ArrayType));
}

/* ---- jsonb: a tree of JsonbValues, never made flat ---- */

static JsonbValue *
add_to_array(JsonbValue *array, const JsonbValue *value)
{
	JsonbValue *elems = palloc(sizeof(JsonbValue) * (array->val.array.nElems + 1));

	if (array->val.array.nElems > 0)
		memcpy(elems, array->val.array.elems, sizeof(JsonbValue) * array->val.array.nElems);
	elems[array->val.array.nElems++] = *value;
	array->val.array.elems = elems;
	return array;
}

static JsonbValue *
add_key(JsonbValue *object, const JsonbValue *key)
{
	JsonbPair  *pairs = palloc(sizeof(JsonbPair) * (object->val.object.nPairs + 1));

	if (object->val.object.nPairs > 0)
		memcpy(pairs, object->val.object.pairs, sizeof(JsonbPair) * object->val.object.nPairs);
	pairs[object->val.object.nPairs++].key = *key;
	object->val.object.pairs = pairs;
	return object;
}

static void
add_value(JsonbValue *container, const JsonbValue *value)
{
	if (container->type == jbvArray)
		add_to_array(container, value);
	else
		container->val.object.pairs[container->val.object.nPairs - 1].value = *value;
}

/* Of pairs with one key, the last one stays. */
static void
drop_earlier(JsonbValue *object)
{
	JsonbPair  *pairs = object->val.object.pairs;
	int			kept = 0;

	for (int i = 0; i < object->val.object.nPairs; i++)
	{
		int			other = i + 1;

		while (other < object->val.object.nPairs &&
			   (pairs[i].key.val.string.len != pairs[other].key.val.string.len ||
				memcmp(pairs[i].key.val.string.val, pairs[other].key.val.string.val,
					   pairs[i].key.val.string.len) != 0))
			other++;
		if (other == object->val.object.nPairs)
			pairs[kept++] = pairs[i];
	}
	object->val.object.nPairs = kept;
}

JsonbValue *
pushJsonbValue(JsonbParseState **state, JsonbIteratorToken token, JsonbValue *value)
{
	JsonbParseState *top = *state;

	switch (token)
	{
		case WJB_BEGIN_ARRAY:
		case WJB_BEGIN_OBJECT:
			top = palloc0(sizeof(JsonbParseState));
			top->next = *state;
			top->contVal.type = token == WJB_BEGIN_ARRAY ? jbvArray : jbvObject;
			*state = top;
			return NULL;
		case WJB_KEY:
			if (top->contVal.type != jbvObject)
				server_finding("a key outside objects");
			add_key(&top->contVal, value);
			return NULL;
		case WJB_VALUE:
		case WJB_ELEM:
			add_value(&top->contVal, value);
			return NULL;
		case WJB_END_ARRAY:
		case WJB_END_OBJECT:
			if (token == WJB_END_OBJECT)
				drop_earlier(&top->contVal);
			*state = top->next;
			if (top->next != NULL)
				add_value(&top->next->contVal, &top->contVal);
			return &top->contVal;
		default:
			server_finding("an unexpected token of jsonb");
	}
}

static void
check_string(const JsonbValue *string)
{
	(void) cstring_to_text_with_len(string->val.string.val, string->val.string.len);
}

static bool
is_secret_text(const JsonbValue *value)
{
	return value->type == jbvString &&
		memmem(value->val.string.val, value->val.string.len, "/p/i/SECRET", 11) != NULL;
}

/* Every value is valid, no bearer link and not below a secret's name. */
static void
check_tree(const JsonbValue *value)
{
	if (is_secret_text(value))
		server_finding("a bearer link in a jsonb");
	if (value->type == jbvString)
		check_string(value);
	else if (value->type == jbvArray)
		for (int i = 0; i < value->val.array.nElems; i++)
			check_tree(&value->val.array.elems[i]);
	else if (value->type == jbvObject)
		for (int i = 0; i < value->val.object.nPairs; i++)
		{
			const JsonbValue *key = &value->val.object.pairs[i].key;

			check_string(key);
			if (memmem(key->val.string.val, key->val.string.len, "password", 8) != NULL)
				server_finding("a secret's name in a jsonb");
			check_tree(&value->val.object.pairs[i].value);
		}
}

Jsonb *
JsonbValueToJsonb(JsonbValue *value)
{
	check_tree(value);
	return palloc0(sizeof(Jsonb));
}

char *
JsonbToCString(StringInfo out, JsonbContainer *in, int estimated_len)
{
	return pstrdup("{}");
}

struct varlena *
pg_detoast_datum(struct varlena *datum)
{
	return datum;
}

/* ---- what resource.c needs for relations, which are not fuzzed ---- */

#define UNUSED(type, function, arguments) \
type \
function arguments \
{ \
	server_finding(#function); \
}

UNUSED(List *, GetForeignColumnOptions, (Oid relid, AttrNumber attnum))
UNUSED(char *, get_rel_name, (Oid relid))
UNUSED(char *, defGetString, (DefElem *def))
UNUSED(char *, psprintf, (const char *format,...))
UNUSED(void, initStringInfo, (StringInfo str))
UNUSED(void, appendStringInfo, (StringInfo str, const char *format,...))
UNUSED(void, appendStringInfoString, (StringInfo str, const char *text))
UNUSED(void, appendStringInfoChar, (StringInfo str, char c))
UNUSED(void, pg_qsort, (void *base, size_t n, size_t size, int (*compare) (const void *, const void *)))
UNUSED(int, varstr_levenshtein_less_equal, (const char *source, int slen, const char *target, int tlen,
											int insertion, int deletion, int substitution, int most, bool trusted))

Oid
get_namespace_oid(const char *name, bool missing_ok)
{
	return FirstNormalObjectId;
}
