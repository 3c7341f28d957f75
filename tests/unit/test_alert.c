#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alert.h"
#include "alert_fixture.h"
#include "alert_table.h"
#include "base/clock.h"
#include "test.h"
#include "waiting.h"

const struct tally_plugin *tally_plugin(void);

static char folder[] = "/tmp/tallyd-alert-XXXXXX";

/* A rule as an instance, with its thread. */
struct running {
	struct fake_host *host;
	struct alert_config config;
	void *self;
	pthread_t thread;
};

static void *run(void *arg)
{
	struct running *running = arg;
	tally_plugin()->input->run(running->self);
	return NULL;
}

static int create(struct running *running, const char *when)
{
	const struct tally_plugin *plugin = tally_plugin();
	*running = (struct running){.host = fake_host_create("alert.busy"),
				    .config = {.when = when, .severity = 1, .max_subjects = 10}};
	fake_host_set_tables(running->host, fixture_tables);
	fake_host_ctx(running->host)->state_dir = folder;
	return plugin->create(fake_host_ctx(running->host), &running->config, &running->self);
}

static void begin(struct running *running, const char *position)
{
	assert_int_equal(create(running, "max(cpu_percent) > 90"), 0);
	fake_host_set_safe(running->host, position);
	assert_int_equal(tally_plugin()->start(running->self), 0);
	assert_int_equal(pthread_create(&running->thread, NULL, run, running), 0);
}

static void stop(struct running *running)
{
	fake_host_stop(running->host);
	pthread_join(running->thread, NULL);
}

static void end(struct running *running)
{
	stop(running);
	tally_plugin()->destroy(running->self);
	fake_host_destroy(running->host);
}

static void show(struct running *running, double cpu)
{
	struct tally_ctx *ctx = fake_host_ctx(running->host);
	struct tally_batch *batch = fixture_stats_row(ctx, tally_now(ctx), "web", cpu, 1, 1);
	tally_plugin()->watcher->watch(running->self, batch);
	tally_batch_drop(ctx, batch);
}

static void assert_text(const struct tally_cell *row, const char *column, const char *text)
{
	const struct tally_cell *cell = fake_cell(&alerts_table, row, column);
	char found[400];
	snprintf(found, sizeof(found), "%.*s", (int)cell->len, cell->text);
	assert_string_equal(found, text);
}

static void a_change_is_a_row_with_a_position(void **state)
{
	struct running running;
	(void)state;
	begin(&running, "");
	show(&running, 97.25);
	WAIT_UNTIL(fake_host_rows(running.host, "alerts") >= 1);
	const struct tally_cell *row = fake_host_row(running.host, "alerts", 0);
	assert_text(row, "host", "box");
	assert_text(row, "rule", "busy");
	assert_text(row, "subject", "web");
	assert_text(row, "state", "firing");
	assert_text(row, "severity", "warning");
	assert_text(row, "summary", "web: max(cpu_percent) > 90, now 97.25%");
	assert_true(fake_cell(&alerts_table, row, "value")->f == 97.25);
	assert_int_equal(fake_cell(&alerts_table, row, "notified")->i, 1);
	assert_string_equal(fake_host_position(running.host, 0), "1");
	assert_non_null(strstr(fake_host_log(running.host, TALLY_WARNING),
			       "firing: web: max(cpu_percent) > 90, now 97.25%"));
	end(&running);
}

/* What was written before the crash, and not emitted, or not safe, comes again with the same key.
 */
static void what_a_crash_interrupted_is_emitted_again_and_nothing_else(void **state)
{
	struct running running;
	(void)state;
	begin(&running, "");
	WAIT_UNTIL(fake_host_rows(running.host, "alerts") >= 1);
	const struct tally_cell *row = fake_host_row(running.host, "alerts", 0);
	assert_text(row, "state", "firing");
	int64_t time = fake_cell(&alerts_table, row, "time")->i;
	assert_true(time < tally_now(fake_host_ctx(running.host)));
	show(&running, 99);
	end(&running);
	begin(&running, "1");
	show(&running, 99);
	show(&running, 1);
	WAIT_UNTIL(fake_host_metric(running.host, METRIC_ROWS) >= 2);
	stop(&running);
	assert_int_equal(fake_host_rows(running.host, "alerts"), 0);
	tally_plugin()->destroy(running.self);
	fake_host_destroy(running.host);
}

static void a_mistake_names_the_option(void **state)
{
	struct running running;
	(void)state;
	assert_int_equal(create(&running, "max(cpu_percent) > 90Mi"), -EINVAL);
	assert_string_equal(fake_host_reason(running.host),
			    "when: at character 20, \"90Mi\": cpu_percent is in percent: expected "
			    "a percentage, such as 90");
	fake_host_destroy(running.host);
}

/* One conf.d may serve processes of which only some have the inputs. */
static void a_name_that_no_input_has_is_a_mistake_for_check_only(void **state)
{
	struct running running;
	(void)state;
	assert_int_equal(create(&running, "max(cpu) > 90"), 0);
	assert_non_null(strstr(fake_host_log(running.host, TALLY_NOTICE),
			       "never fires here, as no input has what it is about: when: at "
			       "character 5, \"cpu\": no such column"));
	assert_int_equal(tally_plugin()->start(running.self), 0);
	show(&running, 99);
	assert_int_equal(pthread_create(&running.thread, NULL, run, &running), 0);
	assert_int_equal(tally_plugin()->check(fake_host_ctx(running.host), &running.config),
			 -ENOENT);
	end(&running);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_a_row_with_a_position),
		cmocka_unit_test(what_a_crash_interrupted_is_emitted_again_and_nothing_else),
		cmocka_unit_test(a_mistake_names_the_option),
		cmocka_unit_test(a_name_that_no_input_has_is_a_mistake_for_check_only),
	};
	char kept[64];
	if (!mkdtemp(folder))
		return 1;
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(kept, sizeof(kept), "%s/alert.busy.rows", folder);
	unlink(kept);
	return rmdir(folder) < 0 ? 1 : r;
}
