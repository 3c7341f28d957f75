/*
 * Decodes: checks the checksum, then trusts nothing.  Every read is bounded, memory grows with the
 * rows that are really there, and the smallest row (a bitmap) bounds what a short input can ask
 * for.  The format is in batch_format.h.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/batch.h"
#include "pipeline/batch_codec.h"
#include "pipeline/batch_format.h"
#include "base/cleanup.h"
#include "base/crc32c.h"

static int codec_damaged(struct error *error, const char *what)
{
	return error_set(error, EBADMSG, "damaged batch: %s", what);
}

/* Every number of it is checked against the length before it is used: the bytes may come from a
 * damaged disk, and the checksum does not protect against a file made on purpose. */
static int codec_get_header(const uint8_t *bytes, size_t len, struct codec_header *ret,
			    struct error *error)
{
	struct codec_header raw;
	if (len < sizeof(raw))
		return codec_damaged(error, "shorter than its header");
	memcpy(&raw, bytes, sizeof(raw));
	if (le32toh(raw.magic) != CODEC_MAGIC)
		return codec_damaged(error, "wrong magic number");
	if (le32toh(raw.version) != CODEC_VERSION)
		return error_set(error, EBADMSG, "batch of format %u, this daemon reads format %d",
				 le32toh(raw.version), CODEC_VERSION);
	if (le32toh(raw.length) != len)
		return codec_damaged(error, "wrong length");
	if (le32toh(raw.checksum) != crc32c(bytes + CODEC_UNCHECKED, len - CODEC_UNCHECKED))
		return codec_damaged(error, "wrong checksum");
	*ret = (struct codec_header){
		.length = le32toh(raw.length),
		.kind = le32toh(raw.kind),
		.revision = le32toh(raw.revision),
		.n_columns = le32toh(raw.n_columns),
		.n_rows = le32toh(raw.n_rows),
		.schema_bytes = le32toh(raw.schema_bytes),
		.text_bytes = le32toh(raw.text_bytes),
	};
	return 0;
}

/* What the header claims, held against what is there. */
static bool codec_header_fits(const struct codec_header *header)
{
	size_t body = header->length - sizeof(*header);
	if (header->kind < TALLY_SERIES || header->kind > TALLY_LOG || header->n_columns == 0 ||
	    header->n_columns > CODEC_MAX_COLUMNS || header->schema_bytes > body ||
	    header->text_bytes > body - header->schema_bytes)
		return false;
	size_t rows = body - header->schema_bytes - header->text_bytes;
	return header->n_rows <= rows / codec_bitmap_bytes(header->n_columns);
}

/* A table of the batch's own, with its names behind it. */
struct codec_table {
	struct tally_table table;
	struct tally_column columns[];
};

static const char *codec_get_text(const char **at, const char *end, size_t max)
{
	const char *text = *at;
	const char *nul = memchr(text, '\0', (size_t)(end - text));
	if (!nul || (size_t)(nul - text) > max)
		return NULL;
	*at = nul + 1;
	return text;
}

/* [a-z][a-z0-9_]*: stores put names into SQL, so nothing else may come through here. */
static bool codec_is_name(const char *name)
{
	if (!name || *name < 'a' || *name > 'z')
		return false;
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static bool codec_get_column(const char **at, const char *end, struct tally_column *ret)
{
	if (end - *at < 2)
		return false;
	ret->type = (uint8_t)(*at)[0];
	ret->role = (uint8_t)(*at)[1];
	*at += 2;
	ret->name = codec_get_text(at, end, CODEC_MAX_NAME);
	if (!codec_is_name(ret->name))
		return false;
	ret->unit = codec_get_text(at, end, CODEC_MAX_UNIT);
	if (!ret->unit)
		return false;
	if (*ret->unit == '\0')
		ret->unit = NULL;
	ret->help = "";
	return codec_cell_bytes(ret->type) != 0 && ret->role <= TALLY_ORDER;
}

static bool codec_name_is_new(const struct tally_column *columns, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(columns[i].name, columns[n].name) == 0)
			return false;
	return true;
}

static bool codec_get_columns(const char *at, const char *end, uint32_t n, struct codec_table *ret)
{
	ret->table.name = codec_get_text(&at, end, CODEC_MAX_NAME);
	if (!codec_is_name(ret->table.name))
		return false;
	for (uint32_t c = 0; c < n; c++)
		if (!codec_get_column(&at, end, &ret->columns[c]) ||
		    !codec_name_is_new(ret->columns, c))
			return false;
	return at == end && ret->columns[0].type == TALLY_TIME;
}

static int codec_get_table(const struct codec_header *header, const uint8_t *schema,
			   struct codec_table **ret, size_t *ret_size, struct error *error)
{
	size_t columns = header->n_columns * sizeof(struct tally_column);
	size_t size = sizeof(struct codec_table) + columns + header->schema_bytes;
	/* A column takes at least five bytes of schema: this bounds what is allocated here. */
	if (header->n_columns > header->schema_bytes / 5)
		return codec_damaged(error, "fewer columns than declared");
	auto_free struct codec_table *table = calloc(1, size);
	if (!table)
		return error_set(error, ENOMEM, "out of memory");
	char *names = (char *)table + sizeof(*table) + columns;
	memcpy(names, schema, header->schema_bytes);
	table->table.help = "";
	table->table.columns = table->columns;
	table->table.n_columns = header->n_columns;
	table->table.kind = header->kind;
	table->table.revision = header->revision;
	if (!codec_get_columns(names, names + header->schema_bytes, header->n_columns, table))
		return codec_damaged(error, "invalid columns");
	*ret_size = size;
	*ret = TAKE(table);
	return 0;
}

/* May rows of `own` go as rows of `declared`, the columns that are missing being NULL? */
static bool codec_is_prefix(const struct tally_table *own, const struct tally_table *declared)
{
	if (declared->kind != own->kind || declared->n_columns < own->n_columns)
		return false;
	for (uint32_t c = 0; c < own->n_columns; c++) {
		const struct tally_column *a = &own->columns[c], *b = &declared->columns[c];
		if (a->type != b->type || a->role != b->role || strcmp(a->name, b->name) != 0)
			return false;
	}
	return true;
}

/* A batch of the declared table, or of the one read, which it then owns. */
static int codec_make_batch(struct codec_table **own, size_t own_size,
			    const struct tally_table *declared, struct tally_batch **ret)
{
	bool use = declared && codec_is_prefix(&(*own)->table, declared);
	struct tally_batch *batch = batch_create(use ? declared : &(*own)->table);
	if (!batch)
		return -ENOMEM;
	if (!use && batch_adopt(batch, *own, own_size, free) < 0) {
		batch_drop(batch);
		return -ENOMEM;
	}
	if (!use)
		*own = NULL;
	*ret = batch;
	return 0;
}

struct codec_input {
	const uint8_t *at, *end;       /* rows */
	const char *texts, *texts_end; /* already the batch's own copy */
};

/* Texts are not copied one by one: cells point into the batch's one block of texts. */
static bool codec_get_cell(struct codec_input *in, uint16_t type, struct tally_cell *ret)
{
	size_t size = codec_cell_bytes(type);
	uint64_t bits = 0;
	if ((size_t)(in->end - in->at) < size)
		return false;
	memcpy(&bits, in->at, size);
	bits = le64toh(bits);
	in->at += size;
	ret->set = 1;
	if (type == TALLY_BOOL && bits > 1)
		return false;
	if (!codec_is_text(type)) {
		memcpy(&ret->i, &bits, sizeof(bits));
		return true;
	}
	if ((uint64_t)(in->texts_end - in->texts) < bits)
		return false;
	ret->text = in->texts;
	ret->len = (uint32_t)bits;
	in->texts += bits;
	return true;
}

/* The cells of a declared table may be more than were encoded: the rest stay NULL. */
static int codec_get_rows(const struct codec_header *header, const uint8_t *rows,
			  struct tally_batch *batch)
{
	const uint8_t *texts = rows + (header->length - sizeof(*header) - header->schema_bytes -
				       header->text_bytes);
	const char *copy = "";
	if (header->text_bytes > 0)
		copy = batch_copy(batch, (const char *)texts, header->text_bytes);
	if (!copy)
		return -ENOMEM;
	struct codec_input in = {rows, texts, copy, copy + header->text_bytes};
	size_t bitmap_bytes = codec_bitmap_bytes(header->n_columns);
	for (uint32_t i = 0; i < header->n_rows; i++) {
		struct tally_cell *row = batch_row(batch);
		if (!row)
			return -ENOMEM;
		const uint8_t *bitmap = in.at;
		if ((size_t)(in.end - in.at) < bitmap_bytes)
			return -EBADMSG;
		in.at += bitmap_bytes;
		for (uint32_t c = 0; c < header->n_columns; c++)
			if (bitmap[c / 8] >> c % 8 & 1 &&
			    !codec_get_cell(&in, batch->table->columns[c].type, &row[c]))
				return -EBADMSG;
	}
	return in.at == in.end && in.texts == in.texts_end ? 0 : -EBADMSG;
}

/* In the order of the bytes, so that nothing is allocated by a number that has not been checked
 * yet. */
int batch_decode(const void *bytes, size_t len, batch_find_table_fn *find, void *arg,
		 struct tally_batch **ret, struct error *error)
{
	const uint8_t *schema = (const uint8_t *)bytes + sizeof(struct codec_header);
	struct codec_header header = {0};
	int r = codec_get_header(bytes, len, &header, error);
	if (r < 0)
		return r;
	if (!codec_header_fits(&header))
		return codec_damaged(error, "invalid header");
	auto_free struct codec_table *own = NULL;
	size_t own_size = 0;
	r = codec_get_table(&header, schema, &own, &own_size, error);
	if (r < 0)
		return r;
	struct tally_batch *batch = NULL;
	r = codec_make_batch(&own, own_size, find ? find(arg, own->table.name) : NULL, &batch);
	if (r < 0)
		return error_set(error, ENOMEM, "out of memory");
	r = codec_get_rows(&header, schema + header.schema_bytes, batch);
	if (r < 0) {
		batch_drop(batch);
		return r == -EBADMSG ? codec_damaged(error, "invalid rows")
				     : error_set(error, -r, "out of memory");
	}
	*ret = batch;
	return 0;
}
