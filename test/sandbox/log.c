/*-------------------------------------------------------------------------
 *
 * log.c
 *	  What the sandbox received, kept in memory for tests to read.
 *
 * A ring indexed by ticket.  Tickets are never used twice, so a request which
 * ends after the log was cleared cannot touch the entry of a later one.
 *-------------------------------------------------------------------------
 */
#include "log.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ENTRIES 200000
#define MAX_BYTES ((size_t) 256 << 20)

typedef struct Entry
{
	char	   *texts;			/* method, path, query, version, headers */
	size_t		texts_len;
	Text		body;
	int64_t		at_us;
	int			in_flight;
	int			status;
	unsigned	tcp;
	bool		key_present;
	bool		key_ok;
	bool		tls;
} Entry;

static Entry *ring;
static uint64_t oldest = 1;		/* ticket of the oldest entry */
static uint64_t next = 1;		/* ticket of the next one */
static uint64_t cleared_at = 1; /* ticket of the first since the clear */
static uint64_t reset_at = 1;	/* ticket of the first since the reset */
static size_t bytes;

static int	in_flight;
static int	max_in_flight;
static unsigned sessions;		/* with a number, since the reset */
static unsigned sessions_used;	/* since the clear */
static unsigned reset_period = 1;
static unsigned clear_period = 1;

void
log_start(void)
{
	ring = xcalloc(MAX_ENTRIES, sizeof(Entry));
}

static Entry *
entry_of(uint64_t ticket)
{
	if (ticket < oldest || ticket >= next)
		return NULL;
	return &ring[ticket % MAX_ENTRIES];
}

static size_t
entry_bytes(const Entry *entry)
{
	return entry->texts_len + entry->body.cap;
}

static void
drop_oldest(void)
{
	Entry	   *entry = entry_of(oldest);

	bytes -= entry_bytes(entry);
	free(entry->texts);
	text_free(&entry->body);
	oldest++;
}

static void
keep_bounds(void)
{
	while (next - oldest > MAX_ENTRIES - 1
		   || (bytes > MAX_BYTES && next - oldest > 1))
		drop_oldest();
}

/* Number the TCP connection at its first request, and count it. */
static unsigned
note_session(LogSession *session)
{
	if (session->numbered_in != reset_period)
	{
		session->numbered_in = reset_period;
		session->number = ++sessions;
	}
	if (session->counted_in != clear_period)
	{
		session->counted_in = clear_period;
		sessions_used++;
	}
	return session->number;
}

/* Keep the strings in one piece of memory, one after the other. */
static void
keep_texts(Entry *entry, const LogArrival *arrival)
{
	const char *const strings[] = {
		arrival->method, arrival->path, arrival->query, arrival->version,
		arrival->headers->data,
	};
	size_t		lengths[5];
	char	   *at;

	entry->texts_len = 0;
	for (int i = 0; i < 5; i++)
		entry->texts_len += lengths[i] = strlen(strings[i]) + 1;
	at = entry->texts = xcalloc(entry->texts_len, 1);
	for (int i = 0; i < 5; at += lengths[i++])
		memcpy(at, strings[i], lengths[i]);
}

uint64_t
log_arrive(const LogArrival *arrival)
{
	uint64_t	ticket = next;
	Entry		entry = {
		.at_us = arrival->at_us,
		.key_present = arrival->key_present,
		.key_ok = arrival->key_ok,
		.tls = arrival->tls,
	};

	keep_bounds();
	next++;
	if (++in_flight > max_in_flight)
		max_in_flight = in_flight;

	entry.in_flight = in_flight;
	entry.tcp = note_session(arrival->session);
	keep_texts(&entry, arrival);
	bytes += entry_bytes(&entry);
	*entry_of(ticket) = entry;
	return ticket;
}

void
log_body(uint64_t ticket, const char *data, size_t len)
{
	Entry	   *entry = entry_of(ticket);

	if (entry == NULL || len == 0)
		return;
	text_append(&entry->body, data, len);
	bytes += entry->body.cap;
}

void
log_status(uint64_t ticket, int status)
{
	Entry	   *entry = entry_of(ticket);

	if (entry != NULL)
		entry->status = status;
}

void
log_leave(uint64_t ticket)
{
	if (ticket >= reset_at)
		in_flight--;
}

void
log_clear(void)
{
	while (oldest < next)
		drop_oldest();
	cleared_at = next;
	max_in_flight = in_flight;
	sessions_used = 0;
	clear_period++;
}

void
log_reset(void)
{
	in_flight = 0;
	reset_at = next;
	sessions = 0;
	reset_period++;
	log_clear();
}

static const char *
next_field(const char *at, Text *csv)
{
	size_t		len = strlen(at);

	text_csv(csv, at, len);
	return at + len + 1;
}

static void
render_entry(Text *csv, uint64_t ticket)
{
	const Entry *entry = entry_of(ticket);
	const char *at = entry->texts;
	Text		version = {0};

	text_printf(csv, "%llu,", (unsigned long long) (ticket - cleared_at + 1));
	for (int i = 0; i < 3; i++)
	{
		at = next_field(at, csv);
		text_lit(csv, ",");
	}
	at = next_field(at, &version);
	text_csv(csv, entry->body.data, entry->body.len);
	text_printf(csv, ",%c,%c,", entry->key_present ? 't' : 'f',
				entry->key_ok ? 't' : 'f');
	next_field(at, csv);
	text_printf(csv, ",%d,%u,%d,%c,%lld,%s\r\n", entry->in_flight, entry->tcp,
				entry->status, entry->tls ? 't' : 'f',
				(long long) entry->at_us, version.data);
	text_free(&version);
}

void
log_render(Text *csv)
{
	for (uint64_t ticket = oldest; ticket < next; ticket++)
		render_entry(csv, ticket);
}

void
log_render_stats(Text *json)
{
	text_printf(json, "{\"requests\": %llu, \"max_in_flight\": %d, "
				"\"tcp_connections\": %u, \"dropped\": %llu}",
				(unsigned long long) (next - cleared_at), max_in_flight,
				sessions_used, (unsigned long long) (oldest - cleared_at));
}
