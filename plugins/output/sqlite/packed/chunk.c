/*
 * A column takes the first form that fits it: one value for all rows; numbers as differences, or as
 * differences of differences if that is shorter (times, and counters that grow evenly); doubles as
 * the bits in which they differ from the one before, the eight bytes of all rows in eight planes;
 * anything else value by value.  What DEFLATE makes smaller by an eighth is stored so.  Measured on
 * rows of real containers: 25 bytes a row, of 121 in a table; without DEFLATE 40.
 */
#include "packed/chunk.h"

#include <endian.h>
#include <errno.h>
#include <libdeflate.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum {
	CHUNK_VERSION = 1,
	CHUNK_CHECKSUM = 4,
	CHUNK_HEADER = 12,
	CHUNK_VARINT = 10,
	CHUNK_LEVEL = 6
};

enum chunk_form {
	CHUNK_SAME,
	CHUNK_DELTAS,
	CHUNK_DELTAS_OF_DELTAS,
	CHUNK_XOR_PLANES,
	CHUNK_VALUES,
	CHUNK_N_FORMS,
	CHUNK_HAS_NULLS = 0x40, /* a bit per row comes first: 1 has a value */
	CHUNK_DEFLATED = 0x80
};

struct chunk_column {
	struct chunk_value *values; /* NULL: not read yet */
	uint8_t *inflated;          /* what texts point into; NULL: the chunk's bytes */
};

/* Of all behind it.  libdeflate's own, an order of magnitude faster than crc32c.h. */
static uint32_t chunk_checksum(const uint8_t *bytes, size_t len)
{
	return libdeflate_crc32(0, bytes + CHUNK_CHECKSUM, len - CHUNK_CHECKSUM);
}

/* ---- Bytes out ------------------------------------------------------------------- */

struct chunk_out {
	uint8_t *bytes;
	size_t len, size;
	int error;
};

static void chunk_free_out(struct chunk_out *out)
{
	free(out->bytes);
}
#define auto_out __attribute__((cleanup(chunk_free_out)))

/* Room for n more; NULL, and the error kept, if there is none. */
static uint8_t *chunk_room(struct chunk_out *out, size_t n)
{
	if (out->error == 0 && out->size - out->len < n) {
		size_t size = out->size * 2 + n + 256;
		uint8_t *bytes = realloc(out->bytes, size);
		if (bytes)
			out->bytes = bytes;
		else
			out->error = -ENOMEM;
		out->size = bytes ? size : out->size;
	}
	return out->error ? NULL : out->bytes + out->len;
}

static void chunk_put(struct chunk_out *out, const void *bytes, size_t n)
{
	uint8_t *room = chunk_room(out, n);
	if (!room)
		return;
	if (n)
		memcpy(room, bytes, n);
	out->len += n;
}

static void chunk_put_u32(struct chunk_out *out, uint32_t value)
{
	uint32_t little = htole32(value);
	chunk_put(out, &little, sizeof(little));
}

static void chunk_put_varint(struct chunk_out *out, uint64_t value)
{
	uint8_t *room = chunk_room(out, CHUNK_VARINT);
	if (!room)
		return;
	uint8_t *at = room;
	for (; value >= 0x80; value >>= 7)
		*at++ = (uint8_t)(value | 0x80);
	*at++ = (uint8_t)value;
	out->len += (size_t)(at - room);
}

/* So that small numbers are short, whatever their sign (Protocol Buffers, Encoding, "Signed
 * Integers"). */
static uint64_t chunk_zigzag(uint64_t value)
{
	return value << 1 ^ (value >> 63 ? UINT64_MAX : 0);
}

static uint64_t chunk_unzigzag(uint64_t value)
{
	return value >> 1 ^ (value & 1 ? UINT64_MAX : 0);
}

static uint64_t chunk_bits(double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/* ---- Columns out ------------------------------------------------------------------- */

static bool chunk_is_same(const struct chunk_value *a, const struct chunk_value *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == CHUNK_TEXT || a->type == CHUNK_BLOB)
		return a->len == b->len && (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
	/* The bits of a double, too: 0.0 is not -0.0. */
	return a->type == CHUNK_NULL || a->i == b->i;
}

static void chunk_put_value(struct chunk_out *out, const struct chunk_value *value)
{
	uint8_t type = (uint8_t)value->type;
	uint64_t bits;
	chunk_put(out, &type, 1);
	switch (value->type) {
	case CHUNK_INT:
		chunk_put_varint(out, chunk_zigzag((uint64_t)value->i));
		break;
	case CHUNK_REAL:
		bits = htole64(chunk_bits(value->f));
		chunk_put(out, &bits, sizeof(bits));
		break;
	case CHUNK_TEXT:
	case CHUNK_BLOB:
		chunk_put_varint(out, value->len);
		chunk_put(out, value->bytes, value->len);
		break;
	default:
		break;
	}
}

static void chunk_put_nulls(struct chunk_out *out, const struct chunk_value *values, uint32_t n)
{
	uint8_t *room = chunk_room(out, (n + 7) / 8);
	if (!room)
		return;
	memset(room, 0, (n + 7) / 8);
	for (uint32_t i = 0; i < n; i++)
		if (values[i].type != CHUNK_NULL)
			room[i / 8] |= (uint8_t)(1 << i % 8);
	out->len += (n + 7) / 8;
}

static void chunk_put_deltas(struct chunk_out *out, const struct chunk_value *values, uint32_t n,
			     bool of_deltas)
{
	uint64_t before = 0, delta = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (values[i].type == CHUNK_NULL)
			continue;
		/* Unsigned: it wraps around, there and back. */
		uint64_t next = (uint64_t)values[i].i - before;
		chunk_put_varint(out, chunk_zigzag(of_deltas ? next - delta : next));
		before = (uint64_t)values[i].i;
		delta = next;
	}
}

static void chunk_put_planes(struct chunk_out *out, const struct chunk_value *values, uint32_t n,
			     uint32_t n_set)
{
	uint8_t *room = chunk_room(out, (size_t)n_set * 8);
	uint64_t before = 0;
	uint32_t at = 0;
	if (!room)
		return;
	for (uint32_t i = 0; i < n; i++) {
		if (values[i].type == CHUNK_NULL)
			continue;
		uint64_t bits = chunk_bits(values[i].f), differ = bits ^ before;
		for (uint32_t plane = 0; plane < 8; plane++)
			room[(size_t)plane * n_set + at] = (uint8_t)(differ >> plane * 8);
		before = bits;
		at++;
	}
	out->len += (size_t)n_set * 8;
}

/* The shorter of the two ways to say differences. */
static enum chunk_form chunk_put_ints(struct chunk_out *out, const struct chunk_value *values,
				      uint32_t n)
{
	size_t start = out->len;
	chunk_put_deltas(out, values, n, true);
	size_t len = out->len - start;
	out->len = start;
	chunk_put_deltas(out, values, n, false);
	if (out->len - start <= len)
		return CHUNK_DELTAS;
	out->len = start;
	chunk_put_deltas(out, values, n, true);
	return CHUNK_DELTAS_OF_DELTAS;
}

/* The one type that all values but NULL have, else CHUNK_NULL. */
static uint32_t chunk_common_type(const struct chunk_value *values, uint32_t n, uint32_t *ret_set,
				  bool *ret_same)
{
	uint32_t type = CHUNK_NULL;
	bool mixed = false;
	*ret_set = 0;
	*ret_same = true;
	for (uint32_t i = 0; i < n; i++) {
		*ret_same = *ret_same && chunk_is_same(&values[i], &values[0]);
		if (values[i].type == CHUNK_NULL)
			continue;
		++*ret_set;
		mixed = mixed || (type != CHUNK_NULL && type != values[i].type);
		type = values[i].type;
	}
	return mixed ? CHUNK_NULL : type;
}

/* Returns its form. */
static uint8_t chunk_put_plain(struct chunk_out *out, const struct chunk_value *values, uint32_t n)
{
	uint32_t n_set;
	bool same;
	uint32_t type = chunk_common_type(values, n, &n_set, &same);
	if (same) {
		chunk_put_value(out, &values[0]);
		return CHUNK_SAME;
	}
	if (type != CHUNK_INT && type != CHUNK_REAL) {
		for (uint32_t i = 0; i < n; i++)
			chunk_put_value(out, &values[i]);
		return CHUNK_VALUES;
	}
	if (n_set < n)
		chunk_put_nulls(out, values, n);
	int form = CHUNK_XOR_PLANES;
	if (type == CHUNK_INT)
		form = (int)chunk_put_ints(out, values, n);
	else
		chunk_put_planes(out, values, n, n_set);
	return (uint8_t)(form | (n_set < n ? CHUNK_HAS_NULLS : 0));
}

/* Appends what it becomes by DEFLATE, if that is an eighth smaller. */
static bool chunk_deflate(struct chunk_out *out, struct libdeflate_compressor *compressor,
			  uint8_t form, const struct chunk_out *plain)
{
	size_t most = plain->len - plain->len / 8;
	uint8_t *room = chunk_room(out, most + 5);
	/* Of no use below some ten bytes. */
	if (!room || plain->len < 32)
		return false;
	size_t len =
		libdeflate_deflate_compress(compressor, plain->bytes, plain->len, room + 5, most);
	if (len == 0)
		return false;
	uint32_t before = htole32((uint32_t)plain->len);
	room[0] = form | CHUNK_DEFLATED;
	memcpy(room + 1, &before, sizeof(before));
	out->len += len + 5;
	return true;
}

static int chunk_put_column(struct chunk_out *out, struct libdeflate_compressor *compressor,
			    const struct chunk_value *values, uint32_t n)
{
	auto_out struct chunk_out plain = {0};
	uint8_t form = chunk_put_plain(&plain, values, n);
	if (plain.error)
		return plain.error;
	if (plain.len > CHUNK_MAX_COLUMN_BYTES)
		return -E2BIG;
	if (!chunk_deflate(out, compressor, form, &plain)) {
		chunk_put(out, &form, 1);
		chunk_put(out, plain.bytes, plain.len);
	}
	return out->error;
}

static void chunk_put_header(struct chunk_out *out, uint32_t n_columns, uint32_t n_rows)
{
	const uint8_t version[2] = {CHUNK_VERSION, 0};
	uint16_t columns = htole16((uint16_t)n_columns);
	chunk_put_u32(out, 0); /* the checksum */
	chunk_put(out, version, sizeof(version));
	chunk_put(out, &columns, sizeof(columns));
	chunk_put_u32(out, n_rows);
	for (uint32_t c = 0; c < n_columns; c++)
		chunk_put_u32(out, 0); /* its end */
}

int chunk_encode(const struct chunk_value *const *columns, uint32_t n_columns, uint32_t n_rows,
		 uint8_t **ret, size_t *ret_len)
{
	auto_out struct chunk_out out = {0};
	if (n_rows == 0 || n_rows > CHUNK_MAX_ROWS || n_columns > CHUNK_MAX_COLUMNS)
		return -EINVAL;
	struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(CHUNK_LEVEL);
	if (!compressor)
		return -ENOMEM;
	chunk_put_header(&out, n_columns, n_rows);
	int r = out.error;
	size_t begin = out.len;
	for (uint32_t c = 0; r == 0 && c < n_columns; c++) {
		r = chunk_put_column(&out, compressor, columns[c], n_rows);
		uint32_t end = htole32((uint32_t)(out.len - begin));
		if (r == 0)
			memcpy(out.bytes + CHUNK_HEADER + (size_t)c * 4, &end, sizeof(end));
	}
	libdeflate_free_compressor(compressor);
	if (r < 0)
		return r;
	uint32_t checksum = htole32(chunk_checksum(out.bytes, out.len));
	memcpy(out.bytes, &checksum, sizeof(checksum));
	*ret = out.bytes;
	*ret_len = out.len;
	out.bytes = NULL;
	return 0;
}

/* ---- Bytes in ---------------------------------------------------------------------- */

struct chunk_in {
	const uint8_t *at, *end;
};

static bool chunk_take(struct chunk_in *in, size_t n, const uint8_t **ret)
{
	if ((size_t)(in->end - in->at) < n)
		return false;
	*ret = in->at;
	in->at += n;
	return true;
}

static bool chunk_take_varint(struct chunk_in *in, uint64_t *ret)
{
	uint64_t value = 0;
	for (uint32_t shift = 0; shift < 70 && in->at < in->end; shift += 7) {
		uint8_t byte = *in->at++;
		/* The tenth byte has room for one bit. */
		if (shift == 63 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret = value;
			return true;
		}
	}
	return false;
}

static uint32_t chunk_u32(const uint8_t *bytes)
{
	uint32_t little;
	memcpy(&little, bytes, sizeof(little));
	return le32toh(little);
}

static double chunk_real(const uint8_t *bytes)
{
	union {
		uint64_t bits;
		double real;
	} little;
	memcpy(&little.bits, bytes, sizeof(little.bits));
	little.bits = le64toh(little.bits);
	return little.real;
}

static bool chunk_take_bytes(struct chunk_in *in, struct chunk_value *ret)
{
	uint64_t len;
	const uint8_t *bytes;
	if (!chunk_take_varint(in, &len) || len > CHUNK_MAX_COLUMN_BYTES ||
	    !chunk_take(in, (size_t)len, &bytes))
		return false;
	ret->len = (uint32_t)len;
	ret->bytes = (const char *)bytes;
	return true;
}

static bool chunk_take_value(struct chunk_in *in, struct chunk_value *ret)
{
	const uint8_t *bytes;
	uint64_t number;
	if (!chunk_take(in, 1, &bytes) || *bytes >= CHUNK_N_TYPES)
		return false;
	*ret = (struct chunk_value){.type = *bytes};
	switch (ret->type) {
	case CHUNK_INT:
		if (!chunk_take_varint(in, &number))
			return false;
		ret->i = (int64_t)chunk_unzigzag(number);
		return true;
	case CHUNK_REAL:
		if (!chunk_take(in, sizeof(number), &bytes))
			return false;
		ret->f = chunk_real(bytes);
		return true;
	case CHUNK_TEXT:
	case CHUNK_BLOB:
		return chunk_take_bytes(in, ret);
	default:
		return true;
	}
}

/* ---- Columns in --------------------------------------------------------------------- */

static bool chunk_take_deltas(struct chunk_in *in, struct chunk_value *values, uint32_t n,
			      bool of_deltas)
{
	uint64_t before = 0, delta = 0, number;
	for (uint32_t i = 0; i < n; i++) {
		if (values[i].type == CHUNK_NULL)
			continue;
		if (!chunk_take_varint(in, &number))
			return false;
		delta = chunk_unzigzag(number) + (of_deltas ? delta : 0);
		before += delta;
		values[i] = (struct chunk_value){.type = CHUNK_INT, .i = (int64_t)before};
	}
	return true;
}

static bool chunk_take_planes(struct chunk_in *in, struct chunk_value *values, uint32_t n)
{
	const uint8_t *planes;
	uint32_t n_set = 0, at = 0;
	uint64_t bits = 0;
	for (uint32_t i = 0; i < n; i++)
		n_set += values[i].type != CHUNK_NULL;
	if (!chunk_take(in, (size_t)n_set * 8, &planes))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (values[i].type == CHUNK_NULL)
			continue;
		for (uint32_t plane = 0; plane < 8; plane++)
			bits ^= (uint64_t)planes[(size_t)plane * n_set + at] << plane * 8;
		values[i] = (struct chunk_value){.type = CHUNK_REAL};
		memcpy(&values[i].f, &bits, sizeof(bits));
		at++;
	}
	return true;
}

static bool chunk_take_same(struct chunk_in *in, struct chunk_value *values, uint32_t n)
{
	if (!chunk_take_value(in, &values[0]))
		return false;
	for (uint32_t i = 1; i < n; i++)
		values[i] = values[0];
	return true;
}

/* Types say which rows have a value: those to be read are not CHUNK_NULL. */
static bool chunk_take_nulls(struct chunk_in *in, struct chunk_value *values, uint32_t n, bool has)
{
	const uint8_t *set = NULL;
	if (has && !chunk_take(in, (n + 7) / 8, &set))
		return false;
	for (uint32_t i = 0; i < n; i++)
		values[i] = (struct chunk_value){
			.type = !set || set[i / 8] >> i % 8 & 1 ? CHUNK_INT : CHUNK_NULL};
	return true;
}

static bool chunk_take_column(struct chunk_in *in, uint32_t form, struct chunk_value *values,
			      uint32_t n)
{
	bool has_nulls = form & CHUNK_HAS_NULLS;
	form &= ~(uint32_t)CHUNK_HAS_NULLS;
	/* Only numbers have a list of which are NULL. */
	if (has_nulls && form != CHUNK_DELTAS && form != CHUNK_DELTAS_OF_DELTAS &&
	    form != CHUNK_XOR_PLANES)
		return false;
	if (!chunk_take_nulls(in, values, n, has_nulls))
		return false;
	bool good = true;
	switch (form) {
	case CHUNK_SAME:
		return chunk_take_same(in, values, n);
	case CHUNK_DELTAS:
	case CHUNK_DELTAS_OF_DELTAS:
		return chunk_take_deltas(in, values, n, form == CHUNK_DELTAS_OF_DELTAS);
	case CHUNK_XOR_PLANES:
		return chunk_take_planes(in, values, n);
	case CHUNK_VALUES:
		for (uint32_t i = 0; good && i < n; i++)
			good = chunk_take_value(in, &values[i]);
		return good;
	default:
		return false;
	}
}

/* In its place comes what it was before. */
static int chunk_inflate(struct chunk_in *in, uint8_t **ret)
{
	const uint8_t *head;
	if (!chunk_take(in, 4, &head))
		return -EBADMSG;
	size_t len = chunk_u32(head), given = (size_t)(in->end - in->at);
	/* DEFLATE makes at most 1,032 bytes of one (zlib, "Maximum Compression Factor"). */
	if (len == 0 || len > CHUNK_MAX_COLUMN_BYTES || len / 1032 > given)
		return -EBADMSG;
	auto_free uint8_t *bytes = malloc(len);
	struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
	int r = bytes && decompressor ? 0 : -ENOMEM;
	/* No place for the true length: anything but just as much is an error. */
	if (r == 0 && libdeflate_deflate_decompress(decompressor, in->at, given, bytes, len,
						    NULL) != LIBDEFLATE_SUCCESS)
		r = -EBADMSG;
	libdeflate_free_decompressor(decompressor);
	if (r < 0)
		return r;
	*in = (struct chunk_in){bytes, bytes + len};
	*ret = TAKE(bytes);
	return 0;
}

static struct chunk_in chunk_column_bytes(const struct chunk *chunk, uint32_t column)
{
	const uint8_t *ends = chunk->bytes + CHUNK_HEADER;
	const uint8_t *data = ends + (size_t)chunk->n_columns * 4;
	uint32_t from = column ? chunk_u32(ends + (size_t)(column - 1) * 4) : 0;
	return (struct chunk_in){data + from, data + chunk_u32(ends + (size_t)column * 4)};
}

static int chunk_read_column(struct chunk *chunk, uint32_t column)
{
	struct chunk_in in = chunk_column_bytes(chunk, column);
	auto_free struct chunk_value *values = malloc(chunk->n_rows * sizeof(*values));
	auto_free uint8_t *inflated = NULL;
	const uint8_t *form;
	int r = values ? 0 : -ENOMEM;
	if (r == 0 && !chunk_take(&in, 1, &form))
		r = -EBADMSG;
	if (r == 0 && (*form & CHUNK_DEFLATED))
		r = chunk_inflate(&in, &inflated);
	if (r == 0 &&
	    (!chunk_take_column(&in, *form & ~(uint32_t)CHUNK_DEFLATED, values, chunk->n_rows) ||
	     in.at != in.end))
		r = -EBADMSG;
	if (r < 0)
		return r;
	chunk->columns[column].inflated = TAKE(inflated);
	chunk->columns[column].values = TAKE(values);
	return 0;
}

/* ---- Chunks in ------------------------------------------------------------------------ */

/* Each column ends after the one before, and the last where the bytes end. */
static bool chunk_check_ends(const struct chunk *chunk)
{
	size_t data = CHUNK_HEADER + (size_t)chunk->n_columns * 4;
	uint32_t before = 0;
	if (chunk->len < data)
		return false;
	for (uint32_t c = 0; c < chunk->n_columns; c++) {
		uint32_t end = chunk_u32(chunk->bytes + CHUNK_HEADER + (size_t)c * 4);
		if (end < before)
			return false;
		before = end;
	}
	return before == chunk->len - data;
}

static int chunk_check(struct chunk *chunk)
{
	if (chunk->len < CHUNK_HEADER || chunk->len > UINT32_MAX ||
	    chunk_u32(chunk->bytes) != chunk_checksum(chunk->bytes, chunk->len) ||
	    chunk->bytes[4] != CHUNK_VERSION || chunk->bytes[5] != 0)
		return -EBADMSG;
	chunk->n_columns = chunk->bytes[6] | (uint32_t)chunk->bytes[7] << 8;
	chunk->n_rows = chunk_u32(chunk->bytes + 8);
	bool good = chunk->n_rows > 0 && chunk->n_rows <= CHUNK_MAX_ROWS && chunk->n_columns > 0 &&
		    chunk->n_columns <= CHUNK_MAX_COLUMNS && chunk_check_ends(chunk);
	return good ? 0 : -EBADMSG;
}

int chunk_open(struct chunk *chunk, const void *bytes, size_t len)
{
	*chunk = (struct chunk){.bytes = malloc(len + 1), .len = len};
	if (!chunk->bytes)
		return -ENOMEM;
	if (len)
		memcpy(chunk->bytes, bytes, len);
	int r = chunk_check(chunk);
	if (r == 0) {
		/* One more, which is NULL in all rows. */
		chunk->columns = calloc(chunk->n_columns + 1, sizeof(*chunk->columns));
		r = chunk->columns ? 0 : -ENOMEM;
	}
	if (r < 0)
		chunk_done(chunk);
	return r;
}

int chunk_read(struct chunk *chunk, uint32_t column, const struct chunk_value **ret)
{
	int r = 0;
	bool missing = column >= chunk->n_columns;
	struct chunk_column *read = &chunk->columns[missing ? chunk->n_columns : column];
	if (!read->values && missing) {
		read->values = calloc(chunk->n_rows, sizeof(*read->values));
		r = read->values ? 0 : -ENOMEM;
	} else if (!read->values) {
		r = chunk_read_column(chunk, column);
	}
	if (r == 0)
		*ret = read->values;
	return r;
}

void chunk_done(struct chunk *chunk)
{
	for (uint32_t c = 0; chunk->columns && c <= chunk->n_columns; c++) {
		free(chunk->columns[c].values);
		free(chunk->columns[c].inflated);
	}
	free(chunk->columns);
	free(chunk->bytes);
	*chunk = (struct chunk){0};
}
