/*
 * Blocks are made of the newest stretch of time that has none and whose lines are counted: the
 * counts say where they begin, their lines are read once, filters are computed here and stored.
 * Where lines came late the blocks are forgotten (log_lines.c does that in the transaction in which
 * it counts them), and so missing again.  A search reads whatever no block stands for, and minutes
 * that are marked (read/text_ranges.c).
 *
 * No line may slip in between: one whose writer did not yet see that its minute is counted, or saw
 * a mark that has been deleted since, and that is committed after its block was read.  So, once
 * both are settled, all transactions that were under way are waited for.  Whoever begins later sees
 * it, and marks what is late.
 */
#include "maintenance/text_index.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "maintenance/watermarks.h"
#include "pg/pg_value.h"
#include "read/parameters.h"
#include "store/log_text_blocks.h"

/* Times that the writers at work are asked about, a twentieth of a second apart. */
enum { TEXT_INDEX_WAITS = 40 };
/* Blocks that one round forgets. */
enum { TEXT_INDEX_AT_ONCE = 500 };
/* Of counts that are read at first. */
#define TEXT_INDEX_SPAN (5 * CLOCK_MINUTE)

static const char *text_index_name(const struct text_index *index)
{
	return index->logs->table.name;
}

static const char *text_index_time(const struct text_index *index)
{
	return index->logs->table.columns[0].name;
}

static int text_index_query(struct pg_connection *pg, const struct strbuf *sql,
			    struct parameters *parameters, PGresult **ret)
{
	struct pg_params params;
	int r = parameters_get(pg->ctx, parameters, &params);
	if (r == 0 && sql->failed)
		r = tally_fail(pg->ctx, ENOMEM, "no memory");
	return r < 0 ? r : pg_query(pg, sql->data, &params, ret);
}

static int64_t text_index_value(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column)
		       ? INT64_MIN
		       : pg_time_to_ns(pg_get_64(PQgetvalue(result, row, column)));
}

/* ---- Forgetting ------------------------------------------------------------------ */

/* Those of which a condition holds.  By every slice's key, which the index finds at once. */
static void text_index_append_forget(struct strbuf *sql, const char *table, const char *condition)
{
	strbuf_add(
		sql,
		"delete from tally.text where \"table\" = '%s' and slice = any(array(select "
		"s::smallint from generate_series(%d, %d) s)) and \"from\" = any(array(select "
		"h.\"from\" from tally.text h where h.\"table\" = '%s' and h.slice = %d and %s))",
		table, LOG_TEXT_HEAD, LOG_TEXT_SLICES - 1, table, LOG_TEXT_HEAD, condition);
}

int text_index_forget(struct pg_connection *pg, struct log_text_whole *whole, const char *table,
		      int64_t from, int64_t to)
{
	auto_strbuf struct strbuf sql = {0}, condition = {0};
	auto_parameters struct parameters parameters = {.n = 0};
	auto_result PGresult *gone = NULL;
	parameters_time(&parameters, from);
	parameters_time(&parameters, to);
	/* Blocks do not overlap, so only the last that begins before may reach into it. */
	strbuf_add(
		&condition,
		"h.\"from\" < $2 and h.\"to\" > $1 and h.\"from\" >= coalesce((select "
		"max(f.\"from\") from tally.text f where f.\"table\" = '%s' and f.slice = %d and "
		"f.\"from\" <= $1), $1)",
		table, LOG_TEXT_HEAD);
	text_index_append_forget(&sql, table, condition.failed ? "false" : condition.data);
	strbuf_add(&sql, " returning \"from\"");
	int r = condition.failed ? tally_fail(pg->ctx, ENOMEM, "no memory")
				 : text_index_query(pg, &sql, &parameters, &gone);
	log_text_whole_forget(whole, from);
	for (int i = 0; r == 0 && i < PQntuples(gone); i++)
		log_text_whole_forget(whole, text_index_value(gone, i, 0));
	return r;
}

static int text_index_forget_old(const struct text_index *index)
{
	auto_strbuf struct strbuf sql = {0}, condition = {0};
	auto_parameters struct parameters parameters = {.n = 0};
	auto_result PGresult *result = NULL;
	parameters_time(&parameters, index->kept_from);
	strbuf_add(&condition, "h.\"from\" < $1 and h.\"to\" <= $1 order by h.\"from\" limit %d",
		   TEXT_INDEX_AT_ONCE);
	text_index_append_forget(&sql, text_index_name(index),
				 condition.failed ? "false" : condition.data);
	return text_index_query(index->pg, &sql, &parameters, &result);
}

/* ---- Waiting for writers ---------------------------------------------------------- */

/* 1: they are done; 0: somebody takes longer than it is worth waiting. */
static int text_index_wait(const struct text_index *index, int64_t until)
{
	char done[8] = "";
	char sql[120];
	for (int i = 0; i < TEXT_INDEX_WAITS; i++) {
		snprintf(sql, sizeof(sql),
			 "select (txid_snapshot_xmin(txid_current_snapshot()) >= %" PRId64
			 ")::text",
			 until);
		int r = pg_query_text(index->pg, sql, done, sizeof(done));
		if (r < 0)
			return r;
		if (strcmp(done, "true") == 0)
			return 1;
		r = pg_exec(index->pg, "select pg_sleep(0.05)");
		if (r < 0)
			return r;
	}
	return 0;
}

int text_index_begin(struct text_index *index)
{
	auto_strbuf struct strbuf sql = {0};
	auto_result PGresult *result = NULL;
	/* In one snapshot: transactions from this number on see the mark. */
	strbuf_add(
		&sql,
		"select (select kept_from from tally.marks where \"table\" = '%s' and level = "
		"%d), (select rolled_to from tally.marks where \"table\" = '%s' and level = %d), "
		"txid_snapshot_xmax(txid_current_snapshot())",
		text_index_name(index), watermarks_numbers[LEVEL_ROWS], index->lines->table.name,
		watermarks_numbers[LEVEL_ROWS]);
	int r = sql.failed ? tally_fail(index->pg->ctx, ENOMEM, "no memory")
			   : pg_query(index->pg, sql.data, NULL, &result);
	if (r < 0)
		return r;
	index->kept_from = text_index_value(result, 0, 0);
	index->counted_to = text_index_value(result, 0, 1);
	if (index->kept_from != INT64_MIN)
		r = text_index_forget_old(index);
	if (r < 0 || index->counted_to == INT64_MIN)
		return r;
	return text_index_wait(index, pg_get_64(PQgetvalue(result, 0, 2)));
}

/* ---- What is missing -------------------------------------------------------------- */

/* How many lines the newest minutes of a gap have, until there are enough for all blocks. */
static int text_index_count(const struct text_index *index, int64_t to,
			    struct log_text_blocks *blocks)
{
	const char *name = index->lines->table.name, *time = text_index_time(index);
	int64_t span = TEXT_INDEX_SPAN;
	int r = 0;
	while (r == 0 && !log_text_blocks_are_full(blocks) && to > blocks->from) {
		auto_strbuf struct strbuf sql = {0};
		auto_parameters struct parameters parameters = {.n = 0};
		auto_result PGresult *counts = NULL;
		int64_t from = to - blocks->from > span ? to - span : blocks->from;
		from = schema_floor(from, CLOCK_MINUTE);
		parameters_time(&parameters, from);
		parameters_time(&parameters, to);
		strbuf_add(&sql,
			   "select r.\"%s\", sum(r.lines)::bigint from tally.\"%s_series\" s join "
			   "tally.\"%s_rows\" r on r._series = s._series where r.\"%s\" >= $1 and "
			   "r.\"%s\" < $2 group by 1 order by 1 desc",
			   time, name, name, time, time);
		r = text_index_query(index->pg, &sql, &parameters, &counts);
		for (int i = 0; r == 0 && i < PQntuples(counts); i++)
			log_text_blocks_count(blocks, text_index_value(counts, i, 0),
					      pg_get_64(PQgetvalue(counts, i, 1)));
		to = from;
		span *= 4;
	}
	return r;
}

/* The minute of the first line that is kept; INT64_MIN: there is none. */
static int text_index_first(const struct text_index *index, int64_t *ret)
{
	auto_strbuf struct strbuf sql = {0};
	auto_parameters struct parameters parameters = {.n = 0};
	auto_result PGresult *result = NULL;
	const char *name = text_index_name(index), *time = text_index_time(index);
	parameters_time(&parameters, index->kept_from);
	strbuf_add(&sql,
		   "select date_trunc('minute', min(l.t), 'UTC') from tally.\"%s_series\" s cross "
		   "join lateral (select r.\"%s\" as t from tally.\"%s_rows\" r where r._series = "
		   "s._series and r.\"%s\" >= $1 order by r.\"%s\" limit 1) l",
		   name, time, name, time, time);
	int r = text_index_query(index->pg, &sql, &parameters, &result);
	if (r == 0)
		*ret = text_index_value(result, 0, 0);
	return r;
}

/* 1: ret says which blocks of the gap [from, to) come next; 0: none do. */
static int text_index_in_gap(const struct text_index *index, int64_t from, int64_t to,
			     struct log_text_blocks *ret)
{
	/* Before the first block: since lines begin. */
	int r = from == INT64_MIN ? text_index_first(index, &from) : 0;
	if (r < 0 || from == INT64_MIN || from >= to)
		return r;
	log_text_blocks_init(ret, from, to);
	r = text_index_count(index, to, ret);
	log_text_blocks_counted(ret, to == index->counted_to);
	return r < 0 ? r : ret->n > 0;
}

/* The same of the time after all blocks, where nearly all of the work is. */
static int text_index_after_all(const struct text_index *index, struct log_text_blocks *ret)
{
	auto_strbuf struct strbuf sql = {0};
	auto_parameters struct parameters parameters = {.n = 0};
	auto_result PGresult *last = NULL;
	strbuf_add(&sql,
		   "select \"to\" from tally.text where \"table\" = '%s' and slice = %d order by "
		   "\"from\" desc limit 1",
		   text_index_name(index), LOG_TEXT_HEAD);
	int r = text_index_query(index->pg, &sql, &parameters, &last);
	if (r < 0)
		return r;
	int64_t from = PQntuples(last) > 0 ? text_index_value(last, 0, 0) : INT64_MIN;
	return text_index_in_gap(index, from, index->counted_to, ret);
}

static int text_index_blocks(void *arg, int64_t from, int64_t before, struct log_text_span *ret,
			     int most)
{
	const struct text_index *index = arg;
	auto_strbuf struct strbuf sql = {0};
	auto_parameters struct parameters parameters = {.n = 0};
	auto_result PGresult *blocks = NULL;
	parameters_time(&parameters, from);
	parameters_time(&parameters, before);
	strbuf_add(&sql,
		   "select \"from\", \"to\" from tally.text where \"table\" = '%s' and slice = %d "
		   "and \"from\" >= $1 and \"from\" < $2 order by \"from\" desc limit %d",
		   text_index_name(index), LOG_TEXT_HEAD, most);
	int r = text_index_query(index->pg, &sql, &parameters, &blocks);
	if (r < 0)
		return r;
	for (int i = 0; i < PQntuples(blocks); i++)
		ret[i] = (struct log_text_span){text_index_value(blocks, i, 0),
						text_index_value(blocks, i, 1)};
	return PQntuples(blocks);
}

static int text_index_gap(void *arg, int64_t from, int64_t to)
{
	struct text_index *index = arg;
	return text_index_in_gap(index, from, to, &index->next);
}

/* The same of the newest gap that has some; LOG_TEXT_GAPS_MORE: that is not known yet. */
static int text_index_next(struct text_index *index)
{
	const struct log_text_gaps gaps = {text_index_blocks, text_index_gap, index};
	int r = text_index_after_all(index, &index->next);
	return r != 0 ? r
		      : log_text_gaps_find(&gaps, index->whole, text_index_name(index),
					   tally_monotonic(index->pg->ctx));
}

/* ---- Making ----------------------------------------------------------------------- */

static void text_index_append_read(const struct text_index *index, struct strbuf *sql, uint32_t n)
{
	const char *name = text_index_name(index), *time = text_index_time(index);
	const char *column = index->logs->table.columns[log_text_column(index->logs)].name;
	strbuf_add(
		sql,
		"select r.\"%s\", r.\"%s\" from tally.\"%s_series\" s cross join lateral (select "
		"r.\"%s\", r.\"%s\" from tally.\"%s_rows\" r where r._series = s._series and "
		"r.\"%s\" >= $1 and r.\"%s\" < $2 offset 0) r",
		time, column, name, time, column, name, time, time);
	/* With one more, a block has too much. */
	if (n > 0)
		strbuf_add(sql, " limit %u", n * LOG_TEXT_MOST_LINES + 1);
}

/* 1: read; 0: it is too much. */
static int text_index_read(const struct text_index *index, struct log_text_blocks *blocks)
{
	auto_strbuf struct strbuf sql = {0};
	auto_parameters struct parameters parameters = {.n = 0};
	struct pg_params params;
	PGresult *line = NULL;
	bool fits = true;
	parameters_time(&parameters, log_text_blocks_begin(blocks));
	parameters_time(&parameters, blocks->blocks[0].to);
	text_index_append_read(index, &sql, log_text_blocks_can_shrink(blocks) ? blocks->n : 0);
	int r = parameters_get(index->pg->ctx, &parameters, &params);
	if (r == 0 && sql.failed)
		r = tally_fail(index->pg->ctx, ENOMEM, "no memory");
	if (r == 0)
		r = pg_send(index->pg, sql.data, &params);
	while (r == 0 && (r = pg_next(index->pg, &line)) == 0 && line) {
		if (PQresultStatus(line) == PGRES_SINGLE_TUPLE && !PQgetisnull(line, 0, 1))
			fits &= log_text_blocks_add(blocks, text_index_value(line, 0, 0),
						    PQgetvalue(line, 0, 1),
						    (size_t)PQgetlength(line, 0, 1));
		PQclear(line);
	}
	return r < 0 ? r : fits;
}

static int text_index_store(const struct text_index *index, const struct log_text_block *block,
			    const struct log_text *text)
{
	auto_strbuf struct strbuf sql = {0};
	auto_parameters struct parameters parameters = {.n = 0};
	auto_result PGresult *result = NULL;
	uint8_t bits[LOG_TEXT_SLICE_BYTES];
	uint32_t salt = log_text_salt(block->begin);
	parameters_time(&parameters, block->begin);
	parameters_time(&parameters, block->to);
	strbuf_add(&sql, "insert into tally.text values ('%s', %d, $1, $2, %u, '')",
		   text_index_name(index), LOG_TEXT_HEAD, salt);
	for (uint32_t slice = 0; slice < LOG_TEXT_SLICES; slice++) {
		size_t len = log_text_slice(text, slice, salt, bits);
		strbuf_add(&sql, ", ('%s', %u, $1, $2, %u, $%d)", text_index_name(index), slice,
			   salt, parameters_bytes(&parameters, bits, len));
	}
	return text_index_query(index->pg, &sql, &parameters, &result);
}

static int text_index_make(const struct text_index *index, struct log_text_blocks *blocks)
{
	int r = 0;
	while (r == 0) {
		if (log_text_blocks_clear(blocks) < 0)
			return tally_fail(index->pg->ctx, ENOMEM, "no memory");
		r = text_index_read(index, blocks);
		if (r == 0)
			log_text_blocks_shrink(blocks);
	}
	for (uint32_t i = 0; r >= 0 && i < blocks->n; i++)
		r = text_index_store(index, &blocks->blocks[i], blocks->texts[i]);
	return r < 0 ? r : 0;
}

int text_index_step(struct text_index *index)
{
	int more = 0;
	int r = pg_exec(index->pg, "begin; set local statement_timeout = '1min'");
	if (r == 0)
		r = more = text_index_next(index);
	if (r > 0)
		r = r == LOG_TEXT_GAPS_MORE ? 0 : text_index_make(index, &index->next);
	if (r == 0)
		r = pg_exec(index->pg, "commit");
	if (r < 0)
		pg_rollback(index->pg);
	return r < 0 ? r : more;
}
