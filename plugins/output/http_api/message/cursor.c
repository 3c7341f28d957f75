/*
 * A key as text and back, for paging.c and event_id.c.  Any thread; nothing is kept.
 *
 * Cells are written by their types and read by the types of the table as it is now, so that a
 * cursor from before a change of the table is refused instead of read as something else.  There is
 * no signature: a cursor names a place among rows that its bearer may read anyway, so a forged one
 * is only another page.  Bytes are in the order of the machine; a cursor is not meant to outlive
 * it.
 */
#include "message/cursor.h"

#include "base/cleanup.h"
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Per cell: one byte (its type, or 0 for NULL), then 8 bytes, or the length of a text in 4 and
 * its bytes; base64url (RFC 4648, section 5) without padding over all.
 */
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static bool is_text(uint16_t type)
{
	return type == TALLY_TEXT || type == TALLY_JSON;
}

static unsigned char *put_cell(unsigned char *at, uint16_t type, const struct tally_cell *cell)
{
	*at++ = cell->set ? (unsigned char)type : 0;
	if (!cell->set)
		return at;
	if (!is_text(type)) {
		memcpy(at, &cell->i, 8);
		return at + 8;
	}
	memcpy(at, &cell->len, 4);
	if (cell->len)
		memcpy(at + 4, cell->text, cell->len);
	return at + 4 + cell->len;
}

/* Four characters of three bytes. */
static char *encode_group(char *out, const unsigned char *bytes)
{
	unsigned group = (unsigned)bytes[0] << 16 | (unsigned)bytes[1] << 8 | bytes[2];
	*out++ = alphabet[group >> 18];
	*out++ = alphabet[group >> 12 & 63];
	*out++ = alphabet[group >> 6 & 63];
	*out++ = alphabet[group & 63];
	return out;
}

static char *encode(const unsigned char *bytes, size_t len)
{
	char *text = malloc(len / 3 * 4 + 5);
	char *out = text;
	size_t i = 0;
	if (!text)
		return NULL;
	for (; len - i >= 3; i += 3)
		out = encode_group(out, bytes + i);
	if (len > i) {
		/* As many characters as the bytes that are left need: one more than there are. */
		unsigned char last[3] = {bytes[i], len - i > 1 ? bytes[i + 1] : 0, 0};
		encode_group(out, last);
		out += len - i + 1;
	}
	*out = '\0';
	return text;
}

char *cursor_write(const uint16_t *types, const struct tally_cell *cells, uint32_t n)
{
	size_t size = 1;
	for (uint32_t i = 0; i < n; i++)
		size += !cells[i].set ? 1 : is_text(types[i]) ? 5 + (size_t)cells[i].len : 9;
	auto_free unsigned char *bytes = malloc(size);
	if (!bytes)
		return NULL;
	unsigned char *at = bytes;
	*at++ = (unsigned char)n;
	for (uint32_t i = 0; i < n; i++)
		at = put_cell(at, types[i], &cells[i]);
	return encode(bytes, size);
}

/* -EINVAL, or the number of bytes. */
static ssize_t decode(const char *text, unsigned char *out)
{
	unsigned group = 0, bits = 0;
	size_t len = 0;
	for (; *text; text++) {
		const char *digit = strchr(alphabet, *text);
		if (!digit)
			return -EINVAL;
		group = (group << 6 | (unsigned)(digit - alphabet)) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[len++] = (unsigned char)(group >> bits);
		}
	}
	return (ssize_t)len;
}

struct bytes {
	unsigned char *at, *end;
};

static bool take(struct bytes *bytes, void *ret, size_t n)
{
	if ((size_t)(bytes->end - bytes->at) < n)
		return false;
	memcpy(ret, bytes->at, n);
	bytes->at += n;
	return true;
}

static bool take_cell(struct bytes *bytes, uint16_t type, struct tally_cell *ret)
{
	unsigned char mark;
	*ret = (struct tally_cell){.set = 0};
	if (!take(bytes, &mark, 1))
		return false;
	if (mark == 0)
		return true;
	ret->set = 1;
	if (mark != type)
		return false;
	if (!is_text(type))
		return take(bytes, &ret->i, 8);
	if (!take(bytes, &ret->len, 4) || (size_t)(bytes->end - bytes->at) < ret->len)
		return false;
	ret->text = (const char *)bytes->at;
	bytes->at += ret->len;
	return true;
}

int cursor_read(const char *text, const uint16_t *types, uint32_t n, struct tally_cell *ret_cells,
		char **ret_memory)
{
	auto_free char *memory = malloc(strlen(text) + 1);
	unsigned char count;
	if (!memory)
		return -ENOMEM;
	ssize_t len = decode(text, (unsigned char *)memory);
	if (len < 0)
		return -EINVAL;
	struct bytes bytes = {(unsigned char *)memory, (unsigned char *)memory + len};
	if (!take(&bytes, &count, 1) || count != n)
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++)
		if (!take_cell(&bytes, types[i], &ret_cells[i]))
			return -EINVAL;
	if (bytes.at != bytes.end)
		return -EINVAL;
	*ret_memory = TAKE(memory);
	return 0;
}
