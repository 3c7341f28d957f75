/* Buckets lie in blocks and stand in an array; a hash table with open addressing finds them by
 * group and start. */
#include "store/aggregator.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { SHEET_FIRST_SLOTS = 256 };
#define SHEET_MAX_BYTES (UINT64_C(256) << 20)
enum { SHEET_FIRST_BUCKETS = 4, SHEET_MOST_BUCKETS = 256 }; /* of a block */

struct sheet_block {
	struct sheet_block *next;
	uint32_t used, size; /* buckets */
	_Alignas(max_align_t) char bytes[];
};

/* The start of the bucket that holds a time, also before 1970. */
static int64_t sheet_floor(int64_t time, int64_t bucket)
{
	int64_t rest = time % bucket;
	return rest < 0 ? time - rest - bucket : time - rest;
}

void sheet_init(struct sheet *sheet, struct tally_ctx *ctx, struct sheet_field *fields,
		uint32_t n_fields, int64_t bucket, uint32_t limit)
{
	*sheet = (struct sheet){.ctx = ctx,
				.fields = fields,
				.n_fields = n_fields,
				.bucket = bucket,
				.limit = limit};
}

void sheet_clear(struct sheet *sheet)
{
	for (uint32_t i = 0; i < sheet->n_buckets; i++)
		for (uint32_t f = 0; f < sheet->n_fields; f++)
			free(sheet->buckets[i]->measures[f].text);
	while (sheet->blocks) {
		struct sheet_block *next = sheet->blocks->next;
		free(sheet->blocks);
		sheet->blocks = next;
	}
	sheet->n_buckets = 0;
	sheet->current = sheet->single = NULL;
	if (sheet->slots)
		memset(sheet->slots, 0, sheet->n_slots * sizeof(*sheet->slots));
}

void sheet_done(struct sheet *sheet)
{
	sheet_clear(sheet);
	free(sheet->buckets);
	free(sheet->slots);
	sheet->buckets = NULL;
	sheet->slots = NULL;
}

/* ---- Buckets --------------------------------------------------------------------- */

static uint32_t *sheet_slot(const struct sheet *sheet, uint32_t group, int64_t start)
{
	uint64_t hash = ((uint64_t)start ^ (uint64_t)group << 40) * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t at = (uint32_t)(hash >> 32) & (sheet->n_slots - 1);
	for (;; at = (at + 1) & (sheet->n_slots - 1)) {
		uint32_t *slot = &sheet->slots[at];
		if (*slot == 0)
			return slot;
		const struct sheet_bucket *bucket = sheet->buckets[*slot - 1];
		if (bucket->start == start && bucket->group == group)
			return slot;
	}
}

/* Keeps the table at most half full. */
static int sheet_grow(struct sheet *sheet)
{
	if (sheet->n_slots > 2 * sheet->n_buckets)
		return 0;
	uint32_t n = sheet->n_slots ? 2 * sheet->n_slots : SHEET_FIRST_SLOTS;
	struct sheet_bucket **buckets =
		realloc(sheet->buckets, (n / 2 + 1) * sizeof(struct sheet_bucket *));
	if (!buckets)
		return -ENOMEM;
	sheet->buckets = buckets;
	uint32_t *slots = calloc(n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(sheet->slots);
	sheet->slots = slots;
	sheet->n_slots = n;
	for (uint32_t i = 0; i < sheet->n_buckets; i++)
		*sheet_slot(sheet, sheet->buckets[i]->group, sheet->buckets[i]->start) = i + 1;
	return 0;
}

/* Of zeros; each block holds twice as many as the one before, up to a limit. */
static struct sheet_bucket *sheet_take(struct sheet *sheet, size_t size)
{
	struct sheet_block *block = sheet->blocks;
	if (!block || block->used == block->size) {
		uint32_t n = block ? 2 * block->size : SHEET_FIRST_BUCKETS;
		n = n < SHEET_MOST_BUCKETS ? n : SHEET_MOST_BUCKETS;
		block = calloc(1, sizeof(*block) + n * size);
		if (!block)
			return NULL;
		block->size = n;
		block->next = sheet->blocks;
		sheet->blocks = block;
	}
	return (struct sheet_bucket *)(void *)(block->bytes + block->used++ * size);
}

static size_t sheet_bucket_size(const struct sheet *sheet)
{
	return sizeof(struct sheet_bucket) + sheet->n_fields * sizeof(struct sheet_measure);
}

static int sheet_check_limits(const struct sheet *sheet)
{
	uint64_t n = (uint64_t)sheet->n_buckets + sheet->n_complete;
	if (n >= sheet->limit)
		return tally_fail(
			sheet->ctx, EINVAL,
			"the answer has more than %u rows: ask for fewer groups, a longer "
			"step or a higher limit",
			sheet->limit);
	if (n * sheet_bucket_size(sheet) > SHEET_MAX_BYTES)
		return tally_fail(sheet->ctx, EINVAL,
				  "the answer is too large: ask for fewer groups or columns, or a "
				  "longer step");
	return 0;
}

static void sheet_begin_bucket(const struct sheet *sheet, struct sheet_bucket *bucket,
			       int64_t start)
{
	bucket->start = start;
	bucket->group = sheet->group;
	bucket->series = sheet->series;
	bucket->newest = INT64_MIN;
}

static int sheet_add(struct sheet *sheet, int64_t start, struct sheet_bucket **ret)
{
	int r = sheet_check_limits(sheet);
	if (r < 0)
		return r;
	struct sheet_bucket *bucket = sheet_take(sheet, sheet_bucket_size(sheet));
	if (!bucket || sheet_grow(sheet) < 0)
		return tally_fail(sheet->ctx, ENOMEM, "no memory");
	sheet_begin_bucket(sheet, bucket, start);
	sheet->buckets[sheet->n_buckets++] = bucket;
	*sheet_slot(sheet, bucket->group, start) = sheet->n_buckets;
	*ret = bucket;
	return 0;
}

/* Puts what the series before gathered into the group's rate. */
static void sheet_settle_rates(const struct sheet *sheet, struct sheet_bucket *bucket)
{
	for (uint32_t f = 0; f < sheet->n_fields; f++) {
		struct sheet_measure *m = &bucket->measures[f];
		if (m->span == 0)
			continue;
		bool real = sheet->fields[f].type == TALLY_REAL;
		double increase = real ? m->increase.f : (double)m->increase.i;
		m->rate += increase * 1e9 / (double)m->span;
		m->rated = true;
		m->span = 0;
		m->increase = (union sheet_number){0};
	}
}

int sheet_end_series(struct sheet *sheet)
{
	struct sheet_bucket *bucket = sheet->current;
	sheet->current = NULL;
	if (!sheet->alone || !bucket)
		return 0;
	sheet->n_complete++;
	return sheet->complete(sheet->complete_arg, bucket);
}

/* The one bucket that there is of a series that is alone begins anew. */
static int sheet_turn(struct sheet *sheet, int64_t start)
{
	int r = sheet_end_series(sheet);
	if (r == 0)
		r = sheet_check_limits(sheet);
	if (r < 0)
		return r;
	if (!sheet->single)
		sheet->single = sheet_take(sheet, sheet_bucket_size(sheet));
	else
		memset(sheet->single, 0, sheet_bucket_size(sheet));
	if (!sheet->single)
		return tally_fail(sheet->ctx, ENOMEM, "no memory");
	sheet_begin_bucket(sheet, sheet->single, start);
	sheet->current = sheet->single;
	return 0;
}

/* The bucket that a time of the series now fed belongs to. */
static int sheet_find(struct sheet *sheet, int64_t time)
{
	int64_t start = sheet->bucket ? sheet_floor(time, sheet->bucket) : 0;
	struct sheet_bucket *bucket = sheet->current;
	if (bucket && bucket->start == start)
		return 0;
	if (sheet->alone)
		return sheet_turn(sheet, start);
	uint32_t slot = sheet->n_slots ? *sheet_slot(sheet, sheet->group, start) : 0;
	bucket = slot ? sheet->buckets[slot - 1] : NULL;
	if (!bucket) {
		int r = sheet_add(sheet, start, &bucket);
		if (r < 0)
			return r;
	} else if (bucket->series != sheet->series) {
		sheet_settle_rates(sheet, bucket);
	}
	bucket->series = sheet->series;
	sheet->current = bucket;
	return 0;
}

/* ---- Feeding --------------------------------------------------------------------- */

void sheet_begin_piece(struct sheet *sheet)
{
	for (uint32_t f = 0; f < sheet->n_fields; f++)
		sheet->fields[f].baseline.set = false;
}

void sheet_begin_series(struct sheet *sheet, uint32_t group, int64_t series)
{
	sheet->group = group;
	sheet->series = series;
	sheet->current = NULL;
	sheet->alone = false;
	sheet_begin_piece(sheet);
}

void sheet_begin_only_series(struct sheet *sheet, uint32_t group, int64_t series)
{
	sheet_begin_series(sheet, group, series);
	sheet->alone = true;
}

static union sheet_number sheet_read(const struct tally_cell *cell, bool real)
{
	return real ? (union sheet_number){.f = cell->f} : (union sheet_number){.i = cell->i};
}

bool sheet_look_back(struct sheet *sheet, const struct tally_cell *cells, int64_t time)
{
	bool more = false;
	for (uint32_t f = 0; f < sheet->n_fields; f++) {
		struct sheet_field *field = &sheet->fields[f];
		if (!field->counter || field->baseline.set)
			continue;
		field->baseline.set = cells[f].set;
		field->baseline.time = time;
		field->baseline.value = sheet_read(&cells[f], field->type == TALLY_REAL);
		more |= !field->baseline.set;
	}
	return more;
}

static void sheet_count_increase(struct sheet_field *field, struct sheet_measure *m,
				 union sheet_number value, int64_t time)
{
	struct sheet_baseline *from = &field->baseline;
	bool real = field->type == TALLY_REAL;
	bool fell = real ? value.f < from->value.f : value.i < from->value.i;
	int64_t growth;
	if (from->set && !fell && time > from->time) {
		if (real)
			m->increase.f += value.f - from->value.f;
		else if (!__builtin_sub_overflow(value.i, from->value.i, &growth))
			m->increase.i += growth;
		m->span += time - from->time;
	}
	*from = (struct sheet_baseline){.time = time, .value = value, .set = true};
}

static void sheet_extend(struct sheet_measure *m, bool real, union sheet_number min,
			 union sheet_number max)
{
	if (m->count == 0) {
		m->min = min;
		m->max = max;
	} else if (real) {
		m->min.f = min.f < m->min.f ? min.f : m->min.f;
		m->max.f = max.f > m->max.f ? max.f : m->max.f;
	} else {
		m->min.i = min.i < m->min.i ? min.i : m->min.i;
		m->max.i = max.i > m->max.i ? max.i : m->max.i;
	}
}

/* Of a text, a copy. */
static int sheet_set_last(struct sheet *sheet, struct sheet_measure *m, struct tally_cell cell,
			  bool text)
{
	if (text && cell.set) {
		char *copy = realloc(m->text, cell.len + 1);
		if (!copy)
			return tally_fail(sheet->ctx, ENOMEM, "no memory");
		memcpy(copy, cell.text, cell.len);
		m->text = copy;
		cell.text = copy;
	}
	m->last = cell;
	return 0;
}

static void sheet_add_number(struct sheet_field *field, struct sheet_measure *m,
			     const struct tally_cell *cell, int64_t time)
{
	bool real = field->type == TALLY_REAL;
	union sheet_number value = sheet_read(cell, real);
	sheet_extend(m, real, value, value);
	if (real)
		m->sum_f += value.f;
	else
		m->sum_i += value.i;
	if (field->counter)
		sheet_count_increase(field, m, value, time);
}

int sheet_row(struct sheet *sheet, const struct tally_cell *cells, int64_t time)
{
	int r = sheet_find(sheet, time);
	if (r < 0)
		return r;
	struct sheet_bucket *bucket = sheet->current;
	bool newest = time >= bucket->newest;
	for (uint32_t f = 0; f < sheet->n_fields && r == 0; f++) {
		struct sheet_field *field = &sheet->fields[f];
		struct sheet_measure *m = &bucket->measures[f];
		bool text = field->type == TALLY_TEXT || field->type == TALLY_JSON;
		if (newest)
			r = sheet_set_last(sheet, m, cells[f], text);
		if (cells[f].set && !text)
			sheet_add_number(field, m, &cells[f], time);
		m->count += cells[f].set != 0;
	}
	bucket->newest = newest ? time : bucket->newest;
	bucket->rows++;
	return r;
}

static void sheet_add_parts(const struct sheet_field *field, struct sheet_measure *m,
			    const struct sheet_measure *rolled, bool newest)
{
	bool real = field->type == TALLY_REAL;
	if (newest)
		m->last = rolled->last;
	m->span += rolled->span;
	if (real)
		m->increase.f += rolled->increase.f;
	else
		m->increase.i += rolled->increase.i;
	if (rolled->count == 0)
		return;
	sheet_extend(m, real, rolled->min, rolled->max);
	m->count += rolled->count;
	m->sum_f += rolled->sum_f;
	m->sum_i += rolled->sum_i;
}

int sheet_add_rolled(struct sheet *sheet, const struct sheet_rolled *rolled)
{
	int r = sheet_find(sheet, rolled->time);
	if (r < 0)
		return r;
	struct sheet_bucket *bucket = sheet->current;
	bool newest = rolled->newest >= bucket->newest;
	for (uint32_t f = 0; f < sheet->n_fields; f++)
		sheet_add_parts(&sheet->fields[f], &bucket->measures[f], &rolled->measures[f],
				newest);
	bucket->newest = newest ? rolled->newest : bucket->newest;
	bucket->rows += rolled->rows;
	return 0;
}

/* ---- Results ------------------------------------------------------------------------ */

static int64_t sheet_clamp(__int128 sum)
{
	if (sum > INT64_MAX)
		return INT64_MAX;
	return sum < INT64_MIN ? INT64_MIN : (int64_t)sum;
}

static struct tally_cell sheet_number(const struct sheet_field *field, union sheet_number number)
{
	struct tally_cell cell = {.set = 1};
	if (field->type == TALLY_REAL)
		cell.f = number.f;
	else
		cell.i = number.i;
	return cell;
}

struct tally_cell sheet_value(const struct sheet *sheet, struct sheet_bucket *bucket, uint32_t f,
			      uint32_t aggregate)
{
	const struct sheet_field *field = &sheet->fields[f];
	const struct sheet_measure *m = &bucket->measures[f];
	bool real = field->type == TALLY_REAL;
	struct tally_cell cell = {.set = m->count > 0};
	if (aggregate == TALLY_RATE)
		sheet_settle_rates(sheet, bucket);
	switch (aggregate) {
	case TALLY_COUNT:
		return (struct tally_cell){.i = m->count, .set = 1};
	case TALLY_LAST:
		return m->last;
	case TALLY_RATE:
		return (struct tally_cell){.f = m->rate, .set = m->rated};
	case TALLY_MIN:
		return cell.set ? sheet_number(field, m->min) : cell;
	case TALLY_MAX:
		return cell.set ? sheet_number(field, m->max) : cell;
	case TALLY_SUM:
		return cell.set ? sheet_number(
					  field,
					  real ? (union sheet_number){.f = m->sum_f}
					       : (union sheet_number){.i = sheet_clamp(m->sum_i)})
				: cell;
	default: /* TALLY_AVG */
		if (cell.set)
			cell.f = (real ? m->sum_f : (double)m->sum_i) / (double)m->count;
		return cell;
	}
}
