/*
 * write(): connect → make room for unknown tables → find every row's series → copy_path.c.  If that
 * fails of what is in the rows, or the last attempt's end is not known: upsert_path.c.  Where
 * series were deleted that are remembered here, or tables dropped, all of it once more.  What could
 * only be retried is left to the core, which backs off.  On the instance's thread, or on one of the
 * parallel writer's; a writer is used by one at a time.
 *
 * The order of the steps is what makes a write repeatable.  Tables and series are committed on
 * their own before the rows: both are harmless without rows, and a rolled back transaction leaves
 * the caches right.  Rows and ledger are one transaction.  in_doubt is set at the start, too: the
 * process before may have died between COMMIT and its answer.
 */
#include "write/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pg/pg_value.h"

static void writer_forget_tables(struct writer *writer)
{
	while (writer->tables) {
		struct writer_table *table = writer->tables;
		writer->tables = table->next;
		writer_table_destroy(table);
	}
}

void writer_done(struct writer *writer)
{
	writer_disconnect(writer);
	writer_forget_tables(writer);
	writer_forget_faults(writer, 0);
	free(writer->faults);
	writer->faults = NULL;
	writer->faults_size = 0;
	strbuf_done(&writer->bytes);
	strbuf_done(&writer->script);
}

/* ---- Tables ------------------------------------------------------------------- */

/* Linear: there are about ten tables, and this is called per entry, not per row. */
static struct writer_table **writer_place(struct writer *writer, const char *name)
{
	struct writer_table **place = &writer->tables;
	while (*place && strcmp((*place)->stored->table.name, name) != 0)
		place = &(*place)->next;
	return place;
}

int writer_prepare(struct writer *writer, const struct tally_table *declared)
{
	const struct stored_table *stored = NULL;
	struct writer_table **place = writer_place(writer, declared->name), *table = NULL;
	int r = writer_connect(writer);
	if (r == 0)
		r = server_clock_now(&writer->clock, &writer->pg, &writer->where.now);
	if (r == 0)
		r = schema_ensure(&writer->pg, &writer->where, declared, &stored);
	if (r < 0 && writer->pg.fault == PG_FAULT_SCHEMA)
		writer->where.doubt = true;
	/* The catalog never changes an entry, it replaces it: the same pointer is the same table.
	 */
	if (r < 0 || (*place && (*place)->stored == stored))
		return r;
	r = writer_table_create(writer->ctx, stored, &table);
	if (r < 0)
		return r;
	if (*place) {
		struct writer_table *old = *place;
		*place = old->next;
		writer_table_destroy(old);
	}
	table->next = writer->tables;
	writer->tables = table;
	return 0;
}

/* ---- One write ---------------------------------------------------------------- */

/* What is remembered of series holds for one generation of them. */
static int writer_know_generation(struct writer *writer)
{
	auto_result PGresult *result = NULL;
	if (writer->generation)
		return 0;
	for (struct writer_table *table = writer->tables; table; table = table->next)
		series_cache_clear(table->cache);
	int r = pg_query(&writer->pg, "select series from tally.generation", NULL, &result);
	if (r == 0 && PQntuples(result) != 1)
		return tally_fail(writer->ctx, EPROTO, "tally.generation has no row");
	if (r == 0)
		writer->generation = pg_get_64(PQgetvalue(result, 0, 0));
	return r;
}

/* All tables first, and each once: preparing one may replace what an earlier part points to, also
 * because another connection has just changed the catalog. */
static int writer_make_parts(struct writer *writer, const struct tally_entry *entries, uint32_t n)
{
	int r = 0;
	for (; r == 0 && writer->n_parts < n; writer->n_parts++) {
		struct writer_part *part = &writer->parts[writer->n_parts];
		const struct tally_entry *entry = &entries[writer->n_parts];
		*part = (struct writer_part){.entry = entry, .batch = entry->batch};
		r = writer_prepare(writer, entry->batch->table);
		/* Not an error of the write: the rest of its entries can be stored all the same. */
		part->refused = r == -EINVAL;
		if (part->refused)
			tally_reject_entry(writer->ctx, entry, tally_reason(writer->ctx));
		r = part->refused ? 0 : r;
	}
	if (r == 0)
		r = writer_know_generation(writer);
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		struct writer_part *part = &writer->parts[i];
		if (part->refused)
			continue;
		part->table = *writer_place(writer, part->batch->table->name);
		/* One more, since calloc(0) may be NULL. */
		part->series = calloc(part->batch->n_rows + 1, sizeof(*part->series));
		if (!part->series)
			return tally_fail(writer->ctx, ENOMEM, "no memory");
		batch_map_init(&part->map, part->table->stored, part->batch);
	}
	for (uint32_t i = 0; r == 0 && i < n; i++)
		if (!writer->parts[i].refused)
			r = writer_find_series(writer, &writer->parts[i]);
	return r;
}

static bool writer_is_outdated(const struct writer *writer)
{
	return strcmp(writer->pg.sqlstate, "TL002") == 0;
}

/* What went wrong may lie in what we remember of the schema. */
static void writer_failed(struct writer *writer)
{
	pg_rollback(&writer->pg);
	writer_forget_faults(writer, writer->n_sure);
	if (writer_is_outdated(writer)) {
		/* Raised before anything was written, so this does not put the attempt in doubt. */
		writer->generation = 0;
		return;
	}
	writer->in_doubt = true;
	if (writer->pg.fault == PG_FAULT_SCHEMA) {
		writer_forget_tables(writer);
		writer->generation = 0;
		writer->where.doubt = true;
	}
}

/* COPY's failure is the usual way to learn of a duplicate, a refused value or a missing partition.
 * Faults that upsert_path.c would only meet again are returned at once. */
static int writer_attempt(struct writer *writer)
{
	int r = -EAGAIN;
	if (!writer->in_doubt) {
		r = writer_copy(writer);
		if (r == 0)
			return 0;
		pg_rollback(&writer->pg);
		if (writer->pg.fault == PG_FAULT_RETRY || writer->pg.fault == PG_FAULT_SCHEMA ||
		    writer_is_outdated(writer))
			return r;
	}
	return writer_upsert(writer);
}

static int writer_once(struct writer *writer, const struct tally_entry *entries, uint32_t n,
		       uint8_t *verdicts)
{
	writer->pg.fault = PG_FAULT_NONE;
	writer->pg.sqlstate[0] = '\0';
	writer->parts = calloc(n, sizeof(*writer->parts));
	int r = writer->parts ? writer_connect(writer)
			      : tally_fail(writer->ctx, ENOMEM, "no memory");
	if (r == 0)
		r = writer_make_parts(writer, entries, n);
	if (r == 0)
		r = writer_attempt(writer);
	if (r < 0) {
		writer_failed(writer);
	} else {
		writer->in_doubt = writer->where.doubt = false;
		writer->n_sure = writer->n_faults;
	}
	for (uint32_t i = 0; r == 0 && i < n; i++)
		verdicts[i] = writer->parts[i].refused ? TALLY_REJECT : TALLY_DONE;
	for (uint32_t i = 0; i < writer->n_parts; i++)
		free(writer->parts[i].series);
	free(writer->parts);
	writer->parts = NULL;
	writer->n_parts = 0;
	return r;
}

int writer_write(struct writer *writer, const struct tally_entry *entries, uint32_t n,
		 uint8_t *verdicts)
{
	/* Once more only if this attempt found out that what is remembered is wrong: a table that
	 * cannot be repaired would otherwise be tried for ever. */
	bool doubted = writer->where.doubt;
	int r = writer_once(writer, entries, n, verdicts);
	if (r < 0 && (writer_is_outdated(writer) || (writer->where.doubt && !doubted)))
		r = writer_once(writer, entries, n, verdicts);
	return r;
}
