/*
 * The bytes of a chunk may be anything, since others can write to the file: each length is compared
 * with what is left before it is used, and what does not add up is -EBADMSG.  A column is taken
 * apart when it is first asked for, and kept as long as the chunk is open.
 *
 * Called by packed_rows.c and maintenance/pack.c, one thread at a time.
 */
#include "packed/chunk.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "packed/chunk_format.h"

struct chunk_column {
	struct chunk_value *values; /* NULL: not read yet */
	uint8_t *inflated;          /* what texts point into; NULL: the chunk's bytes */
};

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
