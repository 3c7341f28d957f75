#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/query.h>

#include "instance/binding.h"
#include "base/clock.h"
#include "test.h"

/* A store whose query waits to be let go, and which knows when it has been torn down. */
struct slow_store {
	sem_t entered, let_go;
	atomic_bool gone;
	atomic_int queries;
};

static int slow_query(void *self, const struct tally_query *query, tally_rows_fn *rows, void *arg)
{
	struct slow_store *store = self;
	(void)query;
	(void)rows;
	(void)arg;
	sem_post(&store->entered);
	sem_wait(&store->let_go);
	if (atomic_load(&store->gone))
		abort();
	atomic_fetch_add(&store->queries, 1);
	return 7;
}

static int count_query(void *self, const struct tally_query *query, tally_rows_fn *rows, void *arg)
{
	struct slow_store *store = self;
	(void)query;
	(void)rows;
	(void)arg;
	if (atomic_load(&store->gone))
		abort();
	atomic_fetch_add(&store->queries, 1);
	return 0;
}

static atomic_int blobs_out;

static void blob_release(void *owner)
{
	(void)owner;
	atomic_fetch_sub(&blobs_out, 1);
}

static int blob_get(void *self, const char *key, struct tally_blob *ret)
{
	if (strcmp(key, "there") != 0)
		return -ENOENT;
	atomic_fetch_add(&blobs_out, 1);
	*ret = (struct tally_blob){"bytes", 5, blob_release, self, NULL};
	return 0;
}

static int one_follow(void *self, const char *const *channels, int stop_fd, tally_message_fn *heard,
		      void *arg)
{
	char text[] = "text";
	(void)self;
	assert_int_equal(stop_fd, 7);
	return heard(arg, channels[0], text, 4);
}

static int hear(void *arg, const char *channel, char *text, size_t len)
{
	(void)arg;
	assert_string_equal(channel, "rows:a");
	assert_memory_equal(text, "text", len);
	return 3;
}

static const struct tally_store_ops slow_reader = {.size = sizeof(slow_reader),
						   .query = slow_query};
static const struct tally_store_ops fast_reader = {.size = sizeof(fast_reader),
						   .query = count_query};
static const struct tally_cache_ops cache_ops = {.size = sizeof(cache_ops), .get = blob_get};
static const struct tally_cache_ops channels_ops = {
	.size = sizeof(cache_ops), .get = blob_get, .subscribe = one_follow};
static const struct tally_cache_ops older_cache_ops = {
	.size = offsetof(struct tally_cache_ops, subscribe),
	.get = blob_get,
	.subscribe = one_follow};
static const struct tally_plugin slow_plugin = {.name = "slow", .store = &slow_reader};
static const struct tally_plugin fast_plugin = {.name = "fast", .store = &fast_reader};
static const struct tally_plugin cache_plugin = {.name = "cache", .cache = &cache_ops};
static const struct tally_plugin channels_plugin = {.name = "heard", .cache = &channels_ops};
static const struct tally_plugin older_plugin = {.name = "older", .cache = &older_cache_ops};

static void slow_init(struct slow_store *store)
{
	memset(store, 0, sizeof(*store));
	sem_init(&store->entered, 0, 0);
	sem_init(&store->let_go, 0, 0);
}

static void *query_thread(void *store)
{
	struct error error;
	return (void *)(intptr_t)binding_query(store, NULL, NULL, NULL, &error);
}

static void an_instance_that_does_not_run_is_not_connected(void **state)
{
	struct bindings *bindings = bindings_create();
	struct error error = {0};
	(void)state;
	void *slot = binding_slot(bindings, TALLY_OPT_STORE, "output.sqlite");
	assert_int_equal(binding_query(slot, NULL, NULL, NULL, &error), -ENOTCONN);
	assert_string_equal(error.text, "output.sqlite is not running now");
	assert_int_equal(binding_query(NULL, NULL, NULL, NULL, &error), -ENOTCONN);
	bindings_destroy(bindings);
}

static void a_slot_stays_the_same_over_incarnations(void **state)
{
	struct bindings *bindings = bindings_create();
	struct slow_store store;
	struct error error;
	(void)state;
	slow_init(&store);
	void *slot = binding_slot(bindings, TALLY_OPT_STORE, "output.a");
	void *other = binding_slot(bindings, TALLY_OPT_STORE, "output.b");
	assert_ptr_not_equal(slot, other);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(binding_attach(bindings, "output.a", &fast_plugin, &store), 0);
		assert_ptr_equal(binding_slot(bindings, TALLY_OPT_STORE, "output.a"), slot);
		assert_int_equal(binding_query(slot, NULL, NULL, NULL, &error), 0);
		assert_true(binding_detach(bindings, "output.a", clock_monotonic()));
		assert_int_equal(binding_query(slot, NULL, NULL, NULL, &error), -ENOTCONN);
	}
	assert_int_equal(atomic_load(&store.queries), 3);
	bindings_destroy(bindings);
}

static void detaching_waits_for_the_running_query_and_refuses_new_ones(void **state)
{
	struct bindings *bindings = bindings_create();
	struct slow_store store;
	struct error error;
	pthread_t thread;
	void *result;
	(void)state;
	slow_init(&store);
	void *slot = binding_slot(bindings, TALLY_OPT_STORE, "output.s");
	binding_attach(bindings, "output.s", &slow_plugin, &store);
	pthread_create(&thread, NULL, query_thread, slot);
	sem_wait(&store.entered);
	assert_false(binding_detach(bindings, "output.s", clock_monotonic() + CLOCK_MS));
	assert_int_equal(binding_query(slot, NULL, NULL, NULL, &error), -ENOTCONN);
	sem_post(&store.let_go);
	assert_true(binding_detach(bindings, "output.s", clock_monotonic() + 10 * CLOCK_SECOND));
	atomic_store(&store.gone, true);
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, 7);
	bindings_destroy(bindings);
}

static void a_value_on_loan_keeps_its_cache_from_stopping(void **state)
{
	struct bindings *bindings = bindings_create();
	struct tally_blob blob;
	struct error error;
	(void)state;
	void *slot = binding_slot(bindings, TALLY_OPT_CACHE, "output.redis");
	binding_attach(bindings, "output.redis", &cache_plugin, &blob);
	assert_int_equal(binding_get(slot, "missing", &blob, &error), -ENOENT);
	assert_int_equal(binding_get(slot, "there", &blob, &error), 0);
	assert_memory_equal(blob.data, "bytes", blob.len);
	assert_false(binding_detach(bindings, "output.redis", clock_monotonic()));
	blob.release(blob.owner);
	assert_int_equal(atomic_load(&blobs_out), 0);
	assert_true(binding_detach(bindings, "output.redis", clock_monotonic()));
	bindings_destroy(bindings);
}

static void what_an_instance_cannot_do_is_said(void **state)
{
	struct bindings *bindings = bindings_create();
	struct error error;
	(void)state;
	void *slot = binding_slot(bindings, TALLY_OPT_CACHE, "output.x");
	binding_attach(bindings, "output.x", &fast_plugin, NULL);
	assert_int_equal(binding_set(slot, "k", "v", 1, 1, &error), -ENOTSUP);
	assert_string_equal(error.text, "output.x is not a cache");
	assert_true(binding_detach(bindings, "output.x", clock_monotonic()));
	bindings_destroy(bindings);
}

static atomic_bool race_over;

static void *race_thread(void *slot)
{
	struct error error;
	while (!atomic_load(&race_over))
		binding_query(slot, NULL, NULL, NULL, &error);
	return NULL;
}

static void queries_never_reach_an_instance_after_its_detach(void **state)
{
	struct bindings *bindings = bindings_create();
	pthread_t threads[3];
	(void)state;
	void *slot = binding_slot(bindings, TALLY_OPT_STORE, "output.r");
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, race_thread, slot);
	for (int i = 0; i < 300; i++) {
		struct slow_store store;
		slow_init(&store);
		binding_attach(bindings, "output.r", &fast_plugin, &store);
		int64_t deadline = clock_monotonic() + 10 * CLOCK_SECOND;
		while (i % 10 == 0 && !atomic_load(&store.queries) && clock_monotonic() < deadline)
			poll(NULL, 0, 0);
		assert_true(i % 10 != 0 || atomic_load(&store.queries) > 0);
		assert_true(binding_detach(bindings, "output.r", deadline));
		atomic_store(&store.gone, true);
	}
	atomic_store(&race_over, true);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	bindings_destroy(bindings);
}

static int follow_on(const struct tally_plugin *plugin, struct error *error)
{
	static const char *const names[] = {"rows:a", NULL};
	const struct binding_subscription what = {names, 7, hear, NULL};
	struct bindings *bindings = bindings_create();
	void *slot = binding_slot(bindings, TALLY_OPT_CACHE, "output.redis");
	if (plugin)
		binding_attach(bindings, "output.redis", plugin, NULL);
	int r = binding_subscribe(slot, &what, error);
	bindings_destroy(bindings);
	return r;
}

static void only_a_cache_that_has_channels_is_followed(void **state)
{
	struct error error = {0};
	(void)state;
	assert_int_equal(follow_on(&channels_plugin, &error), 3);
	assert_int_equal(follow_on(NULL, &error), -ENOTCONN);
	assert_int_equal(follow_on(&fast_plugin, &error), -ENOTSUP);
	assert_int_equal(follow_on(&cache_plugin, &error), -ENOTSUP);
	assert_int_equal(follow_on(&older_plugin, &error), -ENOTSUP);
	assert_string_equal(error.text, "output.redis has no channels to follow");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_cache_that_has_channels_is_followed),
		cmocka_unit_test(an_instance_that_does_not_run_is_not_connected),
		cmocka_unit_test(a_slot_stays_the_same_over_incarnations),
		cmocka_unit_test(detaching_waits_for_the_running_query_and_refuses_new_ones),
		cmocka_unit_test(a_value_on_loan_keeps_its_cache_from_stopping),
		cmocka_unit_test(what_an_instance_cannot_do_is_said),
		cmocka_unit_test(queries_never_reach_an_instance_after_its_detach),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
