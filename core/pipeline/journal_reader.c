/*
 * Readers come when their output is created, stay in the journal when it is detached (rows go on
 * waiting for them), and go for good when it is forgotten.  One that comes to a buffer which holds
 * something already, or comes back wanting other tables, looks through all of it once, so that
 * its counts are right from the start.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/journal_parts.h"
#include "plugin/reason.h"
#include "base/clock.h"
#include "base/globs.h"

/* ---- Globs -------------------------------------------------------------------- */

static void journal_globs_free(char **globs)
{
	for (char **g = globs; g && *g; g++)
		free(*g);
	free(globs);
}

/* Copied, since a reader outlives the plan that it was made from. */
static int journal_globs_copy(const char *const *globs, char ***ret)
{
	size_t n = 0;
	if (!globs) {
		*ret = NULL;
		return 0;
	}
	while (globs[n])
		n++;
	char **copy = calloc(n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = strdup(globs[i]);
		if (copy[i])
			continue;
		journal_globs_free(copy);
		copy = NULL;
	}
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

/* ---- Looking through what is there -------------------------------------------- */

/* Rows that wait in the buffer, as found: one per table of the reader, in their order. */
struct journal_scan {
	struct journal_reader *reader;
	uint64_t *rows;
	size_t n;
};

/* Sequences found in the buffer also tell where the last run of the daemon ended. */
static int journal_scan_entry(void *arg, const char *name, uint64_t sequence, uint32_t n_rows)
{
	struct journal_scan *scan = arg;
	struct journal_reader *reader = scan->reader;
	struct journal *journal = reader->journal;
	const struct journal_table *table = journal_count_table(reader, name);
	if (!table)
		return -ENOMEM;
	if (sequence > journal->last_sequence)
		journal->last_sequence = sequence;
	if (reader->n_tables > scan->n) {
		uint64_t *rows = reallocarray(scan->rows, reader->n_tables, sizeof(*rows));
		if (!rows)
			return -ENOMEM;
		scan->rows = rows;
		for (; scan->n < reader->n_tables; scan->n++)
			rows[scan->n] = 0;
	}
	if (table->wanted && !journal_reader_is_done(reader, sequence))
		scan->rows[table - reader->tables] += n_rows;
	return 0;
}

/* -EAGAIN: the buffer has changed under the scan, so what it has reported no longer holds. */
static int journal_scan_entries(const struct journal *journal, struct journal_scan *scan)
{
	int r;
	do {
		if (scan->n > 0)
			memset(scan->rows, 0, scan->n * sizeof(*scan->rows));
		r = PLUGIN_CALL(journal->buffer->scan(journal->self, scan->reader->id,
						      journal_scan_entry, scan));
	} while (r == -EAGAIN);
	return r;
}

static int journal_scan(struct journal_scan *scan)
{
	const struct journal_reader *reader = scan->reader;
	const struct journal *journal = reader->journal;
	struct tally_entry entries[64];
	uint32_t n = 0;
	bool rewind = true;
	if (JOURNAL_HAS(journal, scan))
		return journal_scan_entries(journal, scan);
	do {
		int r = PLUGIN_CALL(journal->buffer->fetch(journal->self, reader->id, rewind,
							   UINT32_MAX, entries, 64, &n));
		for (uint32_t i = 0; i < n && r == 0; i++)
			r = journal_scan_entry(scan, entries[i].batch->table->name,
					       entries[i].sequence, entries[i].batch->n_rows);
		if (r < 0)
			return r;
		rewind = false;
	} while (n > 0);
	return 0;
}

/* From now on exactly what was found waits. */
static void journal_scan_apply(struct journal_reader *reader, const struct journal_scan *scan)
{
	metrics_begin(reader->journal->metrics);
	for (size_t i = 0; i < reader->n_tables; i++) {
		struct journal_table *table = &reader->tables[i];
		uint64_t found = i < scan->n ? scan->rows[i] : 0;
		if (found > table->waiting)
			journal_count_routed(reader, table, found - table->waiting);
		else
			journal_count_dropped(reader, table, table->waiting - found, "no_output");
	}
	metrics_end(reader->journal->metrics);
}

static bool journal_reader_wants_any(const struct journal_reader *reader,
				     const struct tally_table *const *tables)
{
	if (!tables || !reader->globs)
		return true;
	for (; *tables; tables++)
		if (globs_match((const char *const *)reader->globs, (*tables)->name))
			return true;
	return false;
}

void journal_announce(struct journal *journal, const char *table)
{
	pthread_mutex_lock(&journal->lock);
	for (struct journal_reader *reader = journal->readers; reader; reader = reader->next)
		if (!reader->globs || globs_match((const char *const *)reader->globs, table))
			journal_count_table(reader, table);
	pthread_mutex_unlock(&journal->lock);
}

bool journal_wants(struct journal *journal, const struct tally_table *const *tables)
{
	bool wants = false;
	pthread_mutex_lock(&journal->lock);
	for (const struct journal_reader *r = journal->readers; r && !wants; r = r->next)
		wants = journal_reader_wants_any(r, tables);
	pthread_mutex_unlock(&journal->lock);
	return wants;
}

/* ---- Attaching ---------------------------------------------------------------- */

void journal_reader_free(struct journal_reader *reader)
{
	journal_count_done(reader);
	journal_globs_free(reader->globs);
	pthread_cond_destroy(&reader->due);
	free(reader->output);
	free(reader);
}

/* Begins at its cursor, perhaps again, and with other tables. */
static int journal_reader_begin(struct journal_reader *reader, const char *const *tables, bool anew)
{
	struct journal_scan scan = {.reader = reader};
	char **globs;
	int r = journal_globs_copy(tables, &globs);
	if (r < 0)
		return r;
	journal_globs_free(reader->globs);
	reader->globs = globs;
	/* Tables that it met before: the scan below counts by what is wanted from now on. */
	for (size_t i = 0; i < reader->n_tables; i++) {
		struct journal_table *table = &reader->tables[i];
		table->wanted = !globs || globs_match((const char *const *)globs, table->name);
		if (table->wanted)
			journal_count_announce(reader, table);
	}
	r = journal_scan(&scan);
	journal_reader_count_damage(reader, anew);
	journal_reader_return(reader);
	if (r == 0)
		journal_scan_apply(reader, &scan);
	free(scan.rows);
	if (r < 0)
		return r;
	reader->since = clock_monotonic();
	reader->wakes = reader->journal->wakes;
	return journal_reader_advance(reader);
}

/* After a rewind.  Counted as offered again, apart from routed, or the sums would show more rows
 * routed than were collected. */
int journal_reader_rescan(struct journal_reader *reader)
{
	struct journal_scan scan = {.reader = reader};
	int r = journal_scan(&scan);
	journal_reader_return(reader);
	for (size_t i = 0; i < scan.n && r == 0; i++)
		if (scan.rows[i] > reader->tables[i].waiting)
			metric_add(reader->tables[i].offered_again,
				   scan.rows[i] - reader->tables[i].waiting);
	if (r == 0)
		journal_scan_apply(reader, &scan);
	free(scan.rows);
	return r < 0 ? r : journal_reader_advance(reader);
}

/* Put into the list only when everything succeeded; a reader that is half open would hold back
 * the positions of all inputs. */
static int journal_reader_open(struct journal *journal, const char *output,
			       const char *const *tables, struct journal_reader **ret)
{
	uint64_t rows;
	struct journal_reader *reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	pthread_cond_init(&reader->due, NULL);
	reader->journal = journal;
	reader->output = strdup(output);
	int r = -ENOMEM;
	if (reader->output)
		r = PLUGIN_CALL(
			journal->buffer->open_reader(journal->self, output, &reader->id, &rows));
	if (r == 0)
		r = journal_reader_begin(reader, tables, true);
	if (r < 0) {
		journal_reader_free(reader);
		return r;
	}
	reader->next = journal->readers;
	journal->readers = reader;
	*ret = reader;
	return 0;
}

/* -EBUSY: an output of that name has not let go of its reader. */
int journal_attach(struct journal *journal, const char *output, const char *const *tables,
		   struct journal_reader **ret, struct error *error)
{
	int r = 0;
	pthread_mutex_lock(&journal->lock);
	/* By the output's name, so that an output that is restarted finds its reader again. */
	struct journal_reader *reader = journal->readers;
	while (reader && strcmp(reader->output, output) != 0)
		reader = reader->next;
	if (!reader)
		r = journal_reader_open(journal, output, tables, &reader);
	else if (reader->attached)
		r = -EBUSY;
	else
		r = journal_reader_begin(reader, tables, false);
	if (r == 0)
		reader->attached = true;
	pthread_mutex_unlock(&journal->lock);
	if (r < 0)
		return error_set(error, -r, "%s cannot read from %s: %s", output, journal->name,
				 strerror(-r));
	*ret = reader;
	return 0;
}

/* What it had on loan is offered again to whoever attaches under that name. */
void journal_detach(struct journal_reader *reader)
{
	if (!reader)
		return;
	struct journal *journal = reader->journal;
	pthread_mutex_lock(&journal->lock);
	journal_reader_return(reader);
	reader->attached = false;
	pthread_mutex_unlock(&journal->lock);
}

/* ---- Forgetting --------------------------------------------------------------- */

/* Its rows count as dropped, since nobody will ever read them; positions move on, as its cursor
 * no longer holds them back. */
void journal_forget(struct journal *journal, const char *output)
{
	pthread_mutex_lock(&journal->lock);
	struct journal_reader **at = &journal->readers;
	while (*at && strcmp((*at)->output, output) != 0)
		at = &(*at)->next;
	struct journal_reader *reader = *at;
	assert(!reader || !reader->attached);
	if (reader) {
		*at = reader->next;
		metrics_begin(reader->journal->metrics);
		for (size_t i = 0; i < reader->n_tables; i++)
			journal_count_dropped(reader, &reader->tables[i], reader->tables[i].waiting,
					      "no_output");
		metrics_end(reader->journal->metrics);
		journal_reader_free(reader);
	}
	PLUGIN_CALL(journal->buffer->forget_reader(journal->self, output));
	journal_acked(journal);
	pthread_mutex_unlock(&journal->lock);
}
