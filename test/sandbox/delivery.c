/*-------------------------------------------------------------------------
 *
 * delivery.c
 *	  Putting an answer on the wire, well or badly.
 *-------------------------------------------------------------------------
 */
#include "delivery.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HUGE_BLOCK 65536

/* A body which is not sent in one go. */
typedef struct Stream
{
	struct MHD_Connection *connection;
	Wait	   *wait;
	Text		body;
	int64_t		delay_us;
	int64_t		due_us;			/* when the next byte may go */
} Stream;

static const char huge_head[] = "{\"connections\": [\"";
static const char huge_tail[] = "\"]}";

static void
free_stream(void *arg)
{
	Stream	   *stream = arg;

	text_free(&stream->body);
	free(stream);
}

/* One byte, the next one delay_ms later. */
static ssize_t
read_trickled(void *arg, uint64_t pos, char *out, size_t max)
{
	Stream	   *stream = arg;
	int64_t		now = now_us();

	(void) max;
	if (stream->wait->gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (now < stream->due_us)
	{
		wait_until(stream->wait, stream->connection, stream->due_us);
		return 0;				/* called again once resumed */
	}
	stream->due_us = now + stream->delay_us;
	out[0] = stream->body.data[pos];
	return 1;
}

/* The first half, then an end where none was announced. */
static ssize_t
read_half(void *arg, uint64_t pos, char *out, size_t max)
{
	Stream	   *stream = arg;
	size_t		left = stream->body.len / 2 - pos;

	if (left == 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (left > max)
		left = max;
	memcpy(out, stream->body.data + pos, left);
	return left;
}

static char
huge_byte(uint64_t pos, uint64_t size)
{
	if (pos < sizeof(huge_head) - 1)
		return huge_head[pos];
	if (pos >= size - (sizeof(huge_tail) - 1))
		return huge_tail[pos - (size - (sizeof(huge_tail) - 1))];
	return 'x';
}

/* One string in an envelope, as long as it takes; made while it is sent. */
static ssize_t
read_huge(void *arg, uint64_t pos, char *out, size_t max)
{
	uint64_t	size = *(uint64_t *) arg;

	for (size_t i = 0; i < max; i++)
		out[i] = huge_byte(pos + i, size);
	return max;
}

static struct MHD_Response *
whole_response(Answer *answer)
{
	return MHD_create_response_from_buffer(answer->body.len,
										   answer->body.data,
										   MHD_RESPMEM_MUST_FREE);
}

static struct MHD_Response *
huge_response(const Fault *fault)
{
	uint64_t   *size = xcalloc(1, sizeof(uint64_t));

	*size = fault_size(fault);
	return MHD_create_response_from_callback(*size, HUGE_BLOCK, read_huge,
											 size, free);
}

static struct MHD_Response *
stream_response(struct MHD_Connection *connection, Answer *answer,
				const Fault *fault, Wait *wait,
				MHD_ContentReaderCallback reader)
{
	Stream	   *stream = xcalloc(1, sizeof(Stream));

	stream->connection = connection;
	stream->wait = wait;
	stream->body = answer->body;
	stream->delay_us = fault_delay_ms(fault) * 1000;
	return MHD_create_response_from_callback(stream->body.len, 4096, reader,
											 stream, free_stream);
}

static struct MHD_Response *
make_response(struct MHD_Connection *connection, Answer *answer,
			  const Fault *fault, Wait *wait)
{
	switch (fault_delivery(fault))
	{
		case DELIVER_TRICKLED:
			return stream_response(connection, answer, fault, wait,
								   read_trickled);
		case DELIVER_HALF:
			return stream_response(connection, answer, fault, wait, read_half);
		case DELIVER_HUGE:
			text_free(&answer->body);
			return huge_response(fault);
		case DELIVER_WHOLE:
		case DELIVER_DELAYED:
		case DELIVER_NEVER:
		case DELIVER_RESET:
		case DELIVER_CLOSE:
			break;
	}
	return whole_response(answer);
}

static void
add_header(struct MHD_Response *response, const char *name, const char *value)
{
	if (value != NULL)
		MHD_add_response_header(response, name, value);
}

enum MHD_Result
deliver(struct MHD_Connection *connection, Answer *answer, const Fault *fault,
		Wait *wait)
{
	struct MHD_Response *response = make_response(connection, answer, fault,
												  wait);
	enum MHD_Result result;

	add_header(response, "Content-Type", answer->content_type);
	add_header(response, "Content-Encoding", answer->content_encoding);
	add_header(response, "Retry-After", answer->retry_after);
	add_header(response, "Location", answer->location);
	add_header(response, "Allow", answer->allow);
	result = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return result;
}

void
deliver_reset(struct MHD_Connection *connection)
{
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	/* dissolving the association sends RST, whatever MHD does afterwards */
	(void) connect(wait_socket(connection), &nowhere, sizeof(nowhere));
}
