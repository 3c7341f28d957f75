/*
 * write(): connect → make room for unknown tables → find every row's series → one script: BEGIN,
 * the ledger, a COPY per table, late marks, COMMIT.  If that fails of what is in the rows, or the
 * last attempt's end is not known: writer_careful.c.  What could only be retried is left to the
 * core, which backs off.
 */
#include "writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg_value.h"

enum { WRITER_CHUNK = 64 << 10, WRITER_MAX_FAULTS = 100000, WRITER_MAX_MINUTES = 4096 };
/* A row older than this may find its minute rolled up already; see rollup.h. */
#define WRITER_LATE INT64_C(30000000000)

/* ---- The connection ----------------------------------------------------------- */

int writer_connect(struct writer *writer)
{
	char setup[400];
	if (pg_is_open(&writer->pg))
		return 0;
	int64_t ms = writer->pg.timeout / 1000000;
	snprintf(setup, sizeof(setup),
		 "set statement_timeout = %" PRId64 "; set idle_in_transaction_session_timeout = "
		 "%" PRId64 "; set lock_timeout = %" PRId64 "; set timezone = 'UTC'; set "
		 "application_name = 'tallyd writer'",
		 ms, ms, ms);
	return pg_open(&writer->pg, writer->conninfo, setup);
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

void writer_done(struct writer *writer)
{
	writer_disconnect(writer);
	writer_forget_tables(writer);
	free(writer->faults);
	writer->faults = NULL;
	writer->faults_size = 0;
	pg_text_done(&writer->bytes);
	pg_text_done(&writer->script);
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
	writer->where.now = tally_now(writer->ctx);
	if (r == 0)
		r = schema_ensure(&writer->pg, &writer->where, declared, &stored);
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

int writer_reject(struct writer *writer, struct writer_part *part, uint32_t row, const char *why)
{
	part->series[row] = 0;
	if (writer->n_faults == writer->faults_size) {
		uint32_t size = writer->faults_size ? 2 * writer->faults_size : 64;
		struct writer_fault *faults =
			size > WRITER_MAX_FAULTS
				? NULL
				: realloc(writer->faults, size * sizeof(*writer->faults));
		if (!faults)
			return tally_fail(writer->ctx, ENOMEM, "no memory for rejected rows");
		writer->faults = faults;
		writer->faults_size = size;
	}
	struct writer_fault *fault = &writer->faults[writer->n_faults++];
	fault->batch = part->batch;
	fault->row = row;
	snprintf(fault->why, sizeof(fault->why), "%s", why);
	return 0;
}

static void writer_tell_faults(struct writer *writer)
{
	for (uint32_t i = 0; i < writer->n_faults; i++) {
		const struct writer_fault *fault = &writer->faults[i];
		tally_reject_row(writer->ctx, fault->batch, fault->row, fault->why);
		dead_letter_put(writer->dead, fault->batch, fault->row, fault->why);
	}
}

/* ---- The script --------------------------------------------------------------- */

static bool writer_is_copied(const struct writer_part *part)
{
	return !part->refused && part->n_good > 0 && part->table->stored->table.kind != TALLY_STATE;
}

/* One call per run of entries of one writer. */
static int writer_script_ledger(struct writer *writer)
{
	for (uint32_t i = 0; i < writer->n_parts;) {
		const struct tally_entry *first = writer->parts[i].entry, *last = first;
		for (i++; i < writer->n_parts && first->writer && writer->parts[i].entry->writer &&
			  strcmp(first->writer, writer->parts[i].entry->writer) == 0;
		     i++)
			last = writer->parts[i].entry;
		if (!first->writer)
			continue;
		char *name = PQescapeLiteral(writer->pg.conn, first->writer, strlen(first->writer));
		if (!name)
			return tally_fail(writer->ctx, ENOMEM, "no memory");
		pg_text_add(&writer->script,
			    "select tally.ledger_advance(%s, %" PRIu64 ", %" PRIu64 ");", name,
			    first->sequence, last->sequence);
		PQfreemem(name);
	}
	return 0;
}

/* Whether an earlier part has the same table, and so its rows go with that one's COPY. */
static bool writer_goes_with(const struct writer *writer, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++)
		if (writer_is_copied(&writer->parts[j]) &&
		    writer->parts[j].table == writer->parts[i].table)
			return true;
	return false;
}

static void writer_script_copies(struct writer *writer)
{
	for (uint32_t i = 0; i < writer->n_parts; i++)
		if (writer_is_copied(&writer->parts[i]) && !writer_goes_with(writer, i))
			pg_text_add(&writer->script, "%s;", writer->parts[i].table->copy);
}

static int writer_by_time(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

/* The minutes of a part's late rows, and those after: their counters go on from the late ones. */
static uint32_t writer_late_minutes(const struct writer *writer, const struct writer_part *part,
				    int64_t *ret)
{
	const int64_t minute = schema_levels[LEVEL_MINUTE].bucket;
	int64_t before = writer->where.now - WRITER_LATE, last = INT64_MIN;
	uint32_t n = 0;
	for (uint32_t row = 0; row < part->batch->n_rows && n + 2 <= WRITER_MAX_MINUTES; row++) {
		int64_t time = writer_cell(part, row, 0)->i;
		if (!part->series[row] || time >= before)
			continue;
		int64_t bucket = schema_floor(time, minute);
		if (bucket == last)
			continue;
		last = bucket;
		ret[n++] = bucket;
		ret[n++] = bucket + minute;
	}
	qsort(ret, n, sizeof(*ret), writer_by_time);
	return n;
}

void writer_script_late(struct writer *writer, const struct writer_part *part)
{
	int64_t minutes[WRITER_MAX_MINUTES];
	if (part->refused || part->table->stored->n_numbers == 0)
		return;
	uint32_t n = writer_late_minutes(writer, part, minutes);
	if (n == 0)
		return;
	pg_text_add(&writer->script,
		    "insert into tally.late select '%s', to_timestamp(s), '%s' "
		    "from unnest('{",
		    part->table->stored->table.name, writer->ctx->writer);
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || minutes[i] != minutes[i - 1])
			pg_text_add(&writer->script, "%s%" PRId64, i ? "," : "",
				    minutes[i] / 1000000000);
	pg_text_add(&writer->script, "}'::bigint[]) as s on conflict do nothing;");
}

static int writer_script(struct writer *writer, bool *ret_more)
{
	pg_text_clear(&writer->script);
	pg_text_add(&writer->script, "begin;");
	int r = writer_script_ledger(writer);
	writer_script_copies(writer);
	*ret_more = false;
	for (uint32_t i = 0; i < writer->n_parts; i++) {
		const struct writer_part *part = &writer->parts[i];
		writer_script_late(writer, part);
		*ret_more |= !part->refused && part->n_good > 0 && !writer_is_copied(part);
	}
	if (!*ret_more)
		pg_text_add(&writer->script, "commit");
	return writer->script.failed ? tally_fail(writer->ctx, ENOMEM, "no memory") : r;
}

/* ---- Running it --------------------------------------------------------------- */

static int writer_copy_rows(struct writer *writer, const struct writer_part *part)
{
	struct pg_text *bytes = &writer->bytes;
	for (uint32_t row = 0; row < part->batch->n_rows; row++) {
		if (!part->series[row])
			continue;
		encode_copy(bytes, part, row);
		if (bytes->failed)
			return tally_fail(writer->ctx, ENOMEM, "no memory");
		if (bytes->len < WRITER_CHUNK)
			continue;
		int r = pg_copy_put(&writer->pg, bytes->data, bytes->len);
		if (r < 0)
			return r;
		pg_text_clear(bytes);
	}
	return 0;
}

/* The rows of all parts of one table, as one COPY. */
static int writer_copy_table(struct writer *writer, const struct writer_table *table)
{
	static const char head[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", end[2] = "\377\377";
	int r = 0;
	pg_text_clear(&writer->bytes);
	pg_text_bytes(&writer->bytes, head, sizeof(head));
	for (uint32_t i = 0; r == 0 && i < writer->n_parts; i++)
		if (writer_is_copied(&writer->parts[i]) && writer->parts[i].table == table)
			r = writer_copy_rows(writer, &writer->parts[i]);
	pg_text_bytes(&writer->bytes, end, sizeof(end));
	if (r == 0)
		r = pg_copy_put(&writer->pg, writer->bytes.data, writer->bytes.len);
	return r == 0 ? pg_copy_end(&writer->pg) : r;
}

static uint32_t writer_next_copy(const struct writer *writer, uint32_t i)
{
	while (i < writer->n_parts &&
	       (!writer_is_copied(&writer->parts[i]) || writer_goes_with(writer, i)))
		i++;
	return i;
}

static int writer_run_script(struct writer *writer)
{
	PGresult *result = NULL;
	uint32_t at = 0;
	int r = pg_send_script(&writer->pg, writer->script.data);
	while (r == 0 && (r = pg_next(&writer->pg, &result)) == 0 && result) {
		bool copying = PQresultStatus(result) == PGRES_COPY_IN;
		PQclear(result);
		if (!copying)
			continue;
		at = writer_next_copy(writer, at);
		r = writer_copy_table(writer, writer->parts[at++].table);
	}
	return r;
}

static int writer_write_fast(struct writer *writer)
{
	bool more = false;
	int r = writer_script(writer, &more);
	if (r == 0)
		r = writer_run_script(writer);
	for (uint32_t i = 0; more && r == 0 && i < writer->n_parts; i++) {
		const struct writer_part *part = &writer->parts[i];
		if (!part->refused && part->n_good > 0 && !writer_is_copied(part))
			r = writer_insert(writer, part, 0, part->batch->n_rows);
	}
	if (more && r == 0)
		r = pg_exec(&writer->pg, "commit");
	return r;
}

/* ---- One write ---------------------------------------------------------------- */

static int writer_make_part(struct writer *writer, const struct tally_entry *entry,
			    struct writer_part *part)
{
	*part = (struct writer_part){.entry = entry, .batch = entry->batch};
	int r = writer_prepare(writer, entry->batch->table);
	if (r == -EINVAL) {
		part->refused = true;
		return 0;
	}
	if (r < 0)
		return r;
	part->table = *writer_place(writer, entry->batch->table->name);
	part->series = calloc(entry->batch->n_rows + 1, sizeof(*part->series));
	if (!part->series)
		return tally_fail(writer->ctx, ENOMEM, "no memory");
	writer_part_map(part);
	return 0;
}

/* All tables first: preparing one may replace what an earlier part points to. */
static int writer_make_parts(struct writer *writer, const struct tally_entry *entries, uint32_t n)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = writer_prepare(writer, entries[i].batch->table);
		r = r == -EINVAL ? 0 : r;
	}
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = writer_make_part(writer, &entries[i], &writer->parts[i]);
		writer->n_parts++;
	}
	for (uint32_t i = 0; r == 0 && i < n; i++)
		if (!writer->parts[i].refused)
			r = writer_find_series(writer, &writer->parts[i]);
	return r;
}

/* What went wrong may lie in what we remember of the schema. */
static void writer_failed(struct writer *writer)
{
	pg_rollback(&writer->pg);
	writer->careful = true;
	if (writer->pg.fault == PG_FAULT_SCHEMA)
		writer_forget_tables(writer);
}

static int writer_attempt(struct writer *writer)
{
	int r = -EAGAIN;
	if (!writer->careful) {
		r = writer_write_fast(writer);
		if (r == 0)
			return 0;
		pg_rollback(&writer->pg);
		if (writer->pg.fault == PG_FAULT_RETRY || writer->pg.fault == PG_FAULT_SCHEMA)
			return r;
	}
	return writer_write_careful(writer);
}

static void writer_free_parts(struct writer *writer)
{
	for (uint32_t i = 0; i < writer->n_parts; i++)
		free(writer->parts[i].series);
	free(writer->parts);
	writer->parts = NULL;
	writer->n_parts = 0;
	writer->n_faults = 0;
}

int writer_write(struct writer *writer, const struct tally_entry *entries, uint32_t n,
		 uint8_t *verdicts)
{
	writer->pg.fault = PG_FAULT_NONE;
	writer->parts = calloc(n, sizeof(*writer->parts));
	int r = writer->parts ? writer_connect(writer)
			      : tally_fail(writer->ctx, ENOMEM, "no memory");
	if (r == 0)
		r = writer_make_parts(writer, entries, n);
	if (r == 0)
		r = writer_attempt(writer);
	if (r == 0) {
		writer->careful = false;
		writer_tell_faults(writer);
		for (uint32_t i = 0; i < n; i++)
			verdicts[i] = writer->parts[i].refused ? TALLY_REJECT : TALLY_DONE;
	} else {
		writer_failed(writer);
	}
	writer_free_parts(writer);
	return r;
}
