/*
 * Where rows become buckets.  Both stores feed it, for queries and for rollups, on the thread that
 * has the rows; series by series, each in the order of time, which is why most rows belong to the
 * bucket of the row before (`current`) and need no search.  Buckets lie in blocks, so that none of
 * them moves, and stand in an array; a hash table with open addressing finds them by group and
 * start.  What can fail is memory, and the bounds: more rows than were asked for are refused before
 * they are made.
 */
#include "store/aggregator.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "store/rollup_parts.h"

enum { AGGREGATOR_FIRST_SLOTS = 256 };
#define AGGREGATOR_MAX_BYTES (UINT64_C(256) << 20)
enum { AGGREGATOR_FIRST_BUCKETS = 4, AGGREGATOR_MOST_BUCKETS = 256 }; /* of a block */

struct aggregator_block {
	struct aggregator_block *next;
	uint32_t used, size; /* buckets */
	_Alignas(max_align_t) char bytes[];
};

void aggregator_init(struct aggregator *aggregator, struct tally_ctx *ctx,
		     struct aggregator_field *fields, uint32_t n_fields, int64_t bucket,
		     uint32_t limit)
{
	*aggregator = (struct aggregator){.ctx = ctx,
					  .fields = fields,
					  .n_fields = n_fields,
					  .bucket = bucket,
					  .limit = limit};
}

void aggregator_clear(struct aggregator *aggregator)
{
	for (uint32_t i = 0; i < aggregator->n_buckets; i++)
		for (uint32_t f = 0; f < aggregator->n_fields; f++)
			free(aggregator->buckets[i]->accumulators[f].text);
	while (aggregator->blocks) {
		struct aggregator_block *next = aggregator->blocks->next;
		free(aggregator->blocks);
		aggregator->blocks = next;
	}
	aggregator->n_buckets = 0;
	aggregator->current = aggregator->single = NULL;
	if (aggregator->slots)
		memset(aggregator->slots, 0, aggregator->n_slots * sizeof(*aggregator->slots));
}

void aggregator_done(struct aggregator *aggregator)
{
	aggregator_clear(aggregator);
	free(aggregator->buckets);
	free(aggregator->slots);
	aggregator->buckets = NULL;
	aggregator->slots = NULL;
}

/* ---- Buckets --------------------------------------------------------------------- */

static uint32_t *aggregator_slot(const struct aggregator *aggregator, uint32_t group, int64_t start)
{
	uint64_t hash = hash_word(0, (uint64_t)start ^ (uint64_t)group << 40);
	uint32_t at = (uint32_t)hash & (aggregator->n_slots - 1);
	for (;; at = (at + 1) & (aggregator->n_slots - 1)) {
		uint32_t *slot = &aggregator->slots[at];
		if (*slot == 0)
			return slot;
		const struct aggregator_bucket *bucket = aggregator->buckets[*slot - 1];
		if (bucket->start == start && bucket->group == group)
			return slot;
	}
}

/* Keeps the table at most half full. */
static int aggregator_grow(struct aggregator *aggregator)
{
	if (aggregator->n_slots > 2 * aggregator->n_buckets)
		return 0;
	uint32_t n = aggregator->n_slots ? 2 * aggregator->n_slots : AGGREGATOR_FIRST_SLOTS;
	struct aggregator_bucket **buckets =
		realloc(aggregator->buckets, (n / 2 + 1) * sizeof(struct aggregator_bucket *));
	if (!buckets)
		return -ENOMEM;
	aggregator->buckets = buckets;
	uint32_t *slots = calloc(n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(aggregator->slots);
	aggregator->slots = slots;
	aggregator->n_slots = n;
	for (uint32_t i = 0; i < aggregator->n_buckets; i++)
		*aggregator_slot(aggregator, aggregator->buckets[i]->group,
				 aggregator->buckets[i]->start) = i + 1;
	return 0;
}

/* Of zeros; each block holds twice as many as the one before, up to a limit. */
static struct aggregator_bucket *aggregator_take(struct aggregator *aggregator, size_t size)
{
	struct aggregator_block *block = aggregator->blocks;
	if (!block || block->used == block->size) {
		uint32_t n = block ? 2 * block->size : AGGREGATOR_FIRST_BUCKETS;
		n = n < AGGREGATOR_MOST_BUCKETS ? n : AGGREGATOR_MOST_BUCKETS;
		block = calloc(1, sizeof(*block) + n * size);
		if (!block)
			return NULL;
		block->size = n;
		block->next = aggregator->blocks;
		aggregator->blocks = block;
	}
	return (struct aggregator_bucket *)(void *)(block->bytes + block->used++ * size);
}

static size_t aggregator_bucket_size(const struct aggregator *aggregator)
{
	return sizeof(struct aggregator_bucket) + aggregator->n_fields * sizeof(struct accumulator);
}

static int aggregator_check_limits(const struct aggregator *aggregator)
{
	uint64_t n = (uint64_t)aggregator->n_buckets + aggregator->n_complete;
	if (n >= aggregator->limit)
		return tally_fail(
			aggregator->ctx, EINVAL,
			"the answer has more than %u rows: ask for fewer groups, a longer "
			"step or a higher limit",
			aggregator->limit);
	if (n * aggregator_bucket_size(aggregator) > AGGREGATOR_MAX_BYTES)
		return tally_fail(aggregator->ctx, EINVAL,
				  "the answer is too large: ask for fewer groups or columns, or a "
				  "longer step");
	return 0;
}

int aggregator_count(struct aggregator *aggregator)
{
	int r = aggregator_check_limits(aggregator);
	aggregator->n_complete += r == 0;
	return r;
}

static void aggregator_begin_bucket(const struct aggregator *aggregator,
				    struct aggregator_bucket *bucket, int64_t start)
{
	bucket->start = start;
	bucket->group = aggregator->group;
	bucket->series = aggregator->series;
	bucket->newest = INT64_MIN;
}

static int aggregator_add(struct aggregator *aggregator, int64_t start,
			  struct aggregator_bucket **ret)
{
	int r = aggregator_check_limits(aggregator);
	if (r < 0)
		return r;
	struct aggregator_bucket *bucket =
		aggregator_take(aggregator, aggregator_bucket_size(aggregator));
	if (!bucket || aggregator_grow(aggregator) < 0)
		return tally_fail(aggregator->ctx, ENOMEM, "no memory");
	aggregator_begin_bucket(aggregator, bucket, start);
	aggregator->buckets[aggregator->n_buckets++] = bucket;
	*aggregator_slot(aggregator, bucket->group, start) = aggregator->n_buckets;
	*ret = bucket;
	return 0;
}

/* Puts what the series before gathered into the group's rate. */
static void aggregator_settle_rates(const struct aggregator *aggregator,
				    struct aggregator_bucket *bucket)
{
	for (uint32_t f = 0; f < aggregator->n_fields; f++) {
		struct accumulator *m = &bucket->accumulators[f];
		if (m->span == 0)
			continue;
		bool real = aggregator->fields[f].type == TALLY_REAL;
		double increase = real ? m->increase.f : (double)m->increase.i;
		/* A group's rate is the sum of its series' rates, each over the time in which it
		 * was seen; one division of all growth by all time would be an average. */
		m->rate += increase * 1e9 / (double)m->span;
		m->rated = true;
		m->span = 0;
		m->increase = (union aggregator_number){0};
	}
}

int aggregator_end_series(struct aggregator *aggregator)
{
	struct aggregator_bucket *bucket = aggregator->current;
	aggregator->current = NULL;
	if (!aggregator->alone || !bucket)
		return 0;
	aggregator->n_complete++;
	return aggregator->complete(aggregator->complete_arg, bucket);
}

/* The single bucket of a series that is alone is used again. */
static int aggregator_turn(struct aggregator *aggregator, int64_t start)
{
	int r = aggregator_end_series(aggregator);
	if (r == 0)
		r = aggregator_check_limits(aggregator);
	if (r < 0)
		return r;
	if (!aggregator->single)
		aggregator->single =
			aggregator_take(aggregator, aggregator_bucket_size(aggregator));
	else
		memset(aggregator->single, 0, aggregator_bucket_size(aggregator));
	if (!aggregator->single)
		return tally_fail(aggregator->ctx, ENOMEM, "no memory");
	aggregator_begin_bucket(aggregator, aggregator->single, start);
	aggregator->current = aggregator->single;
	return 0;
}

/* The bucket that a time of the series now fed belongs to. */
static int aggregator_find(struct aggregator *aggregator, int64_t time)
{
	int64_t start = aggregator->bucket ? schema_floor(time, aggregator->bucket) : 0;
	struct aggregator_bucket *bucket = aggregator->current;
	if (bucket && bucket->start == start)
		return 0;
	if (aggregator->alone)
		return aggregator_turn(aggregator, start);
	uint32_t slot =
		aggregator->n_slots ? *aggregator_slot(aggregator, aggregator->group, start) : 0;
	bucket = slot ? aggregator->buckets[slot - 1] : NULL;
	if (!bucket) {
		int r = aggregator_add(aggregator, start, &bucket);
		if (r < 0)
			return r;
	} else if (bucket->series != aggregator->series) {
		aggregator_settle_rates(aggregator, bucket);
	}
	bucket->series = aggregator->series;
	aggregator->current = bucket;
	return 0;
}

/* ---- Feeding --------------------------------------------------------------------- */

void aggregator_begin_segment(struct aggregator *aggregator)
{
	for (uint32_t f = 0; f < aggregator->n_fields; f++)
		aggregator->fields[f].baseline.set = false;
}

void aggregator_begin_series(struct aggregator *aggregator, uint32_t group, int64_t series)
{
	aggregator->group = group;
	aggregator->series = series;
	aggregator->current = NULL;
	aggregator->alone = false;
	aggregator_begin_segment(aggregator);
}

void aggregator_begin_only_series(struct aggregator *aggregator, uint32_t group, int64_t series)
{
	aggregator_begin_series(aggregator, group, series);
	aggregator->alone = true;
}

static union aggregator_number aggregator_read(const struct tally_cell *cell, bool real)
{
	return real ? (union aggregator_number){.f = cell->f}
		    : (union aggregator_number){.i = cell->i};
}

bool aggregator_baseline(struct aggregator *aggregator, const struct tally_cell *cells,
			 int64_t time)
{
	bool more = false;
	for (uint32_t f = 0; f < aggregator->n_fields; f++) {
		struct aggregator_field *field = &aggregator->fields[f];
		if (!field->counter || field->baseline.set)
			continue;
		field->baseline.set = cells[f].set;
		field->baseline.time = time;
		field->baseline.value = aggregator_read(&cells[f], field->type == TALLY_REAL);
		more |= !field->baseline.set;
	}
	return more;
}

static void aggregator_count_increase(struct aggregator_field *field, struct accumulator *m,
				      union aggregator_number value, int64_t time)
{
	struct counter_baseline *from = &field->baseline;
	bool real = field->type == TALLY_REAL;
	/* A counter that falls has restarted with its source; how far it had come is not known, so
	 * that step counts neither as growth nor as time. */
	bool fell = real ? value.f < from->value.f : value.i < from->value.i;
	int64_t growth;
	if (from->set && !fell && time > from->time) {
		if (real)
			m->increase.f += value.f - from->value.f;
		else if (!__builtin_sub_overflow(value.i, from->value.i, &growth))
			m->increase.i += growth;
		m->span += time - from->time;
	}
	*from = (struct counter_baseline){.time = time, .value = value, .set = true};
}

static void aggregator_extend(struct accumulator *m, bool real, union aggregator_number min,
			      union aggregator_number max)
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
static int aggregator_set_last(struct aggregator *aggregator, struct accumulator *m,
			       struct tally_cell cell, bool text)
{
	if (text && cell.set) {
		/* The row's text ends with the row; its memory is used again by the next newest
		 * one. */
		char *copy = realloc(m->text, cell.len + 1);
		if (!copy)
			return tally_fail(aggregator->ctx, ENOMEM, "no memory");
		memcpy(copy, cell.text, cell.len);
		m->text = copy;
		cell.text = copy;
	}
	m->last = cell;
	return 0;
}

int aggregator_row(struct aggregator *aggregator, const struct tally_cell *cells, int64_t time)
{
	int r = aggregator_find(aggregator, time);
	if (r < 0)
		return r;
	struct aggregator_bucket *bucket = aggregator->current;
	bool newest = time >= bucket->newest;
	for (uint32_t f = 0; f < aggregator->n_fields && r == 0; f++) {
		struct aggregator_field *field = &aggregator->fields[f];
		struct accumulator *m = &bucket->accumulators[f];
		bool text = field->type == TALLY_TEXT || field->type == TALLY_JSON;
		if (newest)
			r = aggregator_set_last(aggregator, m, cells[f], text);
		if (cells[f].set && !text) {
			bool real = field->type == TALLY_REAL;
			union aggregator_number value = aggregator_read(&cells[f], real);
			aggregator_extend(m, real, value, value);
			if (real)
				m->sum_f += value.f;
			else
				m->sum_i += value.i;
			if (field->counter)
				aggregator_count_increase(field, m, value, time);
		}
		m->count += cells[f].set != 0;
	}
	bucket->newest = newest ? time : bucket->newest;
	bucket->rows++;
	return r;
}

int aggregator_add_rolled(struct aggregator *aggregator, const struct aggregator_rolled *rolled)
{
	int r = aggregator_find(aggregator, rolled->time);
	if (r < 0)
		return r;
	struct aggregator_bucket *bucket = aggregator->current;
	bool newest = rolled->newest >= bucket->newest;
	for (uint32_t f = 0; f < aggregator->n_fields; f++) {
		struct accumulator *m = &bucket->accumulators[f];
		const struct accumulator *parts = &rolled->accumulators[f];
		bool real = aggregator->fields[f].type == TALLY_REAL;
		if (newest)
			m->last = parts->last;
		m->span += parts->span;
		if (real)
			m->increase.f += parts->increase.f;
		else
			m->increase.i += parts->increase.i;
		if (parts->count == 0)
			continue;
		aggregator_extend(m, real, parts->min, parts->max);
		m->count += parts->count;
		m->sum_f += parts->sum_f;
		m->sum_i += parts->sum_i;
	}
	bucket->newest = newest ? rolled->newest : bucket->newest;
	bucket->rows += rolled->rows;
	return 0;
}

/* ---- Results ------------------------------------------------------------------------ */

static int64_t aggregator_clamp(__int128 sum)
{
	if (sum > INT64_MAX)
		return INT64_MAX;
	return sum < INT64_MIN ? INT64_MIN : (int64_t)sum;
}

static struct tally_cell aggregator_number(const struct aggregator_field *field,
					   union aggregator_number number)
{
	struct tally_cell cell = {.set = 1};
	if (field->type == TALLY_REAL)
		cell.f = number.f;
	else
		cell.i = number.i;
	return cell;
}

struct tally_cell aggregator_value(const struct aggregator *aggregator,
				   struct aggregator_bucket *bucket, uint32_t f, uint32_t aggregate)
{
	const struct aggregator_field *field = &aggregator->fields[f];
	const struct accumulator *m = &bucket->accumulators[f];
	bool real = field->type == TALLY_REAL;
	struct tally_cell cell = {.set = m->count > 0};
	if (aggregate == TALLY_RATE)
		aggregator_settle_rates(aggregator, bucket);
	switch (aggregate) {
	case TALLY_COUNT:
		return (struct tally_cell){.i = m->count, .set = 1};
	case TALLY_LAST:
		return m->last;
	case TALLY_RATE:
		return (struct tally_cell){.f = m->rate, .set = m->rated};
	case TALLY_MIN:
		return cell.set ? aggregator_number(field, m->min) : cell;
	case TALLY_MAX:
		return cell.set ? aggregator_number(field, m->max) : cell;
	case TALLY_SUM:
		if (real)
			cell.f = m->sum_f;
		else
			cell.i = aggregator_clamp(m->sum_i);
		return cell;
	default: /* TALLY_AVG */
		if (cell.set)
			cell.f = (real ? m->sum_f : (double)m->sum_i) / (double)m->count;
		return cell;
	}
}
