/*
 * Deal out → every lane writes, the first on the caller's thread → verdicts back to their places.
 * What a lane could not write is offered again, and may go to another then: the ledger knows
 * entries, not lanes.
 */
#include "lanes.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

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

static uint32_t lanes_worth(const struct lanes *lanes, const struct tally_entry *entries,
			    uint32_t n)
{
	uint64_t rows = 0;
	for (uint32_t i = 0; i < n; i++)
		rows += entries[i].batch->n_rows;
	uint64_t worth = rows / LANES_WORTH;
	worth = worth < lanes->n ? worth : lanes->n;
	return worth ? (uint32_t)worth : 1;
}

static uint32_t lanes_least(const uint64_t *rows, uint32_t n)
{
	uint32_t least = 0;
	for (uint32_t i = 1; i < n; i++)
		if (rows[i] < rows[least])
			least = i;
	return least;
}

/* Which lane takes each entry. */
static void lanes_choose(const struct tally_entry *entries, uint32_t n, uint32_t n_lanes,
			 uint8_t *ret)
{
	uint64_t rows[LANES_MAX] = {0};
	for (uint32_t i = 0; i < n; i++) {
		bool ordered = entries[i].batch->table->kind == TALLY_STATE;
		uint32_t lane = ordered ? 0 : lanes_least(rows, n_lanes);
		ret[i] = (uint8_t)lane;
		rows[lane] += entries[i].batch->n_rows;
	}
}

/* Returns how many lanes have something to write; the first always has. */
static uint32_t lanes_deal(struct lanes *lanes, const struct tally_entry *entries, uint32_t n,
			   uint8_t *chosen)
{
	uint32_t at = 0, busy = 0;
	lanes_choose(entries, n, lanes_worth(lanes, entries, n), chosen);
	for (uint32_t l = 0; l < lanes->n; l++) {
		lanes->all[l].from = at;
		for (uint32_t i = 0; i < n; i++) {
			if (chosen[i] != l)
				continue;
			lanes->entries[at] = entries[i];
			lanes->places[at++] = i;
		}
		lanes->all[l].until = at;
		busy += at > lanes->all[l].from;
	}
	return busy;
}

/* ---- Writing ------------------------------------------------------------------ */

static void *lane_write(void *arg)
{
	struct lane *lane = arg;
	struct lanes *lanes = lane->lanes;
	lane->result = writer_write(&lane->writer, lanes->entries + lane->from,
				    lane->until - lane->from, lanes->verdicts + lane->from);
	snprintf(lane->why, sizeof(lane->why), "%s", tally_reason(lanes->ctx));
	return NULL;
}

static void lanes_run(struct lanes *lanes)
{
	pthread_t threads[LANES_MAX];
	bool started[LANES_MAX] = {false};
	for (uint32_t l = 1; l < lanes->n; l++)
		if (lanes->all[l].until > lanes->all[l].from)
			started[l] =
				pthread_create(&threads[l], NULL, lane_write, &lanes->all[l]) == 0;
	lane_write(&lanes->all[0]);
	for (uint32_t l = 1; l < lanes->n; l++) {
		if (started[l])
			pthread_join(threads[l], NULL);
		else if (lanes->all[l].until > lanes->all[l].from)
			lane_write(&lanes->all[l]);
	}
}

static int lanes_settle(struct lanes *lanes, uint8_t *verdicts)
{
	int r = 0;
	for (uint32_t l = 0; l < lanes->n; l++) {
		struct lane *lane = &lanes->all[l];
		if (lane->until == lane->from)
			continue;
		writer_tell_faults(&lane->writer);
		for (uint32_t i = lane->from; i < lane->until; i++) {
			verdicts[lanes->places[i]] = lanes->verdicts[i];
			if (lanes->verdicts[i] == TALLY_REJECT) /* said on its own thread */
				(void)tally_fail(lanes->ctx, EINVAL, "%s", lane->why);
		}
		if (lane->result < 0 && r == 0)
			r = tally_fail(lanes->ctx, -lane->result, "%s", lane->why);
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
	bool shared = lanes_deal(lanes, entries, n, chosen) > 1;
	for (uint32_t l = 0; l < lanes->n; l++) {
		lanes->all[l].result = 0;
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
