/* What is NULL or 0 takes no room but its place in the row's header. */
#include "parts.h"

static int64_t parts_distance(int64_t from, int64_t to)
{
	return (int64_t)((uint64_t)from - (uint64_t)to);
}

static void parts_read_integers(sqlite3_stmt *row, int at, struct sheet_measure *ret)
{
	int64_t max = sqlite3_column_int64(row, at + PART_MAX);
	ret->max.i = max;
	ret->min.i = parts_distance(max, sqlite3_column_int64(row, at + PART_MIN));
	ret->last.i = parts_distance(max, sqlite3_column_int64(row, at + PART_LAST));
	ret->sum_i = (__int128)max * ret->count - sqlite3_column_int64(row, at + PART_SUM);
}

static void parts_read_reals(sqlite3_stmt *row, int at, struct sheet_measure *ret)
{
	ret->max.f = sqlite3_column_double(row, at + PART_MAX);
	ret->min.f = sqlite3_column_double(row, at + PART_MIN);
	ret->last.f = sqlite3_column_double(row, at + PART_LAST);
	ret->sum_f = sqlite3_column_double(row, at + PART_SUM);
}

void parts_read(sqlite3_stmt *row, int at, const struct sheet_field *field,
		struct sheet_measure *ret)
{
	*ret = (struct sheet_measure){.count = sqlite3_column_int64(row, at + PART_COUNT)};
	if (ret->count == 0)
		return;
	ret->last.set = sqlite3_column_type(row, at + PART_LAST) != SQLITE_NULL;
	if (field->type == TALLY_REAL)
		parts_read_reals(row, at, ret);
	else
		parts_read_integers(row, at, ret);
	if (!field->counter)
		return;
	ret->span = sqlite3_column_int64(row, at + PART_SPAN);
	if (field->type == TALLY_REAL)
		ret->increase.f = sqlite3_column_double(row, at + PART_INCREASE);
	else
		ret->increase.i = sqlite3_column_int64(row, at + PART_INCREASE);
}

/* The sum of the distances of all values; beyond 64 bits it is cut off. */
static int64_t parts_sum_distance(const struct sheet_measure *m)
{
	__int128 distance = (__int128)m->max.i * m->count - m->sum_i;
	return distance > INT64_MAX ? INT64_MAX : (int64_t)distance;
}

static void parts_bind_integers(sqlite3_stmt *put, int at, const struct sheet_measure *m)
{
	sqlite3_bind_int64(put, at + PART_SUM, parts_sum_distance(m));
	sqlite3_bind_int64(put, at + PART_MIN, parts_distance(m->max.i, m->min.i));
	sqlite3_bind_int64(put, at + PART_MAX, m->max.i);
	if (m->last.set)
		sqlite3_bind_int64(put, at + PART_LAST, parts_distance(m->max.i, m->last.i));
}

static void parts_bind_reals(sqlite3_stmt *put, int at, const struct sheet_measure *m)
{
	sqlite3_bind_double(put, at + PART_SUM, m->sum_f);
	sqlite3_bind_double(put, at + PART_MIN, m->min.f);
	sqlite3_bind_double(put, at + PART_MAX, m->max.f);
	if (m->last.set)
		sqlite3_bind_double(put, at + PART_LAST, m->last.f);
}

void parts_bind(sqlite3_stmt *put, int at, const struct sheet_field *field,
		const struct sheet_measure *m)
{
	for (int part = 0; part < (field->counter ? N_PARTS : PART_INCREASE); part++)
		sqlite3_bind_null(put, at + part);
	if (m->count == 0)
		return;
	sqlite3_bind_int64(put, at + PART_COUNT, m->count);
	if (field->type == TALLY_REAL)
		parts_bind_reals(put, at, m);
	else
		parts_bind_integers(put, at, m);
	if (!field->counter || m->span == 0)
		return;
	sqlite3_bind_int64(put, at + PART_SPAN, m->span);
	if (field->type == TALLY_REAL)
		sqlite3_bind_double(put, at + PART_INCREASE, m->increase.f);
	else
		sqlite3_bind_int64(put, at + PART_INCREASE, m->increase.i);
}

void parts_append_plain(sqlite3_str *sql, const struct tally_column *column, enum schema_part part)
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
