/*
 * Goes through the blocks of the range in the order of the answer, one statement over the first
 * slice that is asked for; the other slices are looked up only for blocks that pass it.  A block
 * that lacks a gram is left out.  Whatever no block stands for, is in: what is not indexed yet, and
 * minutes to which lines came late.
 *
 * Newest first the times are turned around, t → −t, so that there is only one direction to think
 * in.  read/scan.c calls it while it reads, so a page that is full soon asks for few blocks.
 */
#include "read/text_ranges.h"

#include "base/clock.h"
#include "database.h"
#include "schema/schema.h"
#include "store/log_lines.h"

enum { RANGES_FROM = 1, RANGES_TO };

/* [from, to) turned around, or back. */
static void ranges_turn(const struct text_ranges *ranges, int64_t range[2])
{
	int64_t from = range[0];
	if (!ranges->newest_first)
		return;
	range[0] = -range[1];
	range[1] = -from;
}

/* ---- Statements -------------------------------------------------------------------- */

static uint32_t ranges_role(const struct text_ranges *ranges, uint32_t role)
{
	return role | (ranges->newest_first ? STATEMENT_NEWEST : 0);
}

static int ranges_prepare_blocks(struct text_ranges *ranges, const char *table)
{
	uint32_t role = ranges_role(ranges, STATEMENT_TEXT_BLOCKS);
	ranges->blocks = reader_borrow(ranges->reader, role);
	if (ranges->blocks)
		return 0;
	sqlite3_str *sql = sqlite3_str_new(ranges->reader->db);
	/* The last one that begins before the range may reach into it.  Only where lines are
	 * counted are those that come late marked. */
	sqlite3_str_appendf(
		sql,
		"SELECT \"from\", \"to\", salt, bits FROM tally_text WHERE \"table\" = %Q AND "
		"slice "
		"= ?3 AND \"from\" < ?2 AND \"to\" > ?1 AND \"from\" >= ifnull((SELECT "
		"max(\"from\") FROM tally_text WHERE \"table\" = %Q AND slice = ?3 AND \"from\" <= "
		"?1), ?1) AND \"to\" <= (SELECT rolled_to FROM tally_rollups WHERE \"table\" = "
		"'%q" LOG_LINES_SUFFIX "' AND level = %d) ORDER BY \"from\" %s",
		table, table, table, LEVEL_ROWS, ranges->newest_first ? "DESC" : "ASC");
	return reader_prepare(ranges->reader, role, sql, &ranges->blocks);
}

static int ranges_prepare_marks(struct text_ranges *ranges, const char *table)
{
	uint32_t role = ranges_role(ranges, STATEMENT_TEXT_MARKS);
	ranges->marks = reader_borrow(ranges->reader, role);
	if (ranges->marks)
		return 0;
	sqlite3_str *sql = sqlite3_str_new(ranges->reader->db);
	sqlite3_str_appendf(sql,
			    "SELECT DISTINCT bucket FROM tally_late WHERE \"table\" = %Q AND level "
			    "= %d AND bucket > ?1 AND bucket < ?2 ORDER BY bucket %s",
			    table, LEVEL_MINUTE, ranges->newest_first ? "DESC" : "ASC");
	return reader_prepare(ranges->reader, role, sql, &ranges->marks);
}

static int ranges_prepare_bits(struct text_ranges *ranges, const char *table)
{
	ranges->bits = reader_borrow(ranges->reader, STATEMENT_TEXT_BITS);
	if (ranges->bits)
		return 0;
	sqlite3_str *sql = sqlite3_str_new(ranges->reader->db);
	sqlite3_str_appendf(sql,
			    "SELECT bits FROM tally_text WHERE \"table\" = %Q AND slice = ?2 AND "
			    "\"from\" = ?1",
			    table);
	return reader_prepare(ranges->reader, STATEMENT_TEXT_BITS, sql, &ranges->bits);
}

/* ---- Lines that came late ------------------------------------------------------------ */

static int ranges_next_mark(struct text_ranges *ranges)
{
	int r = database_step(ranges->reader->ctx, ranges->marks);
	ranges->marked = r > 0;
	if (r > 0)
		ranges->mark = sqlite3_column_int64(ranges->marks, 0);
	return r < 0 ? r : 0;
}

/* 1: some lie in the block, which comes after those asked about before. */
static int ranges_is_late(struct text_ranges *ranges, const int64_t block[2])
{
	int r = 0;
	while (r == 0 && ranges->marked) {
		int64_t mark[2] = {ranges->mark, ranges->mark + CLOCK_MINUTE};
		ranges_turn(ranges, mark);
		if (mark[1] > block[0])
			return mark[0] < block[1];
		r = ranges_next_mark(ranges);
	}
	return r;
}

/* ---- Blocks -------------------------------------------------------------------------- */

static bool ranges_has(const struct text_ranges *ranges, sqlite3_stmt *row, int column,
		       uint32_t test, uint32_t salt)
{
	const void *bits = sqlite3_column_blob(row, column);
	return log_text_has(&ranges->asked.tests[test], salt, bits,
			    (size_t)sqlite3_column_bytes(row, column));
}

/* 1: the current block has all that is asked for. */
static int ranges_may_have(struct text_ranges *ranges)
{
	uint32_t salt = (uint32_t)sqlite3_column_int(ranges->blocks, 2);
	int r = ranges_has(ranges, ranges->blocks, 3, 0, salt);
	for (uint32_t i = 1; r > 0 && i < ranges->asked.n; i++) {
		sqlite3_bind_int64(ranges->bits, 1, sqlite3_column_int64(ranges->blocks, 0));
		sqlite3_bind_int(ranges->bits, 2, ranges->asked.tests[i].slice);
		r = database_step(ranges->reader->ctx, ranges->bits);
		if (r == 0)
			return 1; /* a slice that is not there says nothing */
		if (r > 0)
			r = ranges_has(ranges, ranges->bits, 0, i, salt);
		sqlite3_reset(ranges->bits);
	}
	return r;
}

/* 1: the next block that has no line with the text; 0: none is left. */
static int ranges_next_without(struct text_ranges *ranges, int64_t ret[2])
{
	int r;
	while ((r = database_step(ranges->reader->ctx, ranges->blocks)) > 0) {
		int may = ranges_may_have(ranges);
		if (may > 0)
			continue;
		ret[0] = sqlite3_column_int64(ranges->blocks, 0);
		ret[1] = sqlite3_column_int64(ranges->blocks, 1);
		ranges_turn(ranges, ret);
		int late = may < 0 ? may : ranges_is_late(ranges, ret);
		if (late <= 0)
			return late < 0 ? late : 1;
	}
	return r;
}

int text_ranges_begin(struct reader *reader, const struct bound_query *bound, int64_t from,
		      int64_t to, struct text_ranges *ret)
{
	const char *table = bound->stored->table.name;
	/* Every time but the first can be turned around. */
	int64_t range[2] = {from < -INT64_MAX ? -INT64_MAX : from, to};
	*ret = (struct text_ranges){.reader = reader, .newest_first = bound->query->newest_first};
	if (log_lines_are_counted(bound->stored))
		log_text_ask(bound, &ret->asked);
	int r = 0;
	if (ret->asked.n > 0) {
		r = ranges_prepare_blocks(ret, table);
		if (r == 0)
			r = ranges_prepare_bits(ret, table);
		if (r == 0)
			r = ranges_prepare_marks(ret, table);
		if (r < 0)
			return r;
		sqlite3_bind_int64(ret->blocks, RANGES_FROM, range[0]);
		sqlite3_bind_int64(ret->blocks, RANGES_TO, range[1]);
		sqlite3_bind_int(ret->blocks, 3, ret->asked.tests[0].slice);
		sqlite3_bind_int64(ret->marks, RANGES_FROM,
				   range[0] > INT64_MIN + CLOCK_MINUTE ? range[0] - CLOCK_MINUTE
								       : INT64_MIN);
		sqlite3_bind_int64(ret->marks, RANGES_TO, range[1]);
		r = ranges_next_mark(ret);
	}
	ranges_turn(ret, range);
	ret->from = range[0];
	ret->to = range[1];
	return r;
}

int text_ranges_next(struct text_ranges *ranges, int64_t ret[2])
{
	int64_t without[2];
	int r = 0;
	while (!ranges->done && ranges->asked.n > 0 &&
	       (r = ranges_next_without(ranges, without)) > 0) {
		ret[0] = ranges->from;
		ret[1] = without[0];
		if (without[1] > ranges->from)
			ranges->from = without[1];
		if (ret[0] < ret[1]) {
			ranges_turn(ranges, ret);
			return 1;
		}
	}
	if (r < 0 || ranges->done || ranges->from >= ranges->to)
		return r < 0 ? r : 0;
	ranges->done = true;
	ret[0] = ranges->from;
	ret[1] = ranges->to;
	ranges_turn(ranges, ret);
	return 1;
}
