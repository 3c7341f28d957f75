/*
 * The balance of one reader: routed = stored + waiting + dropped, per table.  Every change goes
 * through the three functions below, so that it cannot be lost in between.
 *
 * Called with the journal's lock.  Series are looked up by name only when a reader meets a table,
 * or drops rows, which is rare; counting itself is an addition.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/journal_parts.h"
#include "plugin/reason.h"
#include "base/globs.h"

enum { JOURNAL_LABELS_SIZE = 512 };

static const char journal_dropped_help[] = "Rows that were not stored, by reason.";

/* Why an output's rows are dropped.  Each has a series from the start, so that its first rows are
 * an increase and not a series that was not there before. */
static const char *const journal_reasons[] = {"blocked",  "buffer_error", "buffer_full",
					      "damaged",  "no_output",    "rejected",
					      "shutdown", "too_large"};

static struct metric *journal_dropped(const struct journal_reader *reader,
				      const struct journal_table *table, const char *reason)
{
	char labels[JOURNAL_LABELS_SIZE] = "";
	metrics_label(labels, sizeof(labels), "output", reader->output);
	metrics_label(labels, sizeof(labels), "table", table->name);
	metrics_label(labels, sizeof(labels), "reason", reason);
	return metrics_counter(reader->journal->metrics, "tallyd_rows_dropped_total", labels, NULL,
			       journal_dropped_help);
}

void journal_count_announce(const struct journal_reader *reader, const struct journal_table *table)
{
	for (size_t i = 0; i < sizeof(journal_reasons) / sizeof(*journal_reasons); i++)
		journal_dropped(reader, table, journal_reasons[i]);
}

static void journal_count_show(const struct journal_reader *reader, struct journal_table *table)
{
	struct metrics *metrics = reader->journal->metrics;
	char labels[JOURNAL_LABELS_SIZE] = "";
	metrics_label(labels, sizeof(labels), "output", reader->output);
	metrics_label(labels, sizeof(labels), "table", table->name);
	table->routed = metrics_counter(metrics, "tallyd_rows_routed_total", labels, NULL,
					"Rows put into the buffer for the output.");
	table->stored = metrics_counter(metrics, "tallyd_rows_stored_total", labels, NULL,
					"Rows written by the output.");
	table->shown_waiting =
		metrics_gauge(metrics, "tallyd_rows_waiting", labels, NULL,
			      "Rows in the buffer that the output has not written yet.");
	table->offered_again =
		metrics_counter(metrics, "tallyd_rows_offered_again_total", labels, NULL,
				"Stored rows that the store lost and the buffer still had; they "
				"are offered again.");
	metrics_label(labels, sizeof(labels), "reason", "store_behind");
	table->lost =
		metrics_counter(metrics, "tallyd_rows_lost_total", labels, NULL,
				"Stored rows that the store lost and the buffer no longer had.");
}

/* As the plugin counts it, in bytes; the core does not know what an entry costs in it. */
void journal_show_usage(struct journal *journal)
{
	struct tally_usage usage = {0};
	PLUGIN_CALL(journal->buffer->usage(journal->self, &usage));
	metric_set(journal->shown_bytes, (int64_t)usage.bytes);
	metric_set(journal->shown_capacity, (int64_t)usage.capacity);
}

/* A list, walked: an output reads a dozen tables, and strcmp() over a dozen short names costs
 * less than hashing one. */
struct journal_table *journal_count_table(struct journal_reader *reader, const char *name)
{
	for (size_t i = 0; i < reader->n_tables; i++)
		if (strcmp(reader->tables[i].name, name) == 0)
			return &reader->tables[i];
	struct journal_table *tables =
		reallocarray(reader->tables, reader->n_tables + 1, sizeof(*tables));
	if (!tables)
		return NULL;
	reader->tables = tables;
	char *copy = strdup(name);
	if (!copy)
		return NULL;
	struct journal_table *table = &tables[reader->n_tables++];
	*table = (struct journal_table){.name = copy};
	table->wanted =
		!reader->globs || globs_match((const char *const *)reader->globs, table->name);
	journal_count_show(reader, table);
	if (table->wanted)
		journal_count_announce(reader, table);
	return table;
}

void journal_count_done(struct journal_reader *reader)
{
	for (size_t i = 0; i < reader->n_tables; i++)
		free(reader->tables[i].name);
	free(reader->tables);
}

/* The only place where `waiting` changes, so that the reader's sum and the gauge cannot disagree
 * with the table's. */
static void journal_count_waiting(struct journal_reader *reader, struct journal_table *table,
				  uint64_t waiting)
{
	reader->waiting += waiting - table->waiting;
	table->waiting = waiting;
	metric_set(table->shown_waiting, (int64_t)waiting);
}

/* Routed and waiting grow in one step. */
void journal_count_routed(struct journal_reader *reader, struct journal_table *table, uint64_t rows)
{
	metric_add(table->routed, rows);
	journal_count_waiting(reader, table, table->waiting + rows);
}

void journal_count_stored(struct journal_reader *reader, struct journal_table *table, uint64_t rows)
{
	metric_add(table->stored, rows);
	journal_count_waiting(reader, table, table->waiting - rows);
}

void journal_count_dropped(struct journal_reader *reader, struct journal_table *table,
			   uint64_t rows, const char *reason)
{
	if (rows == 0)
		return;
	metric_add(journal_dropped(reader, table, reason), rows);
	journal_count_waiting(reader, table, table->waiting - rows);
}

void journal_count_push(struct journal *journal, const struct tally_batch *batch,
			struct metric *collected, const char *dropped)
{
	metrics_begin(journal->metrics);
	if (collected)
		metric_add(collected, batch->n_rows);
	for (struct journal_reader *reader = journal->readers; reader; reader = reader->next) {
		struct journal_table *table = journal_count_table(reader, batch->table->name);
		if (!table || !table->wanted)
			continue;
		journal_count_routed(reader, table, batch->n_rows);
		if (dropped)
			journal_count_dropped(reader, table, batch->n_rows, dropped);
	}
	metrics_end(journal->metrics);
}
