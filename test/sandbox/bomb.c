/*-------------------------------------------------------------------------
 *
 * bomb.c
 *	  A small gzip body which is large once it is decompressed.
 *
 * Compressing gigabytes would take seconds.  One flushed block of spaces is
 * compressed once and repeated instead; the checksums are combined.
 *-------------------------------------------------------------------------
 */
#include "bomb.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define BLOCK ((size_t) 1 << 20)

/* Compress data as raw deflate blocks which end on a byte boundary. */
static Text
deflate_block(const char *data, size_t len, int flush)
{
	z_stream	z = {0};
	size_t		room = len / 2 + 1024;
	Text		out = {.data = xcalloc(room, 1), .cap = room};

	deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY);
	z.next_in = (Bytef *) data;
	z.avail_in = len;
	z.next_out = (Bytef *) out.data;
	z.avail_out = room;
	deflate(&z, flush);
	out.len = z.total_out;
	deflateEnd(&z);
	return out;
}

/* Append some data n times, keeping the checksum. */
static void
append_blocks(Text *out, const char *data, size_t len, uint64_t n, int flush,
			  uLong *crc)
{
	Text		block = deflate_block(data, len, flush);
	uLong		block_crc = crc32(0, (const Bytef *) data, len);

	for (uint64_t i = 0; i < n; i++)
	{
		text_append(out, block.data, block.len);
		*crc = crc32_combine(*crc, block_crc, len);
	}
	text_free(&block);
}

static void
append_little_endian(Text *out, uint32_t value)
{
	for (int i = 0; i < 4; i++, value >>= 8)
		text_char(out, value & 0xff);
}

void
bomb_append(Text *out, uint64_t size)
{
	static const char header[10] = {0x1f, (char) 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
	char	   *spaces = xcalloc(BLOCK, 1);
	uint64_t	middle = size - 2;
	uLong		crc = 0;

	memset(spaces, ' ', BLOCK);
	text_append(out, header, sizeof(header));
	append_blocks(out, "[", 1, 1, Z_FULL_FLUSH, &crc);
	append_blocks(out, spaces, BLOCK, middle / BLOCK, Z_FULL_FLUSH, &crc);
	append_blocks(out, spaces, middle % BLOCK, 1, Z_FULL_FLUSH, &crc);
	append_blocks(out, "]", 1, 1, Z_FINISH, &crc);
	append_little_endian(out, crc);
	append_little_endian(out, size);
	free(spaces);
}
