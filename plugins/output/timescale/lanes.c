/*
 * Deal out → every lane writes slices while there are any, the first on the caller's thread →
 * verdicts back to their places.  A lane that fails takes no more: it would most likely fail again.
 * What was not written is offered again, and may go to another lane then: the ledger knows entries,
 * not lanes.
 */
#include "lanes.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

void lanes_init(struct lanes *lanes, const struct writer *writer, uint32_t n)
{
	*lanes = (struct lanes){.ctx = writer->ctx, .n = n};
	for (uint32_t i = 0; i < n; i++) {
		struct lane *lane = &lanes->all[i];
		lane->lanes = lanes;
		lane->writer = *writer;
		snprintf(lane->writer.name, sizeof(lane->writer.name), i ? "%.80s/%u" : "%.80s",
			 writer->ctx->writer, i);
	}
}

void lanes_done(struct lanes *lanes)
{
	for (uint32_t i = 0; i < lanes->n; i++)
		writer_done(&lanes->all[i].writer);
	lanes->n = 0;
}

/* ---- Dealing ------------------------------------------------------------------ */

static uint32_t lanes_slices(const struct lanes *lanes, const struct tally_entry *entries,
			     uint32_t n)
{
	uint64_t rows = 0;
	for (uint32_t i = 0; i < n; i++)
		rows += entries[i].batch->n_rows;
	uint64_t slices = rows / LANES_FULL, most = (uint64_t)lanes->n * LANES_TURNS;
	if (slices < lanes->n) {
		slices = rows / LANES_WORTH;
		most = lanes->n;
	}
	slices = slices < most ? slices : most;
	return slices ? (uint32_t)slices : 1;
}

static uint32_t lanes_least(const uint64_t *rows, uint32_t n)
{
	uint32_t least = 0;
	for (uint32_t i = 1; i < n; i++)
		if (rows[i] < rows[least])
			least = i;
	return least;
}

_Static_assert(LANES_MAX *LANES_TURNS <= UINT8_MAX + 1, "a slice's number is a byte");

/* Which slice each entry is in. */
static void lanes_choose(const struct tally_entry *entries, uint32_t n, uint32_t n_slices,
			 uint8_t *ret)
{
	uint64_t rows[LANES_MAX * LANES_TURNS] = {0};
	for (uint32_t i = 0; i < n; i++) {
		bool ordered = entries[i].batch->table->kind == TALLY_STATE;
		uint32_t slice = ordered ? 0 : lanes_least(rows, n_slices);
		ret[i] = (uint8_t)slice;
		rows[slice] += entries[i].batch->n_rows;
	}
}

/* Only slices that have something. */
static void lanes_deal(struct lanes *lanes, const struct tally_entry *entries, uint32_t n,
		       uint8_t *chosen)
{
	uint32_t at = 0, n_slices = lanes_slices(lanes, entries, n);
	lanes_choose(entries, n, n_slices, chosen);
	lanes->n_slices = 0;
	for (uint32_t s = 0; s < n_slices; s++) {
		struct slice *slice = &lanes->slices[lanes->n_slices];
		*slice = (struct slice){.from = at};
		for (uint32_t i = 0; i < n; i++) {
			if (chosen[i] != s)
				continue;
			lanes->entries[at] = entries[i];
			lanes->places[at++] = i;
		}
		slice->until = at;
		lanes->n_slices += at > slice->from;
	}
}

/* ---- Writing ------------------------------------------------------------------ */

static int lane_write(struct lane *lane, struct slice *slice)
{
	struct lanes *lanes = lane->lanes;
	slice->result = writer_write(&lane->writer, lanes->entries + slice->from,
				     slice->until - slice->from, lanes->verdicts + slice->from);
	snprintf(slice->why, sizeof(slice->why), "%s", tally_reason(lanes->ctx));
	return slice->result;
}

static void *lane_run(void *arg)
{
	struct lane *lane = arg;
	struct lanes *lanes = lane->lanes;
	uint32_t next;
	int r = 0;
	while (r == 0 && (next = atomic_fetch_add(&lanes->next, 1)) < lanes->n_slices)
		r = lane_write(lane, &lanes->slices[next]);
	return NULL;
}

/* Without a thread there is one lane less. */
static void lanes_run(struct lanes *lanes)
{
	uint32_t n = lanes->n_slices < lanes->n ? lanes->n_slices : lanes->n;
	pthread_t threads[LANES_MAX];
	bool started[LANES_MAX] = {false};
	atomic_store(&lanes->next, 0);
	for (uint32_t l = 1; l < n; l++)
		started[l] = pthread_create(&threads[l], NULL, lane_run, &lanes->all[l]) == 0;
	lane_run(&lanes->all[0]);
	for (uint32_t l = 1; l < n; l++)
		if (started[l])
			pthread_join(threads[l], NULL);
}

/* What was said on the lane's own thread. */
static int slice_settle(const struct lanes *lanes, const struct slice *slice, uint8_t *verdicts)
{
	for (uint32_t i = slice->from; i < slice->until; i++) {
		verdicts[lanes->places[i]] = lanes->verdicts[i];
		if (lanes->verdicts[i] == TALLY_REJECT)
			(void)tally_fail(lanes->ctx, EINVAL, "%s", slice->why);
	}
	return slice->result < 0 ? tally_fail(lanes->ctx, -slice->result, "%s", slice->why) : 0;
}

static int lanes_settle(struct lanes *lanes, uint8_t *verdicts)
{
	int r = 0;
	for (uint32_t l = 0; l < lanes->n; l++)
		writer_tell_faults(&lanes->all[l].writer);
	for (uint32_t s = 0; s < lanes->n_slices; s++) {
		int failed = slice_settle(lanes, &lanes->slices[s], verdicts);
		r = failed < 0 ? failed : r;
	}
	return r;
}

static int lanes_write_dealt(struct lanes *lanes, const struct tally_entry *entries, uint32_t n,
			     uint8_t *verdicts)
{
	auto_free uint8_t *chosen = calloc(n, 1), *dealt = calloc(n, 1);
	auto_free struct tally_entry *runs = calloc(n, sizeof(*runs));
	auto_free uint32_t *places = calloc(n, sizeof(*places));
	if (!chosen || !dealt || !runs || !places)
		return tally_fail(lanes->ctx, ENOMEM, "no memory");
	lanes->verdicts = dealt; /* all TALLY_RETRY, which is 0 */
	lanes->entries = runs;
	lanes->places = places;
	lanes_deal(lanes, entries, n, chosen);
	bool shared = lanes->n_slices > 1;
	for (uint32_t l = 0; l < lanes->n; l++) {
		lanes->all[l].writer.take = shared ? entries : NULL;
		lanes->all[l].writer.n_take = shared ? n : 0;
	}
	lanes_run(lanes);
	return lanes_settle(lanes, verdicts);
}

int lanes_write(struct lanes *lanes, const struct tally_entry *entries, uint32_t n,
		uint8_t *verdicts)
{
	if (lanes->n > 1)
		return lanes_write_dealt(lanes, entries, n, verdicts);
	int r = writer_write(&lanes->all[0].writer, entries, n, verdicts);
	writer_tell_faults(&lanes->all[0].writer);
	return r;
}
