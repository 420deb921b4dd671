/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Growing byte strings, and the few ways the sandbox writes into them.
 *
 * Answers are written straight into one buffer: building trees of JSON
 * objects first would make the sandbox the bottleneck of a benchmark.
 *-------------------------------------------------------------------------
 */
#include "text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char uuid_middle[] = "0000000-0000-4000-8000-";

static void *
or_die(void *memory)
{
	if (memory == NULL)
	{
		fputs("sandbox: out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *
xcalloc(size_t n, size_t size)
{
	return or_die(calloc(n ? n : 1, size ? size : 1));
}

void *
xrealloc(void *old, size_t size)
{
	return or_die(realloc(old, size ? size : 1));
}

char *
xstrndup(const char *data, size_t len)
{
	char	   *copy = or_die(malloc(len + 1));

	memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

static void
reserve(Text *text, size_t more)
{
	size_t		need = text->len + more + 1;

	if (need <= text->cap)
		return;
	text->cap = need < 256 ? 256 : need * 2;
	text->data = xrealloc(text->data, text->cap);
}

void
text_append(Text *text, const char *data, size_t len)
{
	reserve(text, len);
	if (len > 0)
		memcpy(text->data + text->len, data, len);
	text->len += len;
	text->data[text->len] = '\0';
}

void
text_char(Text *text, char c)
{
	text_append(text, &c, 1);
}

void
text_puts(Text *text, const char *string)
{
	text_append(text, string, strlen(string));
}

void
text_printf(Text *text, const char *format,...)
{
	va_list		args;
	int			len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);

	reserve(text, len);
	va_start(args, format);
	vsnprintf(text->data + text->len, len + 1, format, args);
	va_end(args);
	text->len += len;
}

void
text_uint(Text *text, uint64_t value)
{
	char		digits[20];
	int			at = sizeof(digits);

	do
	{
		digits[--at] = '0' + value % 10;
		value /= 10;
	} while (value > 0);
	text_append(text, digits + at, sizeof(digits) - at);
}

void
text_hex(Text *text, uint64_t value, int digits)
{
	char		hex[16];

	for (int i = digits - 1; i >= 0; i--, value >>= 4)
		hex[i] = "0123456789abcdef"[value & 15];
	text_append(text, hex, digits);
}

void
text_free(Text *text)
{
	free(text->data);
	memset(text, 0, sizeof(*text));
}

/* Length of the UTF-8 character at data, 0 if there is none. */
static size_t
utf8_len(const unsigned char *data, size_t left)
{
	static const struct
	{
		unsigned char mask,
					lead;
		uint32_t	least;
	}			forms[] = {
		{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800},
		{0xf8, 0xf0, 0x10000},
	};

	for (size_t len = 1; len <= 4 && len <= left; len++)
	{
		uint32_t	code = data[0] & (unsigned char) ~forms[len - 1].mask;

		if ((data[0] & forms[len - 1].mask) != forms[len - 1].lead)
			continue;
		for (size_t i = 1; i < len; i++)
		{
			if ((data[i] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (data[i] & 0x3f);
		}
		if (code < forms[len - 1].least || code > 0x10ffff
			|| (code >= 0xd800 && code < 0xe000))
			return 0;
		return len;
	}
	return 0;
}

/* Append one character of a JSON string, with the escape it needs. */
static void
json_char(Text *text, const char *data, size_t len)
{
	unsigned char c = data[0];

	if (len > 1)
		text_append(text, data, len);
	else if (c == '"' || c == '\\')
	{
		text_char(text, '\\');
		text_char(text, c);
	}
	else
	{
		text_lit(text, "\\u00");
		text_hex(text, c, 2);
	}
}

void
text_json(Text *text, const char *data, size_t len)
{
	size_t		from = 0,
				at = 0;

	text_lit(text, "\"");
	while (at < len)
	{
		unsigned char c = data[at];
		size_t		char_len;

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
		{
			at++;
			continue;
		}
		text_append(text, data + from, at - from);
		char_len = utf8_len((const unsigned char *) data + at, len - at);
		if (char_len > 0)
			json_char(text, data + at, char_len);
		else
			text_lit(text, "?");
		at += char_len > 0 ? char_len : 1;
		from = at;
	}
	text_append(text, data + from, at - from);
	text_lit(text, "\"");
}

void
text_csv(Text *text, const char *data, size_t len)
{
	text_lit(text, "\"");
	for (size_t at = 0; at < len;)
	{
		size_t		char_len = utf8_len((const unsigned char *) data + at,
										len - at);

		if (char_len == 0 || data[at] == '\0')
		{
			text_lit(text, "?");
			at++;
			continue;
		}
		if (data[at] == '"')
			text_lit(text, "\"");
		text_append(text, data + at, char_len);
		at += char_len;
	}
	text_lit(text, "\"");
}

void
text_uuid(Text *text, char kind, uint64_t number)
{
	text_char(text, kind);
	text_lit(text, uuid_middle);
	text_hex(text, number, 12);
}

bool
uuid_parse(const char *data, size_t len, char *kind, uint64_t *number)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (len != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < len; i++)
		if (form[i] == '-' ? data[i] != '-'
			: !isxdigit((unsigned char) data[i]))
			return false;

	*kind = 0;
	*number = 0;
	if (strncmp(data + 1, uuid_middle, sizeof(uuid_middle) - 1) == 0)
	{
		*kind = tolower((unsigned char) data[0]);
		*number = strtoull(data + 24, NULL, 16);
	}
	return true;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = tolower((unsigned char) c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

Text
percent_decode(const char *data, size_t len, bool form)
{
	Text		text = {0};

	text_append(&text, "", 0);
	for (size_t i = 0; i < len; i++)
	{
		char		c = data[i];

		if (c == '+' && form)
			c = ' ';
		else if (c == '%' && i + 2 < len && hex_value(data[i + 1]) >= 0
				 && hex_value(data[i + 2]) >= 0)
		{
			c = hex_value(data[i + 1]) << 4 | hex_value(data[i + 2]);
			i += 2;
		}
		text_char(&text, c);
	}
	return text;
}
