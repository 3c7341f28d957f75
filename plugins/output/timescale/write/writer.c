/*
 * write(): connect → make room for unknown tables → find every row's series → writer_fast.c.  If
 * that fails of what is in the rows, or the last attempt's end is not known: writer_careful.c.
 * Where series were deleted that are remembered here, or tables dropped, all of it once more.  What
 * could only be retried is left to the core, which backs off.
 */
#include "write/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg/pg_value.h"

/* ---- The connection ----------------------------------------------------------- */

/* Who brought the rows lets go of them after a commit, so that it is not left to the server's
 * settings whether that has been flushed. */
#define WRITER_FLUSHED                                                                             \
	"; select set_config('synchronous_commit', 'on', false) where "                            \
	"current_setting('synchronous_commit') = 'off'"

int writer_connect(struct writer *writer)
{
	char setup[800];
	if (pg_is_open(&writer->pg))
		return 0;
	writer->generation = 0;
	writer->clock.monotonic = 0; /* it may be another server */
	int64_t ms = writer->pg.timeout / 1000000;
	snprintf(setup, sizeof(setup),
		 PG_SETUP_VANISHED
		 "set statement_timeout = %" PRId64 "; set idle_in_transaction_session_timeout = "
		 "%" PRId64 "; set lock_timeout = %" PRId64 "; set timezone = 'UTC'; set "
		 "default_transaction_isolation = 'read committed'; set application_name = "
		 "'tallyd writer'" WRITER_FLUSHED,
		 ms, ms, ms);
	return pg_open_secret(&writer->pg, "conninfo", writer->conninfo, setup);
}

void writer_disconnect(struct writer *writer)
{
	pg_close(&writer->pg);
}

static void writer_forget_tables(struct writer *writer)
{
	while (writer->tables) {
		struct writer_table *table = writer->tables;
		writer->tables = table->next;
		writer_table_destroy(table);
	}
}

/* All but the first n. */
static void writer_forget_faults(struct writer *writer, uint32_t n)
{
	while (writer->n_faults > n)
		free(writer->faults[--writer->n_faults].told);
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

/* ---- Rejected rows ------------------------------------------------------------ */

/* Each row is rejected once at most, so there are no more than the write has. */
static int writer_grow_faults(struct writer *writer)
{
	uint32_t size = writer->faults_size ? 2 * writer->faults_size : 64;
	struct writer_fault *faults = realloc(writer->faults, size * sizeof(*faults));
	if (!faults)
		return tally_fail(writer->ctx, ENOMEM, "no memory for rejected rows");
	writer->faults = faults;
	writer->faults_size = size;
	return 0;
}

int writer_reject(struct writer *writer, struct writer_part *part, uint32_t row, const char *why,
		  const char *told)
{
	part->series[row] = 0;
	int r = writer->n_faults == writer->faults_size ? writer_grow_faults(writer) : 0;
	if (r < 0)
		return r;
	char *copy = told ? strdup(told) : NULL;
	writer->faults[writer->n_faults++] = (struct writer_fault){
		.batch = part->batch,
		.row = row,
		.why = copy  ? copy
		       : why ? why
			     : "the database refuses it",
		.told = copy,
	};
	return 0;
}

void writer_tell_faults(struct writer *writer)
{
	for (uint32_t i = 0; i < writer->n_faults; i++) {
		const struct writer_fault *fault = &writer->faults[i];
		tally_reject_row(writer->ctx, fault->batch, fault->row, fault->why);
		dead_letter_put(writer->dead, fault->batch, fault->row, fault->why);
	}
	if (writer->n_faults > 0 && tally_must_flush(writer->ctx))
		dead_letter_flush(writer->dead);
	writer_forget_faults(writer, 0);
	writer->n_sure = 0;
}

/* ---- One write ---------------------------------------------------------------- */

/* -EINVAL, of what cannot be stored at all, is noted in the part. */
static int writer_prepare_part(struct writer *writer, const struct tally_entry *entry,
			       struct writer_part *part)
{
	*part = (struct writer_part){.entry = entry, .batch = entry->batch};
	int r = writer_prepare(writer, entry->batch->table);
	part->refused = r == -EINVAL;
	return part->refused ? 0 : r;
}

static int writer_make_part(struct writer *writer, struct writer_part *part)
{
	part->table = *writer_place(writer, part->batch->table->name);
	part->series = calloc(part->batch->n_rows + 1, sizeof(*part->series));
	if (!part->series)
		return tally_fail(writer->ctx, ENOMEM, "no memory");
	writer_part_map(part);
	return 0;
}

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
	for (; r == 0 && writer->n_parts < n; writer->n_parts++)
		r = writer_prepare_part(writer, &entries[writer->n_parts],
					&writer->parts[writer->n_parts]);
	if (r == 0)
		r = writer_know_generation(writer);
	for (uint32_t i = 0; r == 0 && i < n; i++)
		if (!writer->parts[i].refused)
			r = writer_make_part(writer, &writer->parts[i]);
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

static void writer_is_through(struct writer *writer)
{
	writer->in_doubt = writer->where.doubt = false;
	writer->n_sure = writer->n_faults;
}

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

static void writer_free_parts(struct writer *writer)
{
	for (uint32_t i = 0; i < writer->n_parts; i++)
		free(writer->parts[i].series);
	free(writer->parts);
	writer->parts = NULL;
	writer->n_parts = 0;
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
	if (r < 0)
		writer_failed(writer);
	else
		writer_is_through(writer);
	for (uint32_t i = 0; r == 0 && i < n; i++)
		verdicts[i] = writer->parts[i].refused ? TALLY_REJECT : TALLY_DONE;
	writer_free_parts(writer);
	return r;
}

int writer_write(struct writer *writer, const struct tally_entry *entries, uint32_t n,
		 uint8_t *verdicts)
{
	bool doubted = writer->where.doubt;
	int r = writer_once(writer, entries, n, verdicts);
	if (r < 0 && (writer_is_outdated(writer) || (writer->where.doubt && !doubted)))
		r = writer_once(writer, entries, n, verdicts);
	return r;
}
