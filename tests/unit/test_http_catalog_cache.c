/* The tables of the store, and who asks for them when what is remembered is old. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "fake_host.h"
#include "fake_store.h"
#include "http_api.h"
#include "query/catalog_cache.h"
#include "test.h"
#include "waiting.h"

static const struct tally_column columns[] = {{.name = "time", .type = TALLY_TIME}};
static const struct tally_table first = {
	.name = "first", .columns = columns, .n_columns = 1, .kind = TALLY_LOG};
static const struct tally_table second = {
	.name = "second", .columns = columns, .n_columns = 1, .kind = TALLY_LOG};

struct shelf {
	struct fake_host *host;
	struct fake_store *store;
	struct tally_store *handle;
	struct catalog_cache *tables;
	int64_t now;
};

static void advance(struct shelf *shelf, int64_t ns)
{
	shelf->now += ns;
	fake_host_set_monotonic(shelf->host, shelf->now);
}

static int set_up(void **state)
{
	struct shelf *shelf = calloc(1, sizeof(*shelf));
	shelf->host = fake_host_create("output.http_api");
	shelf->store = fake_store_create();
	fake_store_table(shelf->store, &first);
	shelf->handle = fake_host_store(shelf->host, fake_store_reader(), shelf->store);
	shelf->tables = catalog_cache_create(fake_host_ctx(shelf->host), shelf->handle);
	advance(shelf, 100 * CLOCK_SECOND);
	*state = shelf;
	return 0;
}

static int tear_down(void **state)
{
	struct shelf *shelf = *state;
	catalog_cache_destroy(shelf->tables);
	fake_host_store_free(shelf->handle);
	fake_store_destroy(shelf->store);
	fake_host_destroy(shelf->host);
	free(shelf);
	return 0;
}

static void expect(struct shelf *shelf, const char *name, bool there)
{
	const struct catalog *catalog;
	assert_int_equal(catalog_cache_get(shelf->tables, name, &catalog), 0);
	assert_int_equal(catalog_find(catalog, name) != NULL, there);
	catalog_drop(catalog);
}

/* ---- At once ------------------------------------------------------------- */

enum { GETTERS = 4 };

struct getter {
	pthread_t thread;
	struct shelf *shelf;
	const char *name;
	atomic_bool done;
};

static void *get(void *arg)
{
	struct getter *getter = arg;
	expect(getter->shelf, getter->name, true);
	atomic_store(&getter->done, true);
	return NULL;
}

static void start(struct getter *getter, struct shelf *shelf, const char *name)
{
	getter->shelf = shelf;
	getter->name = name;
	atomic_init(&getter->done, false);
	assert_int_equal(pthread_create(&getter->thread, NULL, get, getter), 0);
}

static void while_one_asks_anew_the_others_go_on_with_what_there_is(void **state)
{
	struct shelf *shelf = *state;
	struct getter getters[GETTERS];
	expect(shelf, "first", true);
	advance(shelf, 6 * CLOCK_SECOND);
	unsigned before = fake_store_queries(shelf->store);
	fake_store_hang(shelf->store, true);
	start(&getters[0], shelf, "first");
	bool hangs = WAITED_FOR(fake_store_hanging(shelf->store) == 1), go_on = true;
	for (int i = 1; i < GETTERS; i++) {
		start(&getters[i], shelf, "first");
		go_on &= WAITED_FOR(atomic_load(&getters[i].done));
	}
	fake_store_hang(shelf->store, false);
	for (int i = 0; i < GETTERS; i++)
		pthread_join(getters[i].thread, NULL);
	assert_true(hangs && go_on);
	assert_int_equal(fake_store_queries(shelf->store), before + 1);
	expect(shelf, "first", true);
	assert_int_equal(fake_store_queries(shelf->store), before + 1);
}

static void who_needs_another_table_asks_all_the_same(void **state)
{
	struct shelf *shelf = *state;
	struct getter getters[2];
	expect(shelf, "first", true);
	fake_store_table(shelf->store, &second);
	advance(shelf, 6 * CLOCK_SECOND);
	fake_store_hang(shelf->store, true);
	start(&getters[0], shelf, "first");
	bool hangs = WAITED_FOR(fake_store_hanging(shelf->store) == 1);
	start(&getters[1], shelf, "second");
	bool both = WAITED_FOR(fake_store_hanging(shelf->store) == 2);
	fake_store_hang(shelf->store, false);
	pthread_join(getters[0].thread, NULL);
	pthread_join(getters[1].thread, NULL);
	assert_true(hangs && both);
}

/* ---- One after another --------------------------------------------------- */

static void after_a_failure_the_next_one_asks_again(void **state)
{
	struct shelf *shelf = *state;
	const struct catalog *catalog;
	expect(shelf, "first", true);
	advance(shelf, 6 * CLOCK_SECOND);
	fake_store_fail(shelf->store, -EIO);
	assert_int_equal(catalog_cache_get(shelf->tables, "first", &catalog), -EIO);
	assert_int_equal(catalog_cache_get(shelf->tables, "first", &catalog), -EIO);
	fake_store_fail(shelf->store, 0);
	expect(shelf, "first", true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(while_one_asks_anew_the_others_go_on_with_what_there_is),
		TEST(who_needs_another_table_asks_all_the_same),
		TEST(after_a_failure_the_next_one_asks_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
