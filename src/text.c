/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Text that comes from outside or goes there: checked, cut, encoded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "text.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
is_uuid_dash(size_t pos)
{
	return pos == 8 || pos == 13 || pos == 18 || pos == 23;
}

bool
cfdw_text_to_uuid(const char *text, size_t len, pg_uuid_t *uuid)
{
	size_t		pos = 0;

	if (len != CFDW_UUID_TEXT_SIZE - 1)
		return false;
	for (int i = 0; i < UUID_LEN; i++)
	{
		int			high;
		int			low;

		if (is_uuid_dash(pos) && text[pos++] != '-')
			return false;
		high = hex_digit(text[pos]);
		low = hex_digit(text[pos + 1]);
		if (high < 0 || low < 0)
			return false;
		uuid->data[i] = (high << 4) | low;
		pos += 2;
	}
	return true;
}

void
cfdw_text_from_uuid(const pg_uuid_t *uuid, char out[CFDW_UUID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	size_t		pos = 0;

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (is_uuid_dash(pos))
			out[pos++] = '-';
		out[pos++] = digits[uuid->data[i] >> 4];
		out[pos++] = digits[uuid->data[i] & 0xf];
	}
	out[pos] = '\0';
}

int
cfdw_uuid_cmp(const void *a, const void *b)
{
	return memcmp(a, b, UUID_LEN);
}

bool
cfdw_uuid_in(const pg_uuid_t *uuid, const pg_uuid_t *sorted, int count)
{
	return bsearch(uuid, sorted, count, sizeof(pg_uuid_t), cfdw_uuid_cmp) != NULL;
}

/* Cut the next comma-separated item, without the blanks around it. */
static const char *
next_item(const char **rest, size_t *len)
{
	const char *start = *rest;
	const char *end = start + strcspn(start, ",");

	*rest = *end == ',' ? end + 1 : NULL;
	while (start < end && isspace((unsigned char) *start))
		start++;
	while (end > start && isspace((unsigned char) end[-1]))
		end--;
	*len = end - start;
	return start;
}

static int
drop_equal_neighbours(pg_uuid_t *ids, int count)
{
	int			kept = 0;

	for (int i = 0; i < count; i++)
		if (kept == 0 || cfdw_uuid_cmp(&ids[i], &ids[kept - 1]) != 0)
			ids[kept++] = ids[i];
	return kept;
}

pg_uuid_t *
cfdw_text_to_uuids(const char *text, int *count, char **bad)
{
	pg_uuid_t  *ids = palloc((strlen(text) / CFDW_UUID_TEXT_SIZE + 2) * sizeof(pg_uuid_t));
	const char *rest = text;
	int			n = 0;

	while (rest != NULL)
	{
		size_t		len;
		const char *item = next_item(&rest, &len);

		if (!cfdw_text_to_uuid(item, len, &ids[n]))
		{
			*bad = pnstrdup(item, len);
			return NULL;
		}
		n++;
	}
	qsort(ids, n, sizeof(pg_uuid_t), cfdw_uuid_cmp);
	*count = drop_equal_neighbours(ids, n);
	return ids;
}

static bool
is_unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

void
cfdw_text_percent_encode(StringInfo url, const char *text)
{
	char	   *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);

	for (const char *p = utf8; *p; p++)
	{
		if (is_unreserved((unsigned char) *p))
			appendStringInfoChar(url, *p);
		else
			appendStringInfo(url, "%%%02X", (unsigned char) *p);
	}
}

const char *
cfdw_text_to_server(const char *utf8, size_t len)
{
	if (pg_encoding_verifymbstr(PG_UTF8, utf8, len) != (int) len)
		return NULL;
	return pg_any_to_server(utf8, len, PG_UTF8);
}

/* Bytes that are tried at a time. */
#define TRIAL_BYTES 256

bool
cfdw_text_fits_server(const char *utf8, size_t len)
{
	int			encoding = GetDatabaseEncoding();
	unsigned char trial[TRIAL_BYTES * MAX_CONVERSION_GROWTH + 1];
	Oid			conversion;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return true;
	conversion = FindDefaultConversionProc(PG_UTF8, encoding);
	while (OidIsValid(conversion) && len > 0)
	{
		/* a character that is cut off at the end waits for the next round */
		int			done = pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding,
														 (unsigned char *) unconstify(char *, utf8),
														 Min(len, TRIAL_BYTES), trial,
														 sizeof(trial), true);

		if (done <= 0)
			return false;
		utf8 += done;
		len -= done;
	}
	return true;
}

/* A shorter key would be found inside words. */
#define SHORTEST_SECRET 8

/* Replace each occurrence of the secret by asterisks of the same length. */
static void
mask(char *text, const char *secret)
{
	size_t		len = secret ? strlen(secret) : 0;

	if (len < SHORTEST_SECRET)
		return;
	for (char *p = strstr(text, secret); p; p = strstr(p, secret))
	{
		memset(p, '*', len);
		p += len;
	}
}

/* Blot out whatever looks like the secret of webhooks. */
static void
mask_webhook_secrets(char *text)
{
	static const char prefix[] = "whsec_";

	for (char *p = strstr(text, prefix); p; p = strstr(p, prefix))
		for (p += strlen(prefix); isalnum((unsigned char) *p) || (*p && strchr("+/=_-", *p)); p++)
			*p = '*';
}

/*
 * Characters that end a line, command a terminal, or change how a line looks
 * without being seen: controls, separators, directions, invisible ones.
 */
static bool
is_deceptive(pg_wchar c)
{
	static const struct
	{
		pg_wchar	first;
		pg_wchar	last;
	}			ranges[] = {
		{0x7f, 0x9f}, {0xad, 0xad}, {0x61c, 0x61c}, {0x180e, 0x180e}, {0x200b, 0x200f},
		{0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
		{0xe0000, 0xe007f},
	};

	for (int i = 0; i < lengthof(ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

/* The code point of a valid character of that many bytes. */
static pg_wchar
code_point(const char *p, int size)
{
	static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	pg_wchar	c = (unsigned char) p[0] & first_bits[size];

	for (int i = 1; i < size; i++)
		c = c << 6 | ((unsigned char) p[i] & 0x3f);
	return c;
}

/* Make one line of valid UTF-8 out of anything; returns its new length. */
static size_t
clean(char *text, size_t len)
{
	char	   *to = text;
	char	   *p = text;
	char	   *end = text + len;

	while (p < end)
	{
		int			size = pg_encoding_verifymbchar(PG_UTF8, p, end - p);

		if (size < 1 || is_deceptive(code_point(p, size)))
			*to++ = '?';
		else if (size == 1)
			*to++ = (unsigned char) *p < ' ' ? ' ' : *p;
		else
		{
			memmove(to, p, size);
			to += size;
		}
		p += Max(size, 1);
	}
	return to - text;
}

char *
cfdw_text_excerpt(const char *utf8, size_t len, const char *secret)
{
	size_t		room = CFDW_EXCERPT_MAX + (secret ? strlen(secret) : 0);
	size_t		taken = Min(len, room);
	char	   *copy = pnstrdup(utf8, taken);
	size_t		kept;

	/* a raw NUL ends what can be quoted */
	taken = strlen(copy);
	mask(copy, secret);
	mask_webhook_secrets(copy);
	taken = clean(copy, taken);
	kept = Min(taken, CFDW_EXCERPT_MAX);
	kept = pg_encoding_mbcliplen(PG_UTF8, copy, taken, kept);
	copy[kept] = '\0';
	if (GetDatabaseEncoding() == PG_UTF8)
		return copy;

	/* other encodings may lack a character: keep the ASCII part */
	for (char *p = copy; *p; p++)
		if (IS_HIGHBIT_SET(*p))
			*p = '?';
	return copy;
}

static bool
names_secret(const char *name, size_t len)
{
	static const char *const words[] = {
		"secret", "token", "password", "magiclink", "apikey",
		"invitationurl", "invitationlink", "inviteurl", "invitelink"
	};
	char		plain[64];
	size_t		n = 0;

	for (size_t i = 0; i < len && n < sizeof(plain) - 1; i++)
		if (isalnum((unsigned char) name[i]))
			plain[n++] = pg_ascii_tolower((unsigned char) name[i]);
	plain[n] = '\0';
	for (int i = 0; i < lengthof(words); i++)
		if (strstr(plain, words[i]) != NULL)
			return true;

	/* a name too long to be looked through is treated as one */
	return n == sizeof(plain) - 1;
}

/* A name that was looked through before; objects have the same ones. */
typedef struct KnownName
{
	size_t		len;
	char		text[32];
	bool		is_secret;
} KnownName;

/* Cheap, and good enough for the few dozen names that objects have. */
static uint32
name_hash(const char *name, size_t len)
{
	uint32		hash = (uint32) len;

	hash = hash * 31 + (unsigned char) name[0];
	hash = hash * 31 + (unsigned char) name[len / 2];
	return hash * 31 + (unsigned char) name[len - 1];
}

bool
cfdw_text_names_secret(const char *name, size_t len)
{
	static KnownName names[1024];
	KnownName  *known;

	if (len == 0 || len > sizeof(known->text))
		return names_secret(name, len);
	known = &names[name_hash(name, len) % lengthof(names)];
	if (known->len != len || memcmp(known->text, name, len) != 0)
	{
		known->len = len;
		memcpy(known->text, name, len);
		known->is_secret = names_secret(name, len);
	}
	return known->is_secret;
}

/* Bytes of a path segment. */
static size_t
segment_length(const char *text, const char *end)
{
	const char *p = text;

	while (p < end && strchr("/?# \"'<>", *p) == NULL)
		p++;
	return p - text;
}

/* Does /p/connect/{company}/{secret} or /p/i/{token} begin here? */
static bool
begins_link(const char *text, const char *end)
{
	static const char connect[] = "/p/connect/";
	static const char invite[] = "/p/i/";
	const char *p;

	if (end - text > (ptrdiff_t) strlen(invite) && memcmp(text, invite, strlen(invite)) == 0)
		return segment_length(text + strlen(invite), end) > 0;
	if (end - text <= (ptrdiff_t) strlen(connect) || memcmp(text, connect, strlen(connect)) != 0)
		return false;
	p = text + strlen(connect);
	p += segment_length(p, end);
	return p + 1 < end && *p == '/' && segment_length(p + 1, end) > 0;
}

bool
cfdw_text_is_link(const char *text, size_t len)
{
	const char *end = text + len;

	for (const char *p = text; (p = memchr(p, '/', end - p)) != NULL; p++)
		if (begins_link(p, end))
			return true;
	return false;
}

bool
cfdw_text_holds(const char *text, size_t len, const char *word)
{
	return memmem(text, len, word, strlen(word)) != NULL;
}
