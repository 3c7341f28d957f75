/* Of what a health check printed, the line that says how it is. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "health_output.h"
#include "test.h"

#define CURL_HEAD                                                                                  \
	"  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n"        \
	"                                 Dload  Upload   Total   Spent    Left  Speed\n"
#define CURL_METER                                                                                 \
	"\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0"
#define CURL_SLOW "\r  0     0    0     0    0     0      0      0 --:--:--  0:00:01 --:--:--     0"
#define CURL_DONE                                                                                  \
	"\r100   153  100   153    0     0  76500      0 --:--:-- --:--:-- --:--:-- 76.5k\n"

struct told {
	const char *output, *line;
};

static void check(const struct told *told, size_t n, bool failed)
{
	for (size_t i = 0; i < n; i++) {
		char line[HEALTH_OUTPUT_MAX + 1];
		/* A copy of its size, so that reading past its end is seen. */
		size_t size = strlen(told[i].output);
		char *output = malloc(size + 1);
		assert_non_null(output);
		memcpy(output, told[i].output, size);
		size_t len = health_output_line(output, size, failed, line);
		free(output);
		assert_string_equal(line, told[i].line);
		assert_int_equal(len, strlen(line));
	}
}

static void of_a_check_that_failed_the_line_that_says_why_is_told(void **state)
{
	static const struct told told[] = {
		{CURL_HEAD CURL_METER
		 "\ncurl: (7) Failed to connect to localhost port 80: Connection refused\n",
		 "curl: (7) Failed to connect to localhost port 80: Connection refused"},
		{CURL_HEAD CURL_METER CURL_METER
		 "curl: (22) The requested URL returned error: 503 Service Unavailable\n",
		 "curl: (22) The requested URL returned error: 503 Service Unavailable"},
		{CURL_HEAD CURL_METER CURL_SLOW CURL_METER "\r\ncurl: (28) Operation timed out\r\n",
		 "curl: (28) Operation timed out"},
		{"Health check exceeded timeout (5s):   % Total    % Received % Xferd  Average "
		 "Speed\n                                 Dload  Upload\n" CURL_METER CURL_SLOW,
		 "Health check exceeded timeout (5s):"},
		{"Connecting to localhost:8080 (127.0.0.1:8080)\nwget: server returned error: "
		 "HTTP/1.1 503 Service Unavailable\n",
		 "wget: server returned error: HTTP/1.1 503 Service Unavailable"},
		{"Traceback (most recent call last):\n  File \"/usr/lib/urllib/error.py\", line 9\n"
		 "    raise URLError(err)\nurllib.error.URLError: <urlopen error [Errno 111]>\n",
		 "urllib.error.URLError: <urlopen error [Errno 111]>"},
		{"Exception in thread \"main\" java.lang.RuntimeException: no\n"
		 "\tat Main.main(Main.java:3)\nCaused by: java.net.ConnectException: refused\n"
		 "\tat java.net.ConnectException.fail(X.java:1)\n\t... 3 more\n",
		 "Caused by: java.net.ConnectException: refused"},
		{"Error: connect ECONNREFUSED 127.0.0.1:3000\n    at TCPConnectWrap.afterConnect "
		 "[as oncomplete] (net.js:1141:16) {\n  errno: 'ECONNREFUSED'\n}\n",
		 "Error: connect ECONNREFUSED 127.0.0.1:3000"},
		{"no such file\nmore\n", "no such file"},
		{"checking the queue\nthe queue is 12000 long\n", "the queue is 12000 long"},
		{"\033[31mERROR\033[0m: cannot \033[1mread\n", "ERROR: cannot read"},
		{"{\n  \"status\": \"DOWN\"\n}\n", "\"status\": \"DOWN\""},
		{"\n\n  \n", ""},
		{"", ""},
	};
	(void)state;
	check(told, sizeof(told) / sizeof(told[0]), true);
}

static void of_a_check_that_passed_the_first_line_is_told(void **state)
{
	static const struct told told[] = {
		{"fine\nmore\n", "fine"},
		{"OK, 0 errors\nbye\n", "OK, 0 errors"},
		{CURL_HEAD CURL_METER CURL_DONE "{\"status\":\"UP\"}\n", "{\"status\":\"UP\"}"},
		{"OK" CURL_HEAD CURL_METER CURL_DONE, "OK"},
		{CURL_HEAD CURL_DONE, ""},
		{"12:00:00 up 3 days\n", "12:00:00 up 3 days"},
		{"\t\n  <html>\n", "<html>"},
		{"one\rtwo\rthree\n", "three"},
	};
	(void)state;
	check(told, sizeof(told) / sizeof(told[0]), false);
}

static void a_long_line_is_cut_at_a_character(void **state)
{
	char output[3 * HEALTH_OUTPUT_MAX], line[HEALTH_OUTPUT_MAX + 1];
	(void)state;
	for (size_t before = 0; before < 4; before++) {
		size_t len = before;
		memset(output, 'x', before);
		for (; len + 3 <= sizeof(output); len += 3)
			memcpy(output + len, "\u20ac", 3);
		size_t cut = health_output_line(output, len, true, line);
		assert_true(cut > HEALTH_OUTPUT_MAX - 3 && cut <= HEALTH_OUTPUT_MAX);
		assert_int_equal((cut - before) % 3, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_check_that_failed_the_line_that_says_why_is_told),
		cmocka_unit_test(of_a_check_that_passed_the_first_line_is_told),
		cmocka_unit_test(a_long_line_is_cut_at_a_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
