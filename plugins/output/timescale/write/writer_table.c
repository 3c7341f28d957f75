/*
 * What a writer keeps of each table: its statements, made once, and which cells of a batch are
 * which columns.  writer.c makes it when a table is first seen or has grown; the cells are read
 * through it for every row, on the thread that writes.  Only memory can run out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pg/pg_value.h"
#include "write/writer.h"

/* Some 300,000 series with 160 bytes of tags. */
#define WRITER_SERIES_BYTES ((size_t)64 << 20)

static bool writer_is_state(const struct writer_table *table)
{
	return table->stored->table.kind == TALLY_STATE;
}

static const char *writer_field(const struct writer_table *table, uint32_t i)
{
	return table->stored->table.columns[table->fields[i]].name;
}

static void writer_field_list(struct strbuf *sql, const struct writer_table *table,
			      const char *before)
{
	for (uint32_t i = 0; i < table->n_fields; i++)
		strbuf_add(sql, ", %s\"%s\"", before, writer_field(table, i));
}

static void writer_unnest(struct strbuf *sql, const struct writer_table *table, const char *first)
{
	strbuf_add(sql, "unnest($1::%s[]", first);
	for (uint32_t i = 0; i < table->n_fields; i++)
		strbuf_add(sql, ", $%u::%s[]", i + 2,
			   pg_value_type(table->stored->table.columns[table->fields[i]].type));
	if (table->nanos)
		strbuf_add(sql, ", $%u::smallint[]", table->n_fields + 2);
	strbuf_add(sql, ")");
}

/* The newest of each key, and of those with one time the last; not if a newer one is there, unless
 * that came from a clock that was wrong. */
static void writer_upsert_statement(struct strbuf *sql, const struct writer_table *table)
{
	const char *time = table->stored->table.columns[0].name;
	strbuf_add(sql, "insert into tally.\"%s_rows\" as r (_key", table->stored->table.name);
	writer_field_list(sql, table, "");
	strbuf_add(sql, ") select distinct on (u._key) sha256(u._key)");
	writer_field_list(sql, table, "u.");
	strbuf_add(sql, " from ");
	writer_unnest(sql, table, "bytea");
	strbuf_add(sql, " with ordinality as u (_key");
	writer_field_list(sql, table, "");
	strbuf_add(sql,
		   ", _n) order by u._key, u.\"%s\" desc, u._n desc on conflict (_key) do update "
		   "set _key = r._key",
		   time);
	for (uint32_t i = 0; i < table->n_fields; i++)
		strbuf_add(sql, ", \"%s\" = excluded.\"%s\"", writer_field(table, i),
			   writer_field(table, i));
	strbuf_add(sql, " where excluded.\"%s\" >= r.\"%s\" or r.\"%s\" > now() + interval '1 day'",
		   time, time, time);
}

static int writer_table_statements(struct tally_ctx *ctx, struct writer_table *table)
{
	struct strbuf copy = {0}, insert = {0};
	if (writer_is_state(table)) {
		writer_upsert_statement(&insert, table);
	} else {
		strbuf_add(&copy, "copy tally.\"%s_rows\" (_series", table->stored->table.name);
		writer_field_list(&copy, table, "");
		strbuf_add(&copy, "%s) from stdin (format binary)", table->nanos ? ", _nanos" : "");
		/* ON CONFLICT DO NOTHING: a row is never changed, so the one with this key is this
		 * row, from an attempt whose answer was lost. */
		strbuf_add(&insert, "insert into tally.\"%s_rows\" (_series",
			   table->stored->table.name);
		writer_field_list(&insert, table, "");
		strbuf_add(&insert, "%s) select * from ", table->nanos ? ", _nanos" : "");
		writer_unnest(&insert, table, "int");
		strbuf_add(&insert, " on conflict do nothing");
	}
	bool failed = copy.failed || insert.failed;
	table->copy = copy.data;
	table->insert = insert.data;
	return failed ? tally_fail(ctx, ENOMEM, "no memory") : 0;
}

int writer_table_create(struct tally_ctx *ctx, const struct stored_table *stored,
			struct writer_table **ret)
{
	struct writer_table *table = calloc(1, sizeof(*table));
	if (!table)
		return tally_fail(ctx, ENOMEM, "no memory");
	table->stored = stored;
	table->nanos = schema_has_nanos(stored);
	table->cache = series_cache_create(WRITER_SERIES_BYTES);
	for (uint32_t c = 0; c < stored->table.n_columns; c++)
		if (writer_is_state(table) || stored->table.columns[c].role != TALLY_TAG)
			table->fields[table->n_fields++] = (uint16_t)c;
	for (uint32_t i = 0; i < table->n_fields; i++) {
		table->types[i] = (uint8_t)stored->table.columns[table->fields[i]].type;
		table->texts |= pg_value_is_text(table->types[i]);
	}
	int r = table->cache ? writer_table_statements(ctx, table)
			     : tally_fail(ctx, ENOMEM, "no memory");
	if (r == 0)
		*ret = table;
	else
		writer_table_destroy(table);
	return r;
}

void writer_table_destroy(struct writer_table *table)
{
	if (!table)
		return;
	series_cache_destroy(table->cache);
	free(table->copy);
	free(table->insert);
	free(table);
}

void writer_part_key(const struct writer_part *part, uint32_t row, struct strbuf *ret)
{
	const struct stored_table *stored = part->table->stored;
	const struct tally_column *columns = stored->table.columns;
	size_t room = 0;
	for (uint32_t i = 0; i < stored->n_tags; i++)
		room += pg_cell_room(columns[stored->tags[i]].type,
				     writer_cell(part, row, stored->tags[i]));
	char *to = strbuf_room(ret, room), *end = to;
	/* Each tag with its length, so that ("a", "bc") and ("ab", "c") differ; NULL has length -1.
	 */
	for (uint32_t i = 0; to && i < stored->n_tags; i++) {
		const struct tally_cell *cell = writer_cell(part, row, stored->tags[i]);
		to = pg_put_cell(to, columns[stored->tags[i]].type, cell);
		if (cell->set)
			end = to;
	}
	if (to)
		ret->len = (size_t)(end - ret->data);
}

/* Tags are mostly texts; their lengths stand before them in network order. */
static bool writer_key_has_text(const char *key, const char *end, const struct tally_cell *cell)
{
	return (size_t)(end - key) >= sizeof(uint32_t) + cell->len &&
	       (uint32_t)pg_get_32(key) == cell->len &&
	       (cell->len == 0 || memcmp(key + sizeof(uint32_t), cell->text, cell->len) == 0);
}

bool writer_part_has_key(const struct writer_part *part, uint32_t row, const char *key, size_t len)
{
	const struct stored_table *stored = part->table->stored;
	const struct tally_cell *cells = batch_map_row(&part->map, row);
	const char *end = key + len;
	char one[sizeof(uint32_t) + sizeof(uint64_t)];
	for (uint32_t i = 0; i < stored->n_tags; i++) {
		const struct tally_cell *cell =
			batch_map_cell_of(&part->map, cells, stored->tags[i]);
		uint16_t type = stored->table.columns[stored->tags[i]].type;
		if (key == end && !cell->set)
			continue; /* as writer_part_key() leaves them out */
		if (cell->set && pg_value_is_text(type)) {
			if (!writer_key_has_text(key, end, cell))
				return false;
			key += sizeof(uint32_t) + cell->len;
			continue;
		}
		size_t size = (size_t)(pg_put_cell(one, type, cell) - one);
		if ((size_t)(end - key) < size || memcmp(key, one, size) != 0)
			return false;
		key += size;
	}
	return key == end;
}
