/*
 * Encodes: measures first, allocates once, then fills in.  The format is in batch_format.h.
 *
 * Called through the ABI by plugins that keep batches outside of this process's memory, on their
 * threads.
 */
#include "pipeline/batch_codec.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/batch_format.h"
#include "base/crc32c.h"

struct codec_sizes {
	size_t schema, rows, texts;
};

static int codec_measure_schema(const struct tally_table *table, size_t *ret)
{
	size_t bytes = strlen(table->name) + 1;
	if (table->n_columns == 0 || table->n_columns > CODEC_MAX_COLUMNS)
		return -EINVAL;
	for (uint32_t c = 0; c < table->n_columns; c++) {
		const struct tally_column *column = &table->columns[c];
		if (!codec_cell_bytes(column->type))
			return -EINVAL;
		bytes += 4 + strlen(column->name) + (column->unit ? strlen(column->unit) : 0);
	}
	*ret = bytes;
	return 0;
}

/* Measured first, so that the bytes are one allocation of the right size; a spool encodes every
 * batch. */
static int codec_measure(const struct tally_batch *batch, struct codec_sizes *ret)
{
	struct codec_sizes sizes = {0};
	int r = codec_measure_schema(batch->table, &sizes.schema);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < batch->n_rows; i++) {
		const struct tally_cell *row = batch->cells + (size_t)i * batch->table->n_columns;
		sizes.rows += codec_bitmap_bytes(batch->table->n_columns);
		for (uint32_t c = 0; c < batch->table->n_columns; c++) {
			if (!row[c].set)
				continue;
			sizes.rows += codec_cell_bytes(batch->table->columns[c].type);
			if (codec_is_text(batch->table->columns[c].type))
				sizes.texts += row[c].len;
		}
	}
	if (sizeof(struct codec_header) + sizes.schema + sizes.rows + sizes.texts > UINT32_MAX)
		return -E2BIG;
	*ret = sizes;
	return 0;
}

static uint8_t *codec_put(uint8_t *at, const void *bytes, size_t len)
{
	if (len > 0)
		memcpy(at, bytes, len);
	return at + len;
}

static uint8_t *codec_put_schema(uint8_t *at, const struct tally_table *table)
{
	at = codec_put(at, table->name, strlen(table->name) + 1);
	for (uint32_t c = 0; c < table->n_columns; c++) {
		const struct tally_column *column = &table->columns[c];
		const char *unit = column->unit ? column->unit : "";
		*at++ = (uint8_t)column->type;
		*at++ = (uint8_t)column->role;
		at = codec_put(at, column->name, strlen(column->name) + 1);
		at = codec_put(at, unit, strlen(unit) + 1);
	}
	return at;
}

static uint8_t *codec_put_cell(uint8_t *at, uint16_t type, const struct tally_cell *cell)
{
	if (type == TALLY_BOOL) {
		*at = cell->i != 0;
		return at + 1;
	}
	if (codec_is_text(type)) {
		uint32_t len = htole32(cell->len);
		return codec_put(at, &len, sizeof(len));
	}
	uint64_t bits; /* of i or f: both are 8 bytes */
	memcpy(&bits, &cell->i, sizeof(bits));
	bits = htole64(bits);
	return codec_put(at, &bits, sizeof(bits));
}

static void codec_put_row(uint8_t **at, uint8_t **texts, const struct tally_table *table,
			  const struct tally_cell *row)
{
	uint8_t *bitmap = *at;
	size_t bitmap_bytes = codec_bitmap_bytes(table->n_columns);
	memset(bitmap, 0, bitmap_bytes);
	*at += bitmap_bytes;
	for (uint32_t c = 0; c < table->n_columns; c++) {
		uint16_t type = table->columns[c].type;
		if (!row[c].set)
			continue;
		bitmap[c / 8] |= (uint8_t)(1U << c % 8);
		*at = codec_put_cell(*at, type, &row[c]);
		if (codec_is_text(type))
			*texts = codec_put(*texts, row[c].text, row[c].len);
	}
}

/* Self-describing on purpose: a spool is read by a later version, or by a daemon whose
 * configuration no longer has the plugin that declared the table. */
int batch_encode(const struct tally_batch *batch, void **ret, size_t *ret_len)
{
	struct codec_sizes sizes;
	int r = codec_measure(batch, &sizes);
	if (r < 0)
		return r;
	size_t len = sizeof(struct codec_header) + sizes.schema + sizes.rows + sizes.texts;
	uint8_t *bytes = malloc(len);
	if (!bytes)
		return -ENOMEM;
	uint8_t *at = codec_put_schema(bytes + sizeof(struct codec_header), batch->table);
	uint8_t *texts = at + sizes.rows;
	for (uint32_t i = 0; i < batch->n_rows; i++)
		codec_put_row(&at, &texts, batch->table,
			      batch->cells + (size_t)i * batch->table->n_columns);
	struct codec_header header = {
		.magic = htole32(CODEC_MAGIC),
		.version = htole32(CODEC_VERSION),
		.length = htole32((uint32_t)len),
		.kind = htole32(batch->table->kind),
		.revision = htole32(batch->table->revision),
		.n_columns = htole32(batch->table->n_columns),
		.n_rows = htole32(batch->n_rows),
		.schema_bytes = htole32((uint32_t)sizes.schema),
		.text_bytes = htole32((uint32_t)sizes.texts),
	};
	/* Twice: the checksum covers the header's own fields behind it as well. */
	memcpy(bytes, &header, sizeof(header));
	header.checksum = htole32(crc32c(bytes + CODEC_UNCHECKED, len - CODEC_UNCHECKED));
	memcpy(bytes, &header, sizeof(header));
	*ret = bytes;
	*ret_len = len;
	return 0;
}
