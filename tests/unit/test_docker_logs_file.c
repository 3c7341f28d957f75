/* The engine's files: written, rotated, removed and truncated as the json-file driver does. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "logs/log_file.h"
#include "logs/log_lines.h"
#include "logs/log_record.h"
#include "base/rfc3339.h"
#include "test.h"

struct driver {
	char dir[40], path[60];
	uint32_t written, max_files;
	int64_t time;
	uint64_t dice;
	/* The reader. */
	struct log_file file;
	struct log_lines lines;
	char *buffer;
	uint32_t next; /* the line that is expected */
};

static uint32_t roll(struct driver *driver, uint32_t n)
{
	driver->dice = driver->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(driver->dice >> 33) % n;
}

/* ---- The driver ---- */

static void driver_begin(struct driver *driver)
{
	*driver = (struct driver){.max_files = 4, .time = INT64_C(1700000000000000000), .dice = 1};
	snprintf(driver->dir, sizeof(driver->dir), "/tmp/test_log_file_XXXXXX");
	assert_non_null(mkdtemp(driver->dir));
	snprintf(driver->path, sizeof(driver->path), "%s/x-json.log", driver->dir);
	driver->buffer = malloc(LOG_FILE_BUFFER);
	assert_non_null(driver->buffer);
	driver->lines.max = 1 << 20;
	close(open(driver->path, O_CREAT | O_WRONLY, 0600));
}

static void nth(const struct driver *driver, uint32_t n, char ret[80])
{
	snprintf(ret, 80, n ? "%s.%u" : "%s", driver->path, n);
}

static void driver_end(struct driver *driver)
{
	char name[80];
	for (uint32_t n = 0; n < 40; n++) {
		nth(driver, n, name);
		unlink(name);
	}
	log_file_close(&driver->file);
	log_lines_done(&driver->lines);
	free(driver->buffer);
	assert_int_equal(rmdir(driver->dir), 0);
}

static void append(const struct driver *driver, const char *text)
{
	FILE *file = fopen(driver->path, "a");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* Numbered lines; some share their time, some are long. */
static void print_lines(struct driver *driver, uint32_t n)
{
	FILE *file = fopen(driver->path, "a");
	assert_non_null(file);
	for (uint32_t i = 0; i < n; i++) {
		char time[RFC3339_SIZE];
		driver->time += roll(driver, 3) ? CLOCK_MS : 0;
		rfc3339_format(driver->time, time);
		fprintf(file, "{\"log\":\"%u %.*s\\n\",\"stream\":\"stdout\",\"time\":\"%s\"}\n",
			driver->written++, (int)roll(driver, 300),
			"a text of any length, a text of any length, a text of any length, a text "
			"of any length, a text of any length, a text of any length, a text of any "
			"length",
			time);
	}
	assert_int_equal(fclose(file), 0);
}

static void rotate(const struct driver *driver)
{
	char from[80], to[80];
	for (uint32_t n = driver->max_files - 1; n > 0; n--) {
		nth(driver, n - 1, from);
		nth(driver, n, to);
		(void)rename(from, to);
	}
	close(open(driver->path, O_CREAT | O_WRONLY, 0600));
}

/* ---- The reader ---- */

static enum log_outcome on_line(void *arg, const struct log_line *line)
{
	struct driver *driver = arg;
	assert_int_equal(strtoul(line->text, NULL, 10), driver->next);
	driver->next++;
	return LOG_MORE;
}

static enum log_outcome on_part(void *arg, const struct log_part *part)
{
	struct driver *driver = arg;
	return log_lines_part(&driver->lines, part, on_line, driver);
}

static int reopen_last(struct driver *driver, uint32_t last_lines)
{
	const struct log_begin begin = {.resume = &driver->lines.resume,
					.last_lines = last_lines,
					.buffer = driver->buffer};
	log_file_close(&driver->file);
	log_lines_restart(&driver->lines);
	return log_file_open(&driver->file, driver->path, &begin);
}

static void read_to_end(struct driver *driver)
{
	for (;;) {
		log_file_refresh(&driver->file);
		int state = log_file_read(&driver->file, driver->buffer, on_part, driver);
		if (state == LOG_END && !log_file_refresh(&driver->file))
			return;
		assert_true(state == LOG_MORE || state == LOG_END);
	}
}

/* ---- Tests ---- */

static void every_line_is_read_once_over_rotations_and_reopenings(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct driver driver;
		driver_begin(&driver);
		driver.dice = seed;
		assert_int_equal(reopen_last(&driver, 0), 0);
		for (int step = 0; step < 150; step++) {
			print_lines(&driver, roll(&driver, 400));
			/* At most as many as leave all that is not read within the files. */
			for (uint32_t n = roll(&driver, 3); n > 0; n--) {
				rotate(&driver);
				print_lines(&driver, roll(&driver, 50));
			}
			if (roll(&driver, 3) == 0)
				assert_int_equal(reopen_last(&driver, 0), 0);
			read_to_end(&driver);
			assert_int_equal(driver.next, driver.written);
		}
		assert_int_equal(driver.file.damaged, 0);
		driver_end(&driver);
	}
}

static void a_removed_file_is_read_to_its_end(void **state)
{
	struct driver driver;
	(void)state;
	driver_begin(&driver);
	assert_int_equal(reopen_last(&driver, 0), 0);
	print_lines(&driver, 1000);
	assert_int_equal(unlink(driver.path), 0);
	read_to_end(&driver);
	assert_int_equal(driver.next, 1000);
	assert_true(driver.file.missing);
	driver_end(&driver);
}

static void files_that_came_and_went_unseen_are_a_gap(void **state)
{
	struct driver driver;
	(void)state;
	driver_begin(&driver);
	assert_int_equal(reopen_last(&driver, 0), 0);
	print_lines(&driver, 100);
	read_to_end(&driver);
	assert_int_equal(driver.file.gaps, 0);
	for (int i = 0; i < 6; i++) {
		rotate(&driver);
		print_lines(&driver, 100);
	}
	driver.next = 300; /* six times 100 more, the last 400 of them are still there */
	read_to_end(&driver);
	assert_int_equal(driver.next, 700);
	assert_int_equal(driver.file.gaps, 1);
	driver_end(&driver);
}

static void a_gap_is_noticed_when_reading_is_resumed(void **state)
{
	struct driver driver;
	(void)state;
	driver_begin(&driver);
	print_lines(&driver, 100);
	assert_int_equal(reopen_last(&driver, 0), 0);
	read_to_end(&driver);
	assert_int_equal(unlink(driver.path), 0);
	driver.time += CLOCK_MS;
	print_lines(&driver, 10);
	assert_int_equal(reopen_last(&driver, 0), 0);
	assert_int_equal(driver.file.gaps, 1);
	read_to_end(&driver);
	assert_int_equal(driver.next, 110);
	driver_end(&driver);
}

static void a_file_written_anew_is_read_from_its_beginning(void **state)
{
	struct driver driver;
	(void)state;
	driver_begin(&driver);
	print_lines(&driver, 100);
	assert_int_equal(reopen_last(&driver, 0), 0);
	read_to_end(&driver);
	assert_int_equal(truncate(driver.path, 0), 0);
	driver.time += CLOCK_MS;
	print_lines(&driver, 10);
	read_to_end(&driver);
	assert_int_equal(driver.next, 110);
	assert_int_equal(driver.file.gaps, 1);
	driver_end(&driver);
}

static void only_the_last_lines_are_read_at_first_sight_if_wanted(void **state)
{
	static const uint32_t wanted[] = {1, 10, 30, 35, 100, 5000};
	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct driver driver;
		driver_begin(&driver);
		print_lines(&driver, 70);
		rotate(&driver);
		print_lines(&driver, 30);
		driver.next = wanted[i] < 100 ? 100 - wanted[i] : 0;
		assert_int_equal(reopen_last(&driver, wanted[i]), 0);
		read_to_end(&driver);
		assert_int_equal(driver.next, 100);
		driver_end(&driver);
	}
}

static void a_needed_file_that_is_compressed_is_reported(void **state)
{
	struct driver driver;
	char zipped[80];
	(void)state;
	driver_begin(&driver);
	print_lines(&driver, 10);
	snprintf(zipped, sizeof(zipped), "%s.1.gz", driver.path);
	close(open(zipped, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(reopen_last(&driver, 0), -ENOTSUP);
	assert_int_equal(reopen_last(&driver, 5), 0);
	unlink(zipped);
	driver_end(&driver);
}

static void records_that_are_none_are_counted_and_passed_over(void **state)
{
	struct driver driver;
	(void)state;
	driver_begin(&driver);
	print_lines(&driver, 1);
	append(&driver,
	       "{\"log\":\"torn{\"log\":\"x\\n\"}\nrubbish\n\n[]\n{\"log\":\"no time\"}\n");
	char *long_line = malloc(3 * LOG_FILE_BUFFER);
	assert_non_null(long_line);
	memset(long_line, 'x', 3 * LOG_FILE_BUFFER);
	memcpy(long_line + 3 * LOG_FILE_BUFFER - 2, "\n", 2);
	append(&driver, long_line);
	free(long_line);
	print_lines(&driver, 1);
	assert_int_equal(reopen_last(&driver, 0), 0);
	read_to_end(&driver);
	assert_int_equal(driver.next, 2);
	assert_int_equal(driver.file.damaged, 6);
	driver_end(&driver);
}

static void a_record_that_is_not_whole_yet_is_waited_for(void **state)
{
	struct driver driver;
	(void)state;
	driver_begin(&driver);
	assert_int_equal(reopen_last(&driver, 0), 0);
	append(&driver, "{\"log\":\"0\\n\",\"stream\":\"std");
	read_to_end(&driver);
	assert_int_equal(driver.next, 0);
	append(&driver, "out\",\"time\":\"2026-11-23T16:18:12Z\"}\n");
	read_to_end(&driver);
	assert_int_equal(driver.next, 1);
	driver_end(&driver);
}

static void links_and_other_things_are_no_logs(void **state)
{
	struct driver driver;
	(void)state;
	driver_begin(&driver);
	unlink(driver.path);
	assert_int_equal(reopen_last(&driver, 0), -ENOENT);
	assert_int_equal(symlink("/etc/hostname", driver.path), 0);
	assert_int_equal(reopen_last(&driver, 0), -ELOOP);
	unlink(driver.path);
	assert_int_equal(mkfifo(driver.path, 0600), 0);
	assert_int_equal(reopen_last(&driver, 0), -EINVAL);
	driver_end(&driver);
}

static void a_record_says_stream_time_and_whether_its_line_ends(void **state)
{
	char whole[] =
		"{\"log\":\"a\\u00e9\\u0000\\n\",\"attrs\":{\"k\":[1]},\"stream\":\"stderr\","
		"\"time\":\"2026-11-23T16:17:25.522965471Z\"}";
	char open[] = "{\"log\":\"tail\",\"stream\":\"stdout\",\"time\":\"2026-11-23T16:17:25Z\"}";
	char empty[] = "{\"stream\":\"stdout\",\"time\":\"2026-11-23T16:17:25Z\"}";
	struct log_part part = {0};
	(void)state;
	assert_true(log_record_read(whole, sizeof(whole) - 1, &part));
	assert_int_equal(part.stream, LOG_STDERR);
	assert_int_equal(part.time, INT64_C(1795450645522965471));
	assert_int_equal(part.len, 6);
	assert_memory_equal(part.text, "a\xc3\xa9\xef\xbf\xbd", 6);
	assert_true(part.ends);
	assert_true(log_record_read(open, sizeof(open) - 1, &part));
	assert_int_equal(part.len, 4);
	assert_true(part.ends);
	assert_true(log_record_read(empty, sizeof(empty) - 1, &part));
	assert_int_equal(part.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_is_read_once_over_rotations_and_reopenings),
		cmocka_unit_test(a_removed_file_is_read_to_its_end),
		cmocka_unit_test(files_that_came_and_went_unseen_are_a_gap),
		cmocka_unit_test(a_gap_is_noticed_when_reading_is_resumed),
		cmocka_unit_test(a_file_written_anew_is_read_from_its_beginning),
		cmocka_unit_test(only_the_last_lines_are_read_at_first_sight_if_wanted),
		cmocka_unit_test(a_needed_file_that_is_compressed_is_reported),
		cmocka_unit_test(records_that_are_none_are_counted_and_passed_over),
		cmocka_unit_test(a_record_that_is_not_whole_yet_is_waited_for),
		cmocka_unit_test(links_and_other_things_are_no_logs),
		cmocka_unit_test(a_record_says_stream_time_and_whether_its_line_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
