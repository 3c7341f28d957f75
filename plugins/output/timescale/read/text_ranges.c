/*
 * One statement says of the blocks of the range whether they lack a gram; it travels with the
 * beginning of the transaction.  The slice that is asked for first is read of all blocks, the
 * others only of those that pass.  Whatever no block stands for, is in: what is not indexed yet,
 * and minutes to which lines came late.  Where the table may not be read, all lines are, as if
 * there were none.
 *
 * Newest first the times are turned around, t → −t, so that there is only one direction to think
 * in.
 */
#include "read/text_ranges.h"

#include <string.h>

#include "base/clock.h"
#include "maintenance/watermarks.h"
#include "pg/pg_value.h"
#include "read/parameters.h"
#include "store/log_lines.h"
#include "store/log_text.h"

/* Blocks of one answer; time behind them is read. */
enum { RANGES_MOST = 200000 };

/* [from, to) turned around, or back. */
static void ranges_turn(const struct text_ranges *ranges, int64_t range[2])
{
	int64_t from = range[0];
	if (!ranges->newest_first)
		return;
	range[0] = -range[1];
	range[1] = -from;
}

/* ---- Asking ------------------------------------------------------------------------ */

/* Whether the slice under this alias has the gram, as log_text_has() says it. */
static void ranges_append_has(struct strbuf *sql, const char *alias, int place, bool second)
{
	if (second)
		strbuf_add(sql, "%s.salt < %d or ", alias, LOG_TEXT_TWICE);
	strbuf_add(sql,
		   "get_bit(%s.bits, ((($%d * %s.salt) & 32767) * octet_length(%s.bits) * 8 >> "
		   "15)::int) = 1",
		   alias, place, alias, alias);
}

static void ranges_append_tests(struct strbuf *sql, struct parameters *parameters,
				const struct log_text_asked *asked, const char *table)
{
	ranges_append_has(sql, "b", parameters_int(parameters, asked->tests[0].place), false);
	for (uint32_t i = 1; i < asked->n; i++) {
		/* As values and not EXISTS, which the server would join to all blocks. */
		strbuf_add(sql, " and (select ");
		ranges_append_has(sql, "t", parameters_int(parameters, asked->tests[i].place),
				  asked->tests[i].second);
		strbuf_add(sql,
			   " from tally.text t where t.\"table\" = '%s' and t.slice = $%d and "
			   "t.\"from\" = b.\"from\")",
			   table, parameters_int(parameters, asked->tests[i].slice));
	}
}

static void ranges_append(struct strbuf *sql, struct parameters *parameters,
			  const struct bound_query *bound, const struct log_text_asked *asked)
{
	const char *table = bound->stored->table.name;
	int64_t from, to;
	bound_query_range(bound, &from, &to);
	int after = parameters_time(parameters, from), before = parameters_time(parameters, to);
	int slice = parameters_int(parameters, asked->tests[0].slice);
	/* The last one that begins before the range may reach into it.  Only where lines are
	 * counted are those that come late marked. */
	strbuf_add(sql, "select b.\"from\", b.\"to\", ");
	ranges_append_tests(sql, parameters, asked, table);
	strbuf_add(sql,
		   " from tally.text b where b.\"table\" = '%s' and b.slice = $%d and b.\"from\" < "
		   "$%d and b.\"to\" > $%d and b.\"from\" >= "
		   "coalesce((select max(f.\"from\") from tally.text f where f.\"table\" = '%s' "
		   "and f.slice = $%d and f.\"from\" <= $%d), $%d) and b.\"to\" <= (select "
		   "rolled_to from tally.marks where \"table\" = '%s" LOG_LINES_SUFFIX
		   "' and level = %d)",
		   table, slice, before, after, table, slice, after, after, table,
		   watermarks_numbers[LEVEL_ROWS]);
	/* The first of these is asked once, and the second hardly ever. */
	strbuf_add(sql,
		   " and (not exists (select from tally.late l where l.\"table\" = '%s') or not "
		   "exists (select from tally.late l where l.\"table\" = '%s' and l.bucket > "
		   "b.\"from\" - interval '1 minute' and l.bucket < b.\"to\")) order by "
		   "b.\"from\"%s limit %d",
		   table, table, bound->query->newest_first ? " desc" : "", RANGES_MOST);
}

static int ranges_ask(struct reader *reader, const struct bound_query *bound,
		      const struct log_text_asked *asked, PGresult **ret)
{
	enum { BLOCKS = READERS_BEGIN, N };
	struct pg_connection *pg = &reader->pg;
	struct readers_timeout timeout;
	struct pg_params params;
	struct pg_statement statements[N];
	PGresult *results[N] = {NULL};
	auto_strbuf struct strbuf sql = {0};
	auto_parameters struct parameters parameters = {.n = 0};
	ranges_append(&sql, &parameters, bound, asked);
	int r = parameters_get(pg->ctx, &parameters, &params);
	if (r == 0 && sql.failed)
		r = tally_fail(pg->ctx, ENOMEM, "no memory");
	if (r == 0)
		r = readers_begin(reader, READERS_PLANS_KEPT, &timeout, statements);
	statements[BLOCKS] = (struct pg_statement){sql.data, &params};
	if (r == 0)
		r = pg_ask(pg, statements, N, results);
	for (int i = 0; i < BLOCKS; i++)
		PQclear(results[i]);
	*ret = results[BLOCKS];
	return r;
}

bool text_ranges_are_asked(const struct bound_query *bound)
{
	struct log_text_asked asked = {.n = 0};
	if (log_lines_are_counted(bound->stored))
		log_text_ask(bound, &asked);
	return asked.n > 0;
}

int text_ranges_begin(struct reader *reader, const struct bound_query *bound,
		      struct text_ranges *ret)
{
	struct pg_connection *pg = &reader->pg;
	struct log_text_asked asked = {.n = 0};
	int64_t range[2];
	*ret = (struct text_ranges){.newest_first = bound->query->newest_first};
	log_text_ask(bound, &asked);
	int r = ranges_ask(reader, bound, &asked, &ret->blocks);
	/* Not granted, or not there: the answer is the same, but slower. */
	if (r < 0 && (strcmp(pg->sqlstate, "42501") == 0 || strcmp(pg->sqlstate, "42P01") == 0)) {
		pg_rollback(pg);
		r = readers_begin_now(reader);
	}
	bound_query_range(bound, &range[0], &range[1]);
	/* Every time but the first can be turned around. */
	if (range[0] < -INT64_MAX)
		range[0] = -INT64_MAX;
	ranges_turn(ret, range);
	ret->from = range[0];
	ret->to = range[1];
	return r;
}

/* ---- Telling ------------------------------------------------------------------------ */

static int64_t ranges_time(const struct text_ranges *ranges, int column)
{
	return pg_time_to_ns(pg_get_64(PQgetvalue(ranges->blocks, ranges->next, column)));
}

struct ranges_block {
	int64_t range[2]; /* turned around like all */
	bool may_have_it;
};

static bool ranges_peek(const struct text_ranges *ranges, struct ranges_block *ret)
{
	if (!ranges->blocks || ranges->next >= PQntuples(ranges->blocks))
		return false;
	ret->range[0] = ranges_time(ranges, 0);
	ret->range[1] = ranges_time(ranges, 1);
	ranges_turn(ranges, ret->range);
	/* NULL: a slice is missing. */
	ret->may_have_it = PQgetisnull(ranges->blocks, ranges->next, 2) ||
			   *PQgetvalue(ranges->blocks, ranges->next, 2);
	return true;
}

/* Past blocks that are over, and those that begin here and have not the text. */
static void ranges_skip(struct text_ranges *ranges)
{
	struct ranges_block block;
	while (ranges_peek(ranges, &block) && block.range[0] <= ranges->from &&
	       (!block.may_have_it || block.range[1] <= ranges->from)) {
		if (block.range[1] > ranges->from)
			ranges->from = block.range[1];
		ranges->next++;
	}
}

/* The end of what has to be read from here on: a block, or what is before the next one. */
static int64_t ranges_end(const struct text_ranges *ranges)
{
	struct ranges_block block;
	if (!ranges_peek(ranges, &block))
		return ranges->to;
	int64_t end = block.range[0] > ranges->from ? block.range[0] : block.range[1];
	return end < ranges->to ? end : ranges->to;
}

bool text_ranges_are_left(struct text_ranges *ranges)
{
	ranges_skip(ranges);
	return ranges->from < ranges->to;
}

uint32_t text_ranges_next(struct text_ranges *ranges, uint32_t most, int64_t ret[2])
{
	uint32_t n = 0;
	ranges_skip(ranges);
	ret[0] = ret[1] = ranges->from;
	while (n < most && ranges->from == ret[1] && ranges->from < ranges->to) {
		ranges->from = ret[1] = ranges_end(ranges);
		n++;
		ranges_skip(ranges);
	}
	ranges_turn(ranges, ret);
	return n;
}

void text_ranges_done(struct text_ranges *ranges)
{
	PQclear(ranges->blocks);
}
