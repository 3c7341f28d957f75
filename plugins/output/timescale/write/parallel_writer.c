/*
 * Assign the entries to shards → every thread writes shards while there are any, the first one on
 * the instance's thread → verdicts back to their places, rejected rows reported.
 * parallel_writer_write() is the plugin's write(); with connections = 1 it calls the only writer
 * directly, and no thread is started.
 *
 * A shard that fails ends its thread's work: the next one would most likely fail of the same.  Its
 * entries stay TALLY_RETRY, the core offers them again, and they may then come to another
 * connection: the ledger knows entries, not connections.  The last error is the one that is
 * returned.
 */
#include "write/parallel_writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

void parallel_writer_init(struct parallel_writer *parallel, const struct writer *writer, uint32_t n)
{
	*parallel = (struct parallel_writer){.ctx = writer->ctx, .n = n};
	for (uint32_t i = 0; i < n; i++) {
		struct writer_thread *thread = &parallel->threads[i];
		thread->parallel = parallel;
		thread->writer = *writer;
		snprintf(thread->writer.name, sizeof(thread->writer.name), i ? "%.80s/%u" : "%.80s",
			 writer->ctx->producer, i);
	}
}

void parallel_writer_done(struct parallel_writer *parallel)
{
	for (uint32_t i = 0; i < parallel->n; i++)
		writer_done(&parallel->threads[i].writer);
	parallel->n = 0;
}

/* ---- Shards ------------------------------------------------------------------- */

/* More threads than rows are worth would pay a COMMIT, and so a flush of the log, for a handful of
 * rows each; more shards than threads let a quick connection do a slow one's share.  A few for each
 * thread do for that, and what a transaction takes besides its rows is then paid less often. */
static uint32_t parallel_writer_count_shards(const struct parallel_writer *parallel,
					     const struct tally_entry *entries, uint32_t n)
{
	uint64_t rows = 0;
	for (uint32_t i = 0; i < n; i++)
		rows += entries[i].batch->n_rows;
	uint64_t shards = rows / SHARD_ROWS_FULL, enough = (uint64_t)parallel->n * SHARDS_ENOUGH,
		 most = (uint64_t)parallel->n * SHARDS_PER_THREAD;
	if (shards > enough) {
		shards = rows / SHARD_ROWS_LARGE > enough ? rows / SHARD_ROWS_LARGE : enough;
	} else if (shards < parallel->n) {
		shards = rows / SHARD_ROWS_MIN;
		most = parallel->n;
	}
	shards = shards < most ? shards : most;
	return shards ? (uint32_t)shards : 1;
}

_Static_assert(PARALLEL_WRITER_MAX *SHARDS_PER_THREAD <= UINT8_MAX + 1,
	       "a shard's number is a byte");

/* Which shard each entry is in: the one with the fewest rows so far.  Two entries with rows of one
 * STATE key in two transactions would wait for each other's row lock, and the order of their
 * COMMITs would decide which one stays; so all of these go to the first. */
static void parallel_writer_choose(const struct tally_entry *entries, uint32_t n, uint32_t n_shards,
				   uint8_t *ret)
{
	uint64_t rows[PARALLEL_WRITER_MAX * SHARDS_PER_THREAD] = {0};
	for (uint32_t i = 0; i < n; i++) {
		bool ordered = entries[i].batch->table->kind == TALLY_STATE;
		uint32_t shard = 0;
		for (uint32_t s = 1; !ordered && s < n_shards; s++)
			if (rows[s] < rows[shard])
				shard = s;
		ret[i] = (uint8_t)shard;
		rows[shard] += entries[i].batch->n_rows;
	}
}

/* Only shards that have something are numbered. */
static void parallel_writer_assign(struct parallel_writer *parallel,
				   const struct tally_entry *entries, uint32_t n, uint8_t *chosen)
{
	uint32_t at = 0, n_shards = parallel_writer_count_shards(parallel, entries, n);
	parallel_writer_choose(entries, n, n_shards, chosen);
	parallel->n_shards = 0;
	for (uint32_t s = 0; s < n_shards; s++) {
		struct shard *shard = &parallel->shards[parallel->n_shards];
		*shard = (struct shard){.from = at};
		for (uint32_t i = 0; i < n; i++) {
			if (chosen[i] != s)
				continue;
			parallel->entries[at] = entries[i];
			parallel->places[at++] = i;
		}
		shard->until = at;
		parallel->n_shards += at > shard->from;
	}
}

/* ---- Writing ------------------------------------------------------------------ */

static void *writer_thread_run(void *arg)
{
	struct writer_thread *thread = arg;
	struct parallel_writer *parallel = thread->parallel;
	uint32_t next;
	int r = 0;
	while (r == 0 && (next = atomic_fetch_add(&parallel->next, 1)) < parallel->n_shards) {
		struct shard *shard = &parallel->shards[next];
		r = writer_write(&thread->writer, parallel->entries + shard->from,
				 shard->until - shard->from, parallel->verdicts + shard->from);
		shard->result = r;
		/* tally_fail() keeps its text per thread, so it has to be said again on the
		 * instance's. */
		snprintf(shard->why, sizeof(shard->why), "%s", tally_reason(parallel->ctx));
	}
	return NULL;
}

/* Threads live for one write: starting one costs microseconds against a transaction's milliseconds,
 * and none is idle or has to be stopped.  Where one cannot be started the others do its work:
 * who takes which shard is decided by the counter alone. */
static void parallel_writer_run(struct parallel_writer *parallel)
{
	uint32_t n = parallel->n_shards < parallel->n ? parallel->n_shards : parallel->n;
	pthread_t ids[PARALLEL_WRITER_MAX];
	bool started[PARALLEL_WRITER_MAX] = {false};
	atomic_store(&parallel->next, 0);
	for (uint32_t l = 1; l < n; l++)
		started[l] = pthread_create(&ids[l], NULL, writer_thread_run,
					    &parallel->threads[l]) == 0;
	writer_thread_run(&parallel->threads[0]);
	for (uint32_t l = 1; l < n; l++)
		if (started[l])
			pthread_join(ids[l], NULL);
}

static int parallel_writer_finish(struct parallel_writer *parallel, uint8_t *verdicts)
{
	int r = 0;
	for (uint32_t l = 0; l < parallel->n; l++)
		writer_report_faults(&parallel->threads[l].writer);
	for (uint32_t s = 0; s < parallel->n_shards; s++) {
		const struct shard *shard = &parallel->shards[s];
		for (uint32_t i = shard->from; i < shard->until; i++) {
			verdicts[parallel->places[i]] = parallel->verdicts[i];
			if (parallel->verdicts[i] == TALLY_REJECT)
				(void)tally_fail(parallel->ctx, EINVAL, "%s", shard->why);
		}
		if (shard->result < 0)
			r = tally_fail(parallel->ctx, -shard->result, "%s", shard->why);
	}
	return r;
}

static int parallel_writer_write_shards(struct parallel_writer *parallel,
					const struct tally_entry *entries, uint32_t n,
					uint8_t *verdicts)
{
	auto_free uint8_t *chosen = calloc(n, 1), *assigned = calloc(n, 1);
	auto_free struct tally_entry *runs = calloc(n, sizeof(*runs));
	auto_free uint32_t *places = calloc(n, sizeof(*places));
	if (!chosen || !assigned || !runs || !places)
		return tally_fail(parallel->ctx, ENOMEM, "no memory");
	parallel->verdicts = assigned; /* all TALLY_RETRY, which is 0 */
	parallel->entries = runs;
	parallel->places = places;
	parallel_writer_assign(parallel, entries, n, chosen);
	bool shared = parallel->n_shards > 1;
	for (uint32_t l = 0; l < parallel->n; l++) {
		parallel->threads[l].writer.whole = shared ? entries : NULL;
		parallel->threads[l].writer.n_whole = shared ? n : 0;
	}
	parallel_writer_run(parallel);
	return parallel_writer_finish(parallel, verdicts);
}

int parallel_writer_write(struct parallel_writer *parallel, const struct tally_entry *entries,
			  uint32_t n, uint8_t *verdicts)
{
	if (parallel->n > 1)
		return parallel_writer_write_shards(parallel, entries, n, verdicts);
	int r = writer_write(&parallel->threads[0].writer, entries, n, verdicts);
	writer_report_faults(&parallel->threads[0].writer);
	return r;
}
