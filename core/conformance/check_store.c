/*
 * Checks of what an instance does for others: the answers of a store to what it does not have, a
 * cache that gives back what it was given, a watcher.  In a child of its own, on its main thread,
 * with a plugin that is loaded and has its section.
 */
#include <errno.h>
#include <string.h>
#include <tallyd/query.h>

#include "base/clock.h"
#include "conformance/checks.h"
#include "conformance/rows.h"
#include "pipeline/batch.h"

static int store_no_rows(void *arg, const struct tally_batch *rows)
{
	(void)arg;
	(void)rows;
	return 0;
}

static int store_count_table(void *arg, const struct tally_table *table)
{
	(void)table;
	++*(int *)arg;
	return 0;
}

static int store_ask(struct subject *subject, const char *table, const char *column)
{
	const struct tally_select select = {.column = column, .aggregate = TALLY_RAW};
	const struct tally_query query = {.size = sizeof(query),
					  .table = table,
					  .to = clock_now() + CLOCK_DAY,
					  .select = &select,
					  .n_select = 1,
					  .limit = 10,
					  .deadline = clock_monotonic() + 5 * CLOCK_SECOND};
	subject_enter(subject, "query()");
	int r = PLUGIN_CALL(
		subject->plugin->store->query(subject->self, &query, store_no_rows, NULL));
	subject->shared->doing[0] = '\0';
	return r;
}

static void store_check(struct subject *subject)
{
	int n = 0;
	const struct tally_store_ops *store = subject->plugin->store;
	if (subject->plugin->output && rows_write_simple(subject) < 0)
		subject_skip(subject, "write() fails here: %s", reason_last()->text);
	int r = store_ask(subject, "no_such_table", "time");
	if (r != -ENOENT)
		subject_found(
			subject, SUBJECT_READ_STORE,
			"query() of a table that nobody has returned %d: -ENOENT says that there "
			"is none",
			r);
	SUBJECT_CALL(subject, "tables()", store->tables(subject->self, store_count_table, &n));
	if (!subject->plugin->output || subject->shared->skipped[0])
		return;
	if (!n)
		subject_found(subject, SUBJECT_READ_STORE,
			      "tables() lists none although write() has stored a row");
	r = store_ask(subject, rows_table(TALLY_SERIES)->name, "no_such_column");
	if (r != -EINVAL)
		subject_found(
			subject, SUBJECT_READ_STORE,
			"query() of a column that the table lacks returned %d: -EINVAL says that "
			"the query is wrong",
			r);
	r = store_ask(subject, rows_table(TALLY_SERIES)->name, "ratio");
	if (r < 0)
		subject_found(subject, SUBJECT_READ_STORE, "query() of a stored row failed: %s",
			      reason_last()->text);
}

static void cache_check(struct subject *subject)
{
	static const char data[] = "bytes\0of anything";
	const struct tally_cache_ops *cache = subject->plugin->cache;
	struct tally_blob blob = {.data = NULL};
	subject_enter(subject, "get()");
	int r = PLUGIN_CALL(cache->get(subject->self, "tally:conformance:none", &blob));
	if (r != -ENOENT)
		subject_found(
			subject, "plugin.h, struct tally_cache_ops",
			"get() of a key that was never set returned %d: -ENOENT says that it is "
			"not cached",
			r);
	r = SUBJECT_CALL(subject, "set()",
			 cache->set(subject->self, "tally:conformance:one", data, sizeof(data),
				    10 * CLOCK_SECOND));
	if (r < 0)
		return;
	r = SUBJECT_CALL(subject, "get()",
			 cache->get(subject->self, "tally:conformance:one", &blob));
	if (r == 0 && (blob.len != sizeof(data) || memcmp(blob.data, data, sizeof(data)) != 0))
		subject_found(subject, "plugin.h, struct tally_cache_ops",
			      "get() gave other bytes than were set");
	if (r == 0 && blob.release)
		SUBJECT_DO(subject, "release()", blob.release(blob.owner));
}

static void watcher_check(struct subject *subject)
{
	for (enum tally_kind kind = TALLY_SERIES; kind <= TALLY_LOG; kind++)
		for (enum rows_variant variant = ROWS_PLAIN; variant <= ROWS_ENDS; variant++) {
			struct tally_batch *batch = rows_batch(kind, variant, 20);
			subject_hint(subject, "it was shown rows of %s", rows_table(kind)->name);
			subject_enter(subject, "watch()");
			subject->plugin->watcher->watch(subject->self, batch);
			subject->shared->doing[0] = '\0';
			batch_drop(batch);
		}
	subject->shared->hint[0] = '\0';
}

void check_store(struct subject *subject)
{
	const struct tally_plugin *plugin = subject->plugin;
	if (!plugin->store && !plugin->cache && !plugin->watcher) {
		subject_not_for(subject, "it does nothing for others");
		return;
	}
	if (!subject_create(subject) || !subject_start(subject))
		return;
	if (plugin->store)
		store_check(subject);
	if (plugin->cache)
		cache_check(subject);
	if (plugin->watcher)
		watcher_check(subject);
	subject_stop(subject);
	subject_destroy(subject);
}
