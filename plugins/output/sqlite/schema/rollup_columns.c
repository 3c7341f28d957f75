/*
 * Between the accumulators of a bucket and the columns of its row.  Used for queries and for
 * rolling up, on any thread; nothing here can fail.
 *
 * NULL, 0 and 1 take no space but their type in the row's header, other integers 1 to 8 bytes by
 * their size (SQLite, Database File Format, "Record Format").  That is why distances are stored and
 * not values: most gauges change little within a minute, and then all three distances are small.
 */
#include "schema/rollup_columns.h"

/* Through unsigned, where overflow is defined: it wraps around here and back on reading. */
static int64_t rollup_columns_distance(int64_t from, int64_t to)
{
	return (int64_t)((uint64_t)from - (uint64_t)to);
}

/* Distances are from the maximum, so that has to be read with them. */
uint8_t rollup_columns_needed(const struct aggregator_field *field)
{
	const unsigned distances = 1U << PART_SUM | 1U << PART_MIN | 1U << PART_LAST;
	if (field->type == TALLY_REAL || !(field->parts & distances))
		return field->parts;
	return (uint8_t)(field->parts | 1U << PART_MAX);
}

void rollup_columns_append_columns(sqlite3_str *sql, const struct tally_column *column,
				   uint8_t parts)
{
	for (uint32_t part = 0; part < N_PARTS; part++)
		if (parts >> part & 1)
			sqlite3_str_appendf(sql, ", \"%w_%s\"", column->name, schema_parts[part]);
}

/* Where the parts stand in the row. */
struct rollup_columns_at {
	sqlite3_stmt *row;
	int column[N_PARTS]; /* -1: not there */
};

static int64_t rollup_columns_int(const struct rollup_columns_at *at, enum schema_part part)
{
	return at->column[part] < 0 ? 0 : sqlite3_column_int64(at->row, at->column[part]);
}

static double rollup_columns_real(const struct rollup_columns_at *at, enum schema_part part)
{
	return at->column[part] < 0 ? 0 : sqlite3_column_double(at->row, at->column[part]);
}

int rollup_columns_read(sqlite3_stmt *row, int first, const struct aggregator_field *field,
			struct accumulator *ret)
{
	const uint8_t parts = rollup_columns_needed(field);
	struct rollup_columns_at at = {.row = row};
	for (uint32_t part = 0; part < N_PARTS; part++)
		at.column[part] = parts >> part & 1 ? first++ : -1;
	*ret = (struct accumulator){.count = rollup_columns_int(&at, PART_COUNT)};
	/* Perhaps none of the bucket's rows has a value here; its parts are NULL then. */
	if (ret->count == 0 && at.column[PART_COUNT] >= 0)
		return first;
	ret->last.set = at.column[PART_LAST] >= 0 &&
			sqlite3_column_type(row, at.column[PART_LAST]) != SQLITE_NULL;
	ret->span = rollup_columns_int(&at, PART_SPAN);
	if (field->type == TALLY_REAL) {
		ret->max.f = rollup_columns_real(&at, PART_MAX);
		ret->min.f = rollup_columns_real(&at, PART_MIN);
		ret->last.f = rollup_columns_real(&at, PART_LAST);
		ret->sum_f = rollup_columns_real(&at, PART_SUM);
		ret->increase.f = rollup_columns_real(&at, PART_INCREASE);
		return first;
	}
	int64_t max = rollup_columns_int(&at, PART_MAX);
	ret->max.i = max;
	ret->min.i = rollup_columns_distance(max, rollup_columns_int(&at, PART_MIN));
	ret->last.i = rollup_columns_distance(max, rollup_columns_int(&at, PART_LAST));
	ret->sum_i = (__int128)max * ret->count - rollup_columns_int(&at, PART_SUM);
	ret->increase.i = rollup_columns_int(&at, PART_INCREASE);
	return first;
}

void rollup_columns_bind(sqlite3_stmt *put, int at, const struct aggregator_field *field,
			 const struct accumulator *m)
{
	/* The statement is used for bucket after bucket, and a parameter keeps its last value. */
	for (int part = 0; part < (field->counter ? N_PARTS : PART_INCREASE); part++)
		sqlite3_bind_null(put, at + part);
	if (m->count == 0)
		return;
	sqlite3_bind_int64(put, at + PART_COUNT, m->count);
	if (field->type == TALLY_REAL) {
		/* Plain: a difference of two floating point numbers is no shorter than they are. */
		sqlite3_bind_double(put, at + PART_SUM, m->sum_f);
		sqlite3_bind_double(put, at + PART_MIN, m->min.f);
		sqlite3_bind_double(put, at + PART_MAX, m->max.f);
		if (m->last.set)
			sqlite3_bind_double(put, at + PART_LAST, m->last.f);
	} else {
		/* The sum of all values' distances.  Beyond 64 bits it is cut off, as the file has
		 * no more. */
		__int128 sum = (__int128)m->max.i * m->count - m->sum_i;
		sqlite3_bind_int64(put, at + PART_SUM, sum > INT64_MAX ? INT64_MAX : (int64_t)sum);
		sqlite3_bind_int64(put, at + PART_MIN, rollup_columns_distance(m->max.i, m->min.i));
		sqlite3_bind_int64(put, at + PART_MAX, m->max.i);
		if (m->last.set)
			sqlite3_bind_int64(put, at + PART_LAST,
					   rollup_columns_distance(m->max.i, m->last.i));
	}
	if (!field->counter || m->span == 0)
		return;
	sqlite3_bind_int64(put, at + PART_SPAN, m->span);
	if (field->type == TALLY_REAL)
		sqlite3_bind_double(put, at + PART_INCREASE, m->increase.f);
	else
		sqlite3_bind_int64(put, at + PART_INCREASE, m->increase.i);
}

void rollup_columns_append_plain(sqlite3_str *sql, const struct tally_column *column,
				 enum schema_part part)
{
	const char *name = column->name, *suffix = schema_parts[part];
	bool distance = part == PART_SUM || part == PART_MIN || part == PART_LAST;
	if (!distance || column->type == TALLY_REAL) {
		sqlite3_str_appendf(sql, "r.\"%w_%s\"", name, suffix);
		return;
	}
	sqlite3_str_appendf(sql, "r.\"%w_max\"", name);
	if (part == PART_SUM)
		sqlite3_str_appendf(sql, " * r.\"%w_count\"", name);
	sqlite3_str_appendf(sql, " - r.\"%w_%s\" AS \"%w_%s\"", name, suffix, name, suffix);
}
