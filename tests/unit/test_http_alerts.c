/* The list of alerts when there are more than an answer holds. */
#include <alert/alert_table.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http_fixture.h"
#include "test.h"

static void add_alert(struct http_fixture *fixture, const char *subject, const char *state,
		      int64_t time, const char *summary)
{
	struct fake_store *store = fixture->store;
	struct tally_cell *row = fake_store_row(store, "alerts");
	fake_store_int(store, row, "time", time);
	fake_store_text(store, row, "host", "alpha");
	fake_store_text(store, row, "rule", "busy");
	fake_store_text(store, row, "subject", subject);
	fake_store_text(store, row, "state", state);
	fake_store_text(store, row, "summary", summary);
}

static int set_up(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	fake_store_table(fixture->store, &alerts_table);
	*state = fixture;
	return 0;
}

/* 36 MB, where an answer reads 32. */
static void too_many_subjects_are_refused_with_the_way_out_and_never_a_part_of_them(void **state)
{
	struct http_fixture *fixture = *state;
	char subject[32], *summary = calloc(1, 120001);
	memset(summary, 'x', 120000);
	for (int i = 0; i < 300; i++) {
		snprintf(subject, sizeof(subject), "service-%04d", i);
		add_alert(fixture, subject, "firing", HTTP_NOW - i * CLOCK_SECOND, summary);
	}
	http_start(fixture);
	http_expect_problem(fixture, "/api/v1/alerts", 413, NULL,
			    "or for some by host, name or service");
	http_expect_problem(fixture, "/api/v1/alerts?state=resolved", 413, NULL,
			    "too many results");
	struct http_answer answer = http_get(fixture, "/api/v1/alerts?service=service-001*");
	assert_int_equal(answer.status, 200);
	assert_int_equal(json_array_size(json_object_get(answer.json, "data")), 10);
	http_free(&answer);
	free(summary);
}

static void an_alert_is_what_its_newest_row_says(void **state)
{
	struct http_fixture *fixture = *state;
	add_alert(fixture, "web", "firing", HTTP_NOW - CLOCK_HOUR, "it is busy");
	add_alert(fixture, "web", "resolved", HTTP_NOW - CLOCK_MINUTE, "it is over");
	add_alert(fixture, "db", "firing", HTTP_NOW - 300 * CLOCK_DAY, "it is busy");
	http_start(fixture);
	struct http_answer answer = http_get(fixture, "/api/v1/alerts?state=firing");
	assert_int_equal(answer.status, 200);
	assert_int_equal(json_array_size(json_object_get(answer.json, "data")), 1);
	assert_non_null(strstr(answer.body, "\"subject\":\"db\""));
	http_free(&answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(too_many_subjects_are_refused_with_the_way_out_and_never_a_part_of_them),
		TEST(an_alert_is_what_its_newest_row_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
