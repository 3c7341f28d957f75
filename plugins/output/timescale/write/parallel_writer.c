/*
 * Deal out → every lane writes slices while there are any, the first on the caller's thread →
 * verdicts back to their places.  A lane that fails takes no more: it would most likely fail again.
 * What was not written is offered again, and may go to another lane then: the ledger knows entries,
 * not lanes.
 */
#include "write/parallel_writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

void parallel_writer_init(struct parallel_writer *pool, const struct writer *writer, uint32_t n)
{
	*pool = (struct parallel_writer){.ctx = writer->ctx, .n = n};
	for (uint32_t i = 0; i < n; i++) {
		struct writer_thread *thread_writer = &pool->all[i];
		thread_writer->pool = pool;
		thread_writer->writer = *writer;
		snprintf(thread_writer->writer.name, sizeof(thread_writer->writer.name),
			 i ? "%.80s/%u" : "%.80s", writer->ctx->writer, i);
	}
}

void parallel_writer_done(struct parallel_writer *pool)
{
	for (uint32_t i = 0; i < pool->n; i++)
		writer_done(&pool->all[i].writer);
	pool->n = 0;
}

/* ---- Dealing ------------------------------------------------------------------ */

static uint32_t parallel_writer_slices(const struct parallel_writer *pool,
				       const struct tally_entry *entries, uint32_t n)
{
	uint64_t rows = 0;
	for (uint32_t i = 0; i < n; i++)
		rows += entries[i].batch->n_rows;
	uint64_t shards = rows / SHARD_ROWS_FULL, most = (uint64_t)pool->n * SHARDS_PER_THREAD;
	if (shards < pool->n) {
		shards = rows / SHARD_ROWS_MIN;
		most = pool->n;
	}
	shards = shards < most ? shards : most;
	return shards ? (uint32_t)shards : 1;
}

static uint32_t parallel_writer_least(const uint64_t *rows, uint32_t n)
{
	uint32_t least = 0;
	for (uint32_t i = 1; i < n; i++)
		if (rows[i] < rows[least])
			least = i;
	return least;
}

_Static_assert(PARALLEL_WRITER_MAX *SHARDS_PER_THREAD <= UINT8_MAX + 1,
	       "a slice's number is a byte");

/* Which slice each entry is in. */
static void parallel_writer_choose(const struct tally_entry *entries, uint32_t n, uint32_t n_slices,
				   uint8_t *ret)
{
	uint64_t rows[PARALLEL_WRITER_MAX * SHARDS_PER_THREAD] = {0};
	for (uint32_t i = 0; i < n; i++) {
		bool ordered = entries[i].batch->table->kind == TALLY_STATE;
		uint32_t shard = ordered ? 0 : parallel_writer_least(rows, n_slices);
		ret[i] = (uint8_t)shard;
		rows[shard] += entries[i].batch->n_rows;
	}
}

/* Only slices that have something. */
static void parallel_writer_deal(struct parallel_writer *pool, const struct tally_entry *entries,
				 uint32_t n, uint8_t *chosen)
{
	uint32_t at = 0, n_slices = parallel_writer_slices(pool, entries, n);
	parallel_writer_choose(entries, n, n_slices, chosen);
	pool->n_slices = 0;
	for (uint32_t s = 0; s < n_slices; s++) {
		struct shard *shard = &pool->shards[pool->n_slices];
		*shard = (struct shard){.from = at};
		for (uint32_t i = 0; i < n; i++) {
			if (chosen[i] != s)
				continue;
			pool->entries[at] = entries[i];
			pool->places[at++] = i;
		}
		shard->until = at;
		pool->n_slices += at > shard->from;
	}
}

/* ---- Writing ------------------------------------------------------------------ */

static int writer_thread_write(struct writer_thread *thread_writer, struct shard *shard)
{
	struct parallel_writer *pool = thread_writer->pool;
	shard->result = writer_write(&thread_writer->writer, pool->entries + shard->from,
				     shard->until - shard->from, pool->verdicts + shard->from);
	snprintf(shard->why, sizeof(shard->why), "%s", tally_reason(pool->ctx));
	return shard->result;
}

static void *writer_thread_run(void *arg)
{
	struct writer_thread *thread_writer = arg;
	struct parallel_writer *pool = thread_writer->pool;
	uint32_t next;
	int r = 0;
	while (r == 0 && (next = atomic_fetch_add(&pool->next, 1)) < pool->n_slices)
		r = writer_thread_write(thread_writer, &pool->shards[next]);
	return NULL;
}

/* Without a thread there is one lane less. */
static void parallel_writer_run(struct parallel_writer *pool)
{
	uint32_t n = pool->n_slices < pool->n ? pool->n_slices : pool->n;
	pthread_t threads[PARALLEL_WRITER_MAX];
	bool started[PARALLEL_WRITER_MAX] = {false};
	atomic_store(&pool->next, 0);
	for (uint32_t l = 1; l < n; l++)
		started[l] =
			pthread_create(&threads[l], NULL, writer_thread_run, &pool->all[l]) == 0;
	writer_thread_run(&pool->all[0]);
	for (uint32_t l = 1; l < n; l++)
		if (started[l])
			pthread_join(threads[l], NULL);
}

/* What was said on the lane's own thread. */
static int shard_settle(const struct parallel_writer *pool, const struct shard *shard,
			uint8_t *verdicts)
{
	for (uint32_t i = shard->from; i < shard->until; i++) {
		verdicts[pool->places[i]] = pool->verdicts[i];
		if (pool->verdicts[i] == TALLY_REJECT)
			(void)tally_fail(pool->ctx, EINVAL, "%s", shard->why);
	}
	return shard->result < 0 ? tally_fail(pool->ctx, -shard->result, "%s", shard->why) : 0;
}

static int parallel_writer_settle(struct parallel_writer *pool, uint8_t *verdicts)
{
	int r = 0;
	for (uint32_t l = 0; l < pool->n; l++)
		writer_tell_faults(&pool->all[l].writer);
	for (uint32_t s = 0; s < pool->n_slices; s++) {
		int failed = shard_settle(pool, &pool->shards[s], verdicts);
		r = failed < 0 ? failed : r;
	}
	return r;
}

static int parallel_writer_write_dealt(struct parallel_writer *pool,
				       const struct tally_entry *entries, uint32_t n,
				       uint8_t *verdicts)
{
	auto_free uint8_t *chosen = calloc(n, 1), *dealt = calloc(n, 1);
	auto_free struct tally_entry *runs = calloc(n, sizeof(*runs));
	auto_free uint32_t *places = calloc(n, sizeof(*places));
	if (!chosen || !dealt || !runs || !places)
		return tally_fail(pool->ctx, ENOMEM, "no memory");
	pool->verdicts = dealt; /* all TALLY_RETRY, which is 0 */
	pool->entries = runs;
	pool->places = places;
	parallel_writer_deal(pool, entries, n, chosen);
	bool shared = pool->n_slices > 1;
	for (uint32_t l = 0; l < pool->n; l++) {
		pool->all[l].writer.take = shared ? entries : NULL;
		pool->all[l].writer.n_take = shared ? n : 0;
	}
	parallel_writer_run(pool);
	return parallel_writer_settle(pool, verdicts);
}

int parallel_writer_write(struct parallel_writer *pool, const struct tally_entry *entries,
			  uint32_t n, uint8_t *verdicts)
{
	if (pool->n > 1)
		return parallel_writer_write_dealt(pool, entries, n, verdicts);
	int r = writer_write(&pool->all[0].writer, entries, n, verdicts);
	writer_tell_faults(&pool->all[0].writer);
	return r;
}
