/*
 * The core's side of the ABI for tests of one plugin, as the test sees it: a host to make, to set
 * and to look at.  Batches are the core's own.  A mistake of the test itself ends the process:
 * nothing could be said about the plugin after it.
 *
 * Built twice: for the tests of this tree, and without sanitizers as libtallyd-testing.a, in which
 * only fake_…() can be seen.  Called by tests on any thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fake_host_parts.h"
#include "pipeline/batch.h"
#include "base/clock.h"

/* What a test reads while the plugin's threads go on is read under the lock as well. */
static struct fake_host *fake_lock(const struct fake_host *host)
{
	struct fake_host *locked = (struct fake_host *)(uintptr_t)host;
	pthread_mutex_lock(&locked->lock);
	return locked;
}

struct fake_host *fake_host_create(const char *instance_name)
{
	struct fake_host *host = calloc(1, sizeof(*host));
	if (!host)
		abort();
	host->stop_fd = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&host->lock, NULL);
	host->ctx = (struct tally_ctx){.size = sizeof(struct tally_ctx),
				       .host = &testing_host_calls,
				       .name = instance_name,
				       .hostname = "testhost",
				       .state_dir = "/tmp",
				       .producer = "test-writer",
				       .interval = 5 * CLOCK_SECOND};
	return host;
}

void fake_host_forget(struct fake_host *host)
{
	for (uint32_t i = 0; i < host->n_emitted; i++) {
		batch_drop(host->emitted[i].batch);
		free(host->emitted[i].position);
	}
	free(host->emitted);
	host->emitted = NULL;
	host->n_emitted = 0;
	for (int i = 0; i <= TALLY_DEBUG; i++) {
		free(host->log[i]);
		host->log[i] = NULL;
	}
}

void fake_host_destroy(struct fake_host *host)
{
	fake_host_forget(host);
	for (uint32_t i = 0; i < host->n_positions; i++) {
		free(host->positions[i].source);
		free(host->positions[i].position);
	}
	free(host->positions);
	free(host->safe);
	declared_done(&host->declared);
	free(host->told_hostname);
	close(host->stop_fd);
	pthread_mutex_destroy(&host->lock);
	for (uint32_t i = 0; i < host->n_shown; i++)
		free(host->shown[i]);
	free(host->shown);
	free(host);
}

struct tally_ctx *fake_host_ctx(struct fake_host *host)
{
	return &host->ctx;
}

uint32_t fake_host_batches(const struct fake_host *host)
{
	return host->n_emitted;
}

const struct tally_batch *fake_host_batch(const struct fake_host *host, uint32_t i)
{
	struct fake_host *locked = fake_lock(host);
	const struct tally_batch *batch = i < host->n_emitted ? host->emitted[i].batch : NULL;
	pthread_mutex_unlock(&locked->lock);
	return batch;
}

const char *fake_host_position(const struct fake_host *host, uint32_t i)
{
	struct fake_host *locked = fake_lock(host);
	const char *position = i < host->n_emitted ? host->emitted[i].position : NULL;
	pthread_mutex_unlock(&locked->lock);
	return position;
}

uint32_t fake_host_rows(const struct fake_host *host, const char *table)
{
	uint32_t rows = 0;
	struct fake_host *locked = fake_lock(host);
	for (uint32_t i = 0; i < host->n_emitted; i++)
		if (strcmp(host->emitted[i].batch->table->name, table) == 0)
			rows += host->emitted[i].batch->n_rows;
	pthread_mutex_unlock(&locked->lock);
	return rows;
}

const struct tally_cell *fake_host_row(const struct fake_host *host, const char *table, uint32_t i)
{
	const struct tally_cell *row = NULL;
	struct fake_host *locked = fake_lock(host);
	for (uint32_t b = 0; b < host->n_emitted && !row; b++) {
		const struct tally_batch *batch = host->emitted[b].batch;
		if (strcmp(batch->table->name, table) != 0)
			continue;
		if (i < batch->n_rows)
			row = batch->cells + (size_t)i * batch->table->n_columns;
		else
			i -= batch->n_rows;
	}
	pthread_mutex_unlock(&locked->lock);
	return row;
}

const struct tally_cell *fake_cell(const struct tally_table *table, const struct tally_cell *row,
				   const char *column)
{
	for (uint32_t i = 0; i < table->n_columns; i++)
		if (strcmp(table->columns[i].name, column) == 0)
			return &row[i];
	fprintf(stderr, "table %s has no column %s\n", table->name, column);
	abort();
}

const char *fake_host_log(const struct fake_host *host, int level)
{
	struct fake_host *locked = fake_lock(host);
	char **grown = realloc(locked->shown, (locked->n_shown + 1) * sizeof(*grown));
	char *text = strdup(host->log[level] ? host->log[level] : "");
	if (!grown || !text)
		abort();
	locked->shown = grown;
	locked->shown[locked->n_shown++] = text;
	pthread_mutex_unlock(&locked->lock);
	return text;
}

const char *fake_host_reason(const struct fake_host *host)
{
	return host->reason;
}

uint64_t fake_host_metric(const struct fake_host *host, uint32_t metric)
{
	return __atomic_load_n(&host->metrics[metric], __ATOMIC_RELAXED);
}

uint32_t fake_host_rejected(const struct fake_host *host)
{
	return host->rejected;
}

void fake_host_set_now(struct fake_host *host, int64_t now)
{
	__atomic_store_n(&host->now, now, __ATOMIC_RELAXED);
}

void fake_host_set_monotonic(struct fake_host *host, int64_t now)
{
	__atomic_store_n(&host->monotonic, now, __ATOMIC_RELAXED);
}

void fake_host_stop(struct fake_host *host)
{
	uint64_t one = 1;
	if (write(host->stop_fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

void fake_host_set_wants_hostname(struct fake_host *host, bool wants)
{
	host->wants_hostname = wants;
}

void fake_host_set_must_flush(struct fake_host *host, bool must_flush)
{
	host->must_flush = must_flush;
}

void fake_host_set_safe(struct fake_host *host, const char *position)
{
	pthread_mutex_lock(&host->lock);
	free(host->safe);
	host->safe = strdup(position);
	pthread_mutex_unlock(&host->lock);
}

void fake_host_set_tables(struct fake_host *host, const struct tally_table *const *tables)
{
	host->tables = tables;
}

void fake_host_set_emit_result(struct fake_host *host, int result)
{
	__atomic_store_n(&host->emit_result, result, __ATOMIC_RELAXED);
}

struct tally_store *fake_host_store(struct fake_host *host, const struct tally_store_ops *reader,
				    void *self)
{
	struct tally_store *store = calloc(1, sizeof(*store));
	(void)host;
	if (!store)
		abort();
	*store = (struct tally_store){reader, self};
	return store;
}

void fake_host_store_free(struct tally_store *store)
{
	free(store);
}

struct tally_cache *fake_host_cache(const struct tally_cache_ops *ops, void *self)
{
	struct tally_cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		abort();
	*cache = (struct tally_cache){ops, self};
	return cache;
}

void fake_host_cache_free(struct tally_cache *cache)
{
	free(cache);
}
