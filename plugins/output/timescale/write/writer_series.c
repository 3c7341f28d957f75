/*
 * Which rows can be stored, and under which series.  What the cache does not know is looked up in
 * one statement, added where it is missing, and looked up again; in transactions of its own, so
 * that a write that is rolled back leaves the cache right.  An existing series is looked up, not
 * upserted: that would use up a number each time.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "pg/pg_value.h"
#include "store/store_clock.h"
#include "write/writer.h"

/* ---- Rows --------------------------------------------------------------------- */

/* NULL: it can be stored.  oldest: an older row is not taken. */
static const char *series_row_fault(const struct writer *writer, const struct writer_part *part,
				    uint32_t row, int64_t oldest)
{
	const struct stored_table *stored = part->table->stored;
	const char *fault = batch_map_fault(&part->map, stored, row);
	int64_t time = writer_cell(part, row, 0)->i;
	if (fault)
		return fault;
	if (time > writer->where.now + STORE_CLOCK_AHEAD)
		/* TimescaleDB makes a chunk for any time, however far it is from all others. */
		return "its time lies more than a day ahead of the database's clock";
	if (time >= oldest)
		return NULL;
	return stored->table.flags & TALLY_KEPT_LONG
		       ? "its time lies before the retention (retention_daily)"
		       : "its time lies before the retention (retention_raw)";
}

static int series_check_rows(struct writer *writer, struct writer_part *part)
{
	const struct tally_table *table = &part->table->stored->table;
	int64_t oldest = table->kind == TALLY_STATE
				 ? INT64_MIN
				 : writer->where.now - retention_age_of_rows(&writer->age, table);
	for (uint32_t row = 0; row < part->batch->n_rows; row++) {
		const char *why = series_row_fault(writer, part, row, oldest);
		part->series[row] = !why;
		int r = why ? writer_reject(writer, part, row, why, NULL) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- Asking ------------------------------------------------------------------- */

static void series_tag_arrays(struct strbuf *sql, const struct stored_table *stored)
{
	strbuf_add(sql, "unnest($1::bytea[]");
	for (uint32_t i = 0; i < stored->n_tags; i++)
		strbuf_add(sql, ", $%u::%s[]", i + 2,
			   pg_value_type(stored->table.columns[stored->tags[i]].type));
	strbuf_add(sql, ") as u (_key");
	for (uint32_t i = 0; i < stored->n_tags; i++)
		strbuf_add(sql, ", \"%s\"", stored->table.columns[stored->tags[i]].name);
	strbuf_add(sql, ")");
}

static void series_tag_names(struct strbuf *sql, const struct stored_table *stored,
			     const char *before)
{
	for (uint32_t i = 0; i < stored->n_tags; i++)
		strbuf_add(sql, ", %s\"%s\"", before, stored->table.columns[stored->tags[i]].name);
}

/* The first n_arrays columns (the key, then the tags) of the part's good rows, as arrays. */
static int series_run(struct writer *writer, const struct writer_part *part, const char *sql,
		      uint32_t n_arrays, PGresult **ret)
{
	const struct stored_table *stored = part->table->stored;
	const char *values[CATALOG_MAX_COLUMNS + 1];
	Oid types[CATALOG_MAX_COLUMNS + 1] = {0};
	int lengths[CATALOG_MAX_COLUMNS + 1];
	size_t starts[CATALOG_MAX_COLUMNS + 2];
	struct strbuf *bytes = &writer->bytes;
	strbuf_clear(bytes);
	for (uint32_t i = 0; i < n_arrays; i++) {
		starts[i] = bytes->len;
		encode_array(bytes, part, i == 0 ? -2 : (int)stored->tags[i - 1], 0,
			     part->batch->n_rows);
	}
	starts[n_arrays] = bytes->len;
	if (bytes->failed)
		return tally_fail(writer->ctx, ENOMEM, "no memory");
	for (uint32_t i = 0; i < n_arrays; i++) {
		values[i] = bytes->data + starts[i];
		lengths[i] = (int)(starts[i + 1] - starts[i]);
	}
	const struct pg_params params = {(int)n_arrays, types, values, lengths};
	return pg_query(&writer->pg, sql, &params, ret);
}

/* Those that are there go into the cache. */
static int series_load(struct writer *writer, const struct writer_part *part)
{
	auto_strbuf struct strbuf sql = {0};
	auto_result PGresult *result = NULL;
	strbuf_add(&sql,
		   "select u._key, s._series from unnest($1::bytea[]) as u (_key) join "
		   "tally.\"%s_series\" s on s._key = sha256(u._key)",
		   part->table->stored->table.name);
	if (sql.failed)
		return tally_fail(writer->ctx, ENOMEM, "no memory");
	int r = series_run(writer, part, sql.data, 1, &result);
	for (int row = 0; r == 0 && row < PQntuples(result); row++)
		series_cache_add(part->table->cache, PQgetvalue(result, row, 0),
				 (size_t)PQgetlength(result, row, 0),
				 (uint32_t)pg_get_32(PQgetvalue(result, row, 1)));
	return r;
}

static int series_create(struct writer *writer, const struct writer_part *part)
{
	const struct stored_table *stored = part->table->stored;
	auto_strbuf struct strbuf sql = {0};
	auto_result PGresult *result = NULL;
	strbuf_add(&sql, "insert into tally.\"%s_series\" (_key", stored->table.name);
	series_tag_names(&sql, stored, "");
	strbuf_add(&sql, ") select distinct on (u._key) sha256(u._key)");
	series_tag_names(&sql, stored, "u.");
	strbuf_add(&sql, " from ");
	series_tag_arrays(&sql, stored);
	/* ON CONFLICT alone would be right, but takes a number from the identity for each row that
	 * is there already, and they are 32 bits.  Sorted by key, so that daemons which create the
	 * same series at once wait for each other in one order, and never in a circle. */
	strbuf_add(&sql,
		   " where not exists (select from tally.\"%s_series\" s where s._key = "
		   "sha256(u._key)) order by u._key on conflict do nothing",
		   stored->table.name);
	if (sql.failed)
		return tally_fail(writer->ctx, ENOMEM, "no memory");
	return series_run(writer, part, sql.data, stored->n_tags + 1, &result);
}

/* ---- Filling in --------------------------------------------------------------- */

/* 0: the cache does not know it; -ENOMEM.  room: for its key, if it has to be made. */
static int64_t series_of(const struct writer_part *part, uint32_t row, struct strbuf *room)
{
	struct series_cache *cache = part->table->cache;
	const char *tags;
	/* An input reports its containers in the same order each time, so the guess is nearly
	 * always right, and the tags are compared in place: neither a key is made nor hashed. */
	const struct series_cache_entry *guess = series_cache_guess(cache, &tags);
	if (guess && writer_part_has_key(part, row, tags, guess->len)) {
		series_cache_confirm(cache, guess);
		return guess->series;
	}
	strbuf_clear(room);
	writer_part_key(part, row, room);
	if (room->failed)
		return -ENOMEM;
	return series_cache_find(cache, room->data ? room->data : "", room->len);
}

/* Fills in what the cache knows; rows with unknown ones are marked in ret_missing. */
static int series_fill(struct writer *writer, struct writer_part *part, uint32_t *ret_missing,
		       uint32_t *ret_n)
{
	auto_strbuf struct strbuf key = {0};
	*ret_n = 0;
	memset(ret_missing, 0, part->batch->n_rows * sizeof(*ret_missing));
	for (uint32_t row = 0; row < part->batch->n_rows; row++) {
		if (!part->series[row])
			continue;
		int64_t series = series_of(part, row, &key);
		if (series < 0)
			return tally_fail(writer->ctx, ENOMEM, "no memory");
		part->series[row] = series ? (uint32_t)series : part->series[row];
		ret_missing[row] = series == 0;
		*ret_n += series == 0;
	}
	return 0;
}

/* One row at a time, so that tags the database refuses cost only their own rows. */
static int series_create_singly(struct writer *writer, struct writer_part *part,
				const uint32_t *missing)
{
	struct writer_part one = *part;
	auto_free uint32_t *alone = calloc(part->batch->n_rows, sizeof(*alone));
	if (!alone)
		return tally_fail(writer->ctx, ENOMEM, "no memory");
	one.series = alone;
	for (uint32_t row = 0; row < part->batch->n_rows; row++) {
		if (!missing[row])
			continue;
		alone[row] = 1;
		int r = series_create(writer, &one);
		alone[row] = 0;
		if (r < 0 && writer->pg.fault != PG_FAULT_VALUE)
			return r;
		r = r < 0 ? writer_reject(writer, part, row, NULL, tally_reason(writer->ctx)) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* Look up → create what is missing → look up again: another daemon may have created it first, and
 * then ON CONFLICT DO NOTHING returns no number. */
static int series_ask(struct writer *writer, struct writer_part *part, uint32_t *missing)
{
	uint32_t n = 0;
	struct writer_part unknown = *part;
	unknown.series = missing;
	int r = series_load(writer, &unknown);
	if (r == 0)
		r = series_fill(writer, part, missing, &n);
	if (r < 0 || n == 0)
		return r;
	r = series_create(writer, &unknown);
	if (r < 0 && writer->pg.fault == PG_FAULT_VALUE)
		r = series_create_singly(writer, part, missing);
	if (r == 0)
		r = series_load(writer, &unknown);
	if (r == 0)
		r = series_fill(writer, part, missing, &n);
	if (r == 0 && n > 0) /* deleted again meanwhile, or no memory: that passes */
		return tally_fail(writer->ctx, EAGAIN, "the series of %u rows cannot be found", n);
	return r;
}

int writer_find_series(struct writer *writer, struct writer_part *part)
{
	uint32_t n = 0;
	int r = series_check_rows(writer, part);
	if (r == 0 && part->table->stored->table.kind != TALLY_STATE) {
		auto_free uint32_t *missing = calloc(part->batch->n_rows + 1, sizeof(*missing));
		if (!missing)
			return tally_fail(writer->ctx, ENOMEM, "no memory");
		r = series_fill(writer, part, missing, &n);
		if (r == 0 && n > 0)
			r = series_ask(writer, part, missing);
	}
	part->n_good = 0;
	for (uint32_t row = 0; row < part->batch->n_rows; row++)
		part->n_good += part->series[row] != 0;
	return r;
}
