/*
 * A host for testing one plugin alone: it records what the plugin says and emits, and lets the
 * test set the clock, stop the plugin and answer its queries.  Batches are the core's own, so a
 * batch that is emitted twice, or used after it was dropped, is reported on stderr.
 *
 * Link with `pkg-config --libs tallyd-testing`, or tallyd::testing of the CMake package.  Part of
 * the development package and not of the plugin ABI: functions may be added with any version.
 *
 *	struct fake_host *host = fake_host_create("input.docker_stats");
 *	void *self;
 *	plugin->create(fake_host_ctx(host), &config, &self);
 *	plugin->input->gather(self);
 *	assert_int_equal(fake_host_rows(host, "container_stats"), 3);
 */
#ifndef TALLYD_TESTING_FAKE_HOST_H
#define TALLYD_TESTING_FAKE_HOST_H

#include <tallyd/host.h>
#include <tallyd/query.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fake_host;

struct fake_host *fake_host_create(const char *instance_name);
void fake_host_destroy(struct fake_host *host); /* drops all batches it holds */
struct tally_ctx *fake_host_ctx(struct fake_host *host);

/* Emitted batches, in order; each also with the position it came with. */
uint32_t fake_host_batches(const struct fake_host *host);
const struct tally_batch *fake_host_batch(const struct fake_host *host, uint32_t i);
const char *fake_host_position(const struct fake_host *host, uint32_t i);
uint32_t fake_host_rows(const struct fake_host *host, const char *table);
/* Row i of all rows of a table; NULL past the end. */
const struct tally_cell *fake_host_row(const struct fake_host *host, const char *table, uint32_t i);
/* Drops what was emitted and logged so far; tally_position() goes on to know where it ended. */
void fake_host_forget(struct fake_host *host);

/* A cell by its column's name; ends the test if the table has no such column. */
const struct tally_cell *fake_cell(const struct tally_table *table, const struct tally_cell *row,
				   const char *column);

/* What was logged at that level or worse, newest last, joined with newlines. */
const char *fake_host_log(const struct fake_host *host, int level);
const char *fake_host_reason(const struct fake_host *host); /* of the last tally_fail() */
uint64_t fake_host_metric(const struct fake_host *host, uint32_t metric);
uint32_t fake_host_rejected(const struct fake_host *host); /* rows */

/* Real time until set; then it stands still until set again. */
void fake_host_set_now(struct fake_host *host, int64_t now);
void fake_host_set_monotonic(struct fake_host *host, int64_t now);
void fake_host_stop(struct fake_host *host); /* tally_stopping() from now on, from any thread */
void fake_host_set_wants_hostname(struct fake_host *host, bool wants);  /* false until set */
void fake_host_set_must_flush(struct fake_host *host, bool must_flush); /* false until set */
/* What tally_safe_position() says from now on, ""; nothing; until then whatever was emitted. */
void fake_host_set_safe(struct fake_host *host, const char *position);
/* Those of other plugins, NULL at the end: what tally_tables() lists; none until set. */
void fake_host_set_tables(struct fake_host *host, const struct tally_table *const *tables);
void fake_host_set_emit_result(struct fake_host *host, int result);

/* Store handles passed to options resolve to this plugin instance. */
struct tally_store *fake_host_store(struct fake_host *host, const struct tally_store_ops *reader,
				    void *self);
void fake_host_store_free(struct tally_store *store);
/* Likewise a cache. */
struct tally_cache *fake_host_cache(const struct tally_cache_ops *ops, void *self);
void fake_host_cache_free(struct tally_cache *cache);

#ifdef __cplusplus
}
#endif
#endif
