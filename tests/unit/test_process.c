#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "process/process.h"
#include "test.h"

static void *wait_for_end(void *end)
{
	sem_wait(end);
	return NULL;
}

static void files_and_threads_are_counted(void **state)
{
	struct process_usage before, with;
	pthread_t thread;
	sem_t end;
	(void)state;
	sem_init(&end, 0, 0);
	process_read(&before);
	int fds[] = {open("/dev/null", O_RDONLY), open("/dev/null", O_RDONLY)};
	pthread_create(&thread, NULL, wait_for_end, &end);
	process_read(&with);
	assert_int_equal(with.open_fds, before.open_fds + 2);
	/* A sanitizer may have a thread of its own that begins now. */
	assert_true(with.threads > before.threads);
	sem_post(&end);
	pthread_join(thread, NULL);
	close(fds[0]);
	close(fds[1]);
}

static void memory_and_start_are_plausible(void **state)
{
	struct process_usage usage;
	(void)state;
	process_read(&usage);
	assert_true(usage.resident_bytes > 100 * 1024);
	double age = (double)time(NULL) - usage.start_time;
	assert_true(age > -5 && age < 600);
}

static void processor_time_grows_with_work(void **state)
{
	struct process_usage before, after;
	volatile unsigned long x = 0;
	(void)state;
	process_read(&before);
	after = before;
	for (int i = 0; i < 10000 && after.cpu_seconds <= before.cpu_seconds; i++) {
		for (int j = 0; j < 1000000; j++)
			x = x + (unsigned long)j;
		process_read(&after);
	}
	assert_true(after.cpu_seconds > before.cpu_seconds);
}

static int collect(void *arg, const struct tally_sample *sample)
{
	char *names = arg;
	size_t len = strlen(names);
	snprintf(names + len, 512 - len, "%s ", sample->name);
	return 0;
}

static void samples_bear_the_names_that_prometheus_uses(void **state)
{
	char names[512] = "";
	(void)state;
	assert_int_equal(process_samples(collect, names), 0);
	assert_string_equal(names, "process_cpu_seconds_total process_open_fds "
				   "process_resident_memory_bytes process_start_time_seconds "
				   "process_threads ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_and_threads_are_counted),
		cmocka_unit_test(memory_and_start_are_plausible),
		cmocka_unit_test(processor_time_grows_with_work),
		cmocka_unit_test(samples_bear_the_names_that_prometheus_uses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
