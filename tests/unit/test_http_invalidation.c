/* What a shared cache publishes becomes changes of tables: a burst is one change, none gets lost.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>

#include "cache/invalidation.h"
#include "fake_host.h"
#include "test.h"
#include "waiting.h"

enum { ROWS = 100 };

struct published {
	bool broken; /* the connection is lost right behind the last row */
	atomic_uint connected, everything, events, images;
};

static int subscribe(void *self, const char *const *channels, int stop_fd,
		     tally_message_fn *message, void *arg)
{
	struct published *published = self;
	struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
	char text[] = "{}";
	(void)channels;
	if (atomic_fetch_add(&published->connected, 1) > 0) {
		poll(&stop, 1, -1);
		return -ECANCELED;
	}
	message(arg, NULL, NULL, 0);
	for (int i = 0; i < ROWS; i++)
		message(arg, i == 7 ? "rows:docker_images" : "rows:container_events", text, 2);
	if (published->broken)
		return -ECONNRESET;
	message(arg, NULL, NULL, 0);
	poll(&stop, 1, -1);
	return -ECANCELED;
}

static void changed(void *arg, const char *table)
{
	struct published *published = arg;
	if (!table)
		atomic_fetch_add(&published->everything, 1);
	else if (strcmp(table, "container_events") == 0)
		atomic_fetch_add(&published->events, 1);
	else if (strcmp(table, "docker_images") == 0)
		atomic_fetch_add(&published->images, 1);
}

static void count_changes(bool broken)
{
	static const struct tally_cache_ops ops = {.size = sizeof(ops), .subscribe = subscribe};
	struct published published = {.broken = broken};
	struct fake_host *host = fake_host_create("output.http_api");
	const struct tally_named_cache cache = {"redis", fake_host_cache(&ops, &published)};
	struct invalidation *invalidation;
	assert_int_equal(
		invalidation_open(fake_host_ctx(host), &cache, changed, &published, &invalidation),
		0);
	WAIT_UNTIL(atomic_load(&published.images) > 0);
	invalidation_close(invalidation);
	assert_int_equal(atomic_load(&published.events), 1);
	assert_int_equal(atomic_load(&published.images), 1);
	assert_int_equal(atomic_load(&published.everything), 1);
	fake_host_cache_free(cache.cache);
	fake_host_destroy(host);
}

static void a_burst_of_rows_changes_each_table_once(void **state)
{
	(void)state;
	count_changes(false);
}

static void rows_before_a_lost_connection_count(void **state)
{
	(void)state;
	count_changes(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_of_rows_changes_each_table_once),
		cmocka_unit_test(rows_before_a_lost_connection_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
