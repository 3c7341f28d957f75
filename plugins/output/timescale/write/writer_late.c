/*
 * Late rows: rows whose minute may be rolled up already.  Each transaction, on the thread that
 * writes it, notes their minutes in tally.late, from where the maintenance rolls them up again.
 * Rows older than WRITER_LATE are noted unseen; newer ones only if the table's watermark has passed
 * them, which the database decides when the statement runs.  Both attempts (copy_path.c,
 * upsert_path.c) put the text last before COMMIT.  Only memory can run out here.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "maintenance/watermarks.h"
#include "store/log_lines.h"
#include "write/writer.h"

/* A row older than this, by the database's clock, may find its minute rolled up by the time it is
 * committed: the roll-up of a minute waits only so long for its rows, see rollup.h. */
#define WRITER_LATE (30 * CLOCK_SECOND)

enum writer_late { WRITER_IS_LATE, WRITER_MAY_BE_LATE };

static bool writer_is(enum writer_late late, const struct writer_part *part, uint32_t row,
		      int64_t before)
{
	return part->series[row] &&
	       (writer_cell(part, row, 0)->i < before) == (late == WRITER_IS_LATE);
}

static int writer_by_time(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

/* The minutes of these rows, and those after: their counters go on from the late ones.  Twice as
 * many as there are such rows at most. */
static uint32_t writer_late_minutes(const struct writer_part *part, enum writer_late late,
				    int64_t before, int64_t *ret)
{
	const int64_t minute = schema_levels[LEVEL_MINUTE].bucket;
	int64_t last = INT64_MIN;
	uint32_t n = 0;
	for (uint32_t row = 0; row < part->batch->n_rows; row++) {
		if (!writer_is(late, part, row, before))
			continue;
		int64_t time = writer_cell(part, row, 0)->i;
		if (n > 0 && time >= last && time - last < minute)
			continue; /* mostly, and a division takes longer */
		int64_t bucket = schema_floor(time, minute);
		last = bucket;
		ret[n++] = bucket;
		ret[n++] = bucket + minute;
	}
	/* Repeated ones become neighbours, and writers that mark the same minutes take their row
	 * locks in one order. */
	qsort(ret, n, sizeof(*ret), writer_by_time);
	return n;
}

static void writer_script_minutes(struct writer *writer, const struct writer_part *part,
				  enum writer_late late, const int64_t *minutes, uint32_t n)
{
	const char *table = part->table->stored->table.name;
	bool counted = log_lines_are_counted(part->table->stored);
	struct log_lines lines = {.name = ""};
	if (counted)
		log_lines_declare(part->table->stored, LOG_LINES_LEVELS, &lines);
	strbuf_add(&writer->script, "select tally.note_late('%s', '%s', '{", table, writer->name);
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || minutes[i] != minutes[i - 1])
			strbuf_add(&writer->script, "%s%" PRId64, i ? "," : "",
				   minutes[i] / CLOCK_SECOND);
	if (late == WRITER_IS_LATE)
		strbuf_add(&writer->script, "}', null, null);");
	else
		/* The clock alone would not do: it is an estimate, and another daemon's maintenance
		 * may run ahead.  Whatever the clocks say, what lies before a watermark is late. */
		strbuf_add(&writer->script, "}', '%s', %d);", counted ? lines.name : table,
			   watermarks_numbers[counted ? LEVEL_ROWS : LEVEL_MINUTE]);
}

static int writer_script_late_part(struct writer *writer, const struct writer_part *part,
				   enum writer_late late, int64_t before)
{
	uint32_t n = 0;
	for (uint32_t row = 0; row < part->batch->n_rows; row++)
		n += writer_is(late, part, row, before);
	if (n == 0)
		return 0;
	auto_free int64_t *minutes = calloc(n, 2 * sizeof(*minutes));
	if (!minutes)
		return tally_fail(writer->ctx, ENOMEM, "no memory");
	n = writer_late_minutes(part, late, before, minutes);
	writer_script_minutes(writer, part, late, minutes, n);
	return 0;
}

int writer_script_late(struct writer *writer)
{
	int64_t before = server_clock_estimate(&writer->clock, writer->ctx) - WRITER_LATE;
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < writer->n_parts; i++) {
		const struct writer_part *part = &writer->parts[i];
		if (part->refused || part->known)
			continue;
		const struct stored_table *stored = part->table->stored;
		if (stored->n_numbers == 0 && !log_lines_are_counted(stored))
			continue;
		r = writer_script_late_part(writer, part, WRITER_IS_LATE, before);
		if (r == 0)
			r = writer_script_late_part(writer, part, WRITER_MAY_BE_LATE, before);
	}
	return r;
}
