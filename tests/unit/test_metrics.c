#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "process/metrics.h"
#include "test.h"

static struct metrics *metrics;

static int start(void **state)
{
	(void)state;
	metrics = metrics_create();
	return metrics ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	metrics_destroy(metrics);
	return 0;
}

struct seen {
	char text[4096];
	double last;
	unsigned n, stop_after;
};

static int see(void *arg, const struct tally_sample *sample)
{
	struct seen *seen = arg;
	size_t at = strlen(seen->text);
	snprintf(seen->text + at, sizeof(seen->text) - at, "%s{%s} ", sample->name, sample->labels);
	seen->last = sample->value;
	return ++seen->n == seen->stop_after ? 7 : 0;
}

static void a_series_is_made_once_and_found_again(void **state)
{
	struct metric *a = metrics_counter(metrics, "rows_total", "x=\"1\"", NULL, "Rows.");
	(void)state;
	assert_ptr_equal(a, metrics_counter(metrics, "rows_total", "x=\"1\"", NULL, "Rows."));
	assert_ptr_not_equal(a, metrics_counter(metrics, "rows_total", "x=\"2\"", NULL, "Rows."));
	metric_add(a, 2);
	metric_add(a, 3);
	assert_int_equal(metric_get(a), 5);
}

static void series_come_sorted_by_name_then_labels(void **state)
{
	struct seen seen = {0};
	(void)state;
	metrics_gauge(metrics, "b", "", NULL, "");
	metrics_counter(metrics, "a_total", "x=\"2\"", NULL, "");
	metrics_gauge(metrics, "c", "", NULL, "");
	metrics_counter(metrics, "a_total", "x=\"1\"", NULL, "");
	assert_int_equal(metrics_each(metrics, see, &seen), 0);
	assert_string_equal(seen.text, "a_total{x=\"1\"} a_total{x=\"2\"} b{} c{} ");
}

static void whoever_looks_may_stop(void **state)
{
	struct seen seen = {.stop_after = 2};
	(void)state;
	for (int i = 0; i < 5; i++) {
		char name[16];
		snprintf(name, sizeof(name), "m%d", i);
		metrics_gauge(metrics, name, "", NULL, "");
	}
	assert_int_equal(metrics_each(metrics, see, &seen), 7);
	assert_int_equal(seen.n, 2);
}

static void nanoseconds_are_shown_in_seconds(void **state)
{
	struct seen seen = {0};
	(void)state;
	metric_add(metrics_counter(metrics, "t_seconds_total", "", "ns", ""), 1500000000);
	metrics_each(metrics, see, &seen);
	assert_true(seen.last > 1.499 && seen.last < 1.501);
}

static void a_gauge_may_be_negative(void **state)
{
	struct seen seen = {0};
	(void)state;
	metric_set(metrics_gauge(metrics, "g", "", NULL, ""), -4);
	metrics_each(metrics, see, &seen);
	assert_true(seen.last < -3.9);
}

static void labels_are_escaped(void **state)
{
	char labels[128] = "";
	(void)state;
	metrics_label(labels, sizeof(labels), "a", "x\"y\\z\nw");
	metrics_label(labels, sizeof(labels), "b", "plain");
	assert_string_equal(labels, "a=\"x\\\"y\\\\z\\nw\",b=\"plain\"");
}

static void a_label_that_does_not_fit_is_cut_but_whole(void **state)
{
	(void)state;
	for (size_t size = 1; size < 24; size++) {
		char labels[32];
		memset(labels, '#', sizeof(labels));
		labels[0] = '\0';
		metrics_label(labels, size, "key", "\"\"\"\"\"\"\"\"");
		assert_true(strlen(labels) < size);
		assert_int_equal(labels[size], '#');
		if (*labels) {
			size_t len = strlen(labels);
			assert_int_equal(labels[len - 1], '"');
			assert_int_equal(labels[len - 2], '"');
			assert_int_equal(len % 2, 0); /* no escape was cut in two */
		}
	}
}

static void many_series_are_all_there(void **state)
{
	struct seen seen = {0};
	(void)state;
	for (int i = 0; i < 3000; i++) {
		char labels[32] = "", value[16];
		snprintf(value, sizeof(value), "%d", i * 7919 % 3000);
		metrics_label(labels, sizeof(labels), "n", value);
		metric_add(metrics_counter(metrics, "many_total", labels, NULL, ""), 1);
	}
	metrics_each(metrics, see, &seen);
	assert_int_equal(seen.n, 3000);
}

/* ---- Together ----------------------------------------------------------------- */

static atomic_bool over;

static void *move(void *arg)
{
	struct metric *from = metrics_gauge(metrics, "from", "", NULL, "");
	struct metric *to = metrics_gauge(metrics, "to", "", NULL, "");
	(void)arg;
	for (int64_t i = 0; !atomic_load(&over); i++) {
		metrics_begin(metrics);
		metric_set(from, -i);
		metric_set(to, i);
		metrics_end(metrics);
	}
	return NULL;
}

static int add_up(void *arg, const struct tally_sample *sample)
{
	double *sum = arg;
	*sum += sample->value;
	return 0;
}

static void what_changes_together_is_seen_together(void **state)
{
	pthread_t thread;
	(void)state;
	for (int i = 0; i < 1000; i++) { /* between the two, to make looking take a while */
		char name[16];
		snprintf(name, sizeof(name), "m%d", i);
		metrics_gauge(metrics, name, "", NULL, "");
	}
	atomic_store(&over, false);
	pthread_create(&thread, NULL, move, NULL);
	for (int i = 0; i < 1000; i++) {
		double sum = 0;
		assert_int_equal(metrics_each(metrics, add_up, &sum), 0);
		assert_true(sum > -0.5 && sum < 0.5);
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_series_is_made_once_and_found_again),
		TEST(series_come_sorted_by_name_then_labels),
		TEST(whoever_looks_may_stop),
		TEST(nanoseconds_are_shown_in_seconds),
		TEST(a_gauge_may_be_negative),
		TEST(labels_are_escaped),
		TEST(a_label_that_does_not_fit_is_cut_but_whole),
		TEST(many_series_are_all_there),
		TEST(what_changes_together_is_seen_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
