#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/rfc3339.h"
#include "test.h"

static int parse(const char *text, int64_t *ret)
{
	return rfc3339_parse(text, strlen(text), ret);
}

static void engine_times_keep_their_nanoseconds(void **state)
{
	int64_t ns = 0;
	char text[RFC3339_SIZE];
	(void)state;
	assert_int_equal(parse("2026-11-23T16:18:02.743741018Z", &ns), 0);
	assert_int_equal(ns, INT64_C(1795450682743741018));
	rfc3339_format(ns, text);
	assert_string_equal(text, "2026-11-23T16:18:02.743741018Z");
}

static void an_offset_is_taken_off(void **state)
{
	int64_t east = 0, utc = 0;
	(void)state;
	assert_int_equal(parse("2026-11-23T18:18:02.5+02:00", &east), 0);
	assert_int_equal(parse("2026-11-23T16:18:02.500Z", &utc), 0);
	assert_int_equal(east, utc);
}

static void the_engines_zero_time_is_out_of_range(void **state)
{
	int64_t ns = 7;
	(void)state;
	assert_int_equal(parse("0001-01-01T00:00:00Z", &ns), -ERANGE);
	assert_int_equal(ns, 7);
}

static void what_is_not_a_time_is_refused(void **state)
{
	static const char *const bad[] = {"",
					  "2026",
					  "2026-13-01T00:00:00Z",
					  "2026-02-29T00:00:00Z",
					  "2026-11-23T24:00:00Z",
					  "2026-11-23T00:00:00",
					  "2026-11-23T00:00:00Zx",
					  "2026-11-23T00:00:00.Z",
					  "2026-11-23T00:00:00+1:00",
					  "-026-11-23T00:00:00Z"};
	int64_t ns;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i], &ns), -EINVAL);
}

static void a_fraction_is_as_short_as_it_can_be(void **state)
{
	char text[RFC3339_SIZE];
	(void)state;
	rfc3339_format(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	rfc3339_format(500000000, text);
	assert_string_equal(text, "1970-01-01T00:00:00.500Z");
	rfc3339_format(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999999999Z");
}

static void each_day_of_six_centuries_is_written_as_libc_does_and_read_back(void **state)
{
	const int64_t day = 86400, second = INT64_C(1000000000);
	/* From the first of 1678 to the last of 2261, each at another time of the day. */
	(void)state;
	for (int64_t n = -106650; n <= 106650; n++) {
		char text[RFC3339_SIZE], wanted[RFC3339_SIZE];
		int64_t back = 0;
		time_t at = n * day + (n * 7919 % day + day) % day;
		struct tm tm;
		assert_non_null(gmtime_r(&at, &tm));
		assert_int_equal(strftime(wanted, sizeof(wanted), "%Y-%m-%dT%H:%M:%SZ", &tm), 20);
		assert_int_equal(rfc3339_format(at * second, text), 20);
		assert_string_equal(text, wanted);
		assert_int_equal(parse(text, &back), 0);
		assert_int_equal(back, at * second);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(engine_times_keep_their_nanoseconds),
		cmocka_unit_test(an_offset_is_taken_off),
		cmocka_unit_test(the_engines_zero_time_is_out_of_range),
		cmocka_unit_test(what_is_not_a_time_is_refused),
		cmocka_unit_test(each_day_of_six_centuries_is_written_as_libc_does_and_read_back),
		cmocka_unit_test(a_fraction_is_as_short_as_it_can_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
