/* A row of tallyd_self: what the daemon's metrics add up to, and that what is not known is NULL. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "fake_host.h"
#include "self_samples.h"
#include "self_table.h"
#include "test.h"

const struct tally_plugin *tally_plugin(void);

static void add(struct self_samples *samples, const char *name, const char *labels, double value)
{
	const struct tally_sample sample = {.name = name, .labels = labels, .value = value};
	assert_int_equal(self_samples_add(samples, &sample), 0);
}

static void metrics_are_added_up(void **state)
{
	struct self_samples samples = {.failing = 0};
	(void)state;
	add(&samples, "tallyd_buffer_blocked", "buffer=\"buffer.batch\"", 1);
	add(&samples, "tallyd_buffer_bytes", "buffer=\"buffer.batch\"", 10);
	add(&samples, "tallyd_buffer_bytes", "buffer=\"buffer.spool\"", 30);
	add(&samples, "tallyd_buffer_capacity_bytes", "buffer=\"buffer.batch\"", 40);
	add(&samples, "tallyd_buffer_capacity_bytes", "buffer=\"buffer.spool\"", 1000);
	add(&samples, "tallyd_instance_failing", "instance=\"input.docker_stats\"", 1);
	add(&samples, "tallyd_instance_failing", "instance=\"output.sqlite\"", 0);
	add(&samples, "tallyd_instance_failing", "instance=\"output.redis\"", 1);
	add(&samples, "tallyd_rows_dropped_total", "input=\"input.x\",table=\"a\"", 3);
	add(&samples, "tallyd_rows_dropped_total", "output=\"output.x\",table=\"a\"", 4);
	add(&samples, "tallyd_rows_waiting", "output=\"output.x\",table=\"a\"", 5);
	add(&samples, "another_metric", "", 99);
	add(&samples, "process_start_time_seconds", "", 1.5);
	self_samples_end(&samples);
	assert_int_equal(samples.failing, 2);
	assert_int_equal(samples.blocked, 1);
	assert_int_equal(samples.rows_dropped, 7);
	assert_int_equal(samples.rows_waiting, 5);
	assert_true(samples.has_buffer && samples.buffer_percent == 25 && samples.started_s == 1.5);
	assert_false(samples.has_rollup_lag || samples.has_clock_offset);
}

static void the_delay_of_rollups_is_known_to_who_makes_them(void **state)
{
	struct self_samples follower = {.failing = 0}, leader = {.failing = 0};
	(void)state;
	add(&follower, "tallyd_timescale_clock_offset_seconds", "", -0.5);
	add(&follower, "tallyd_timescale_leader", "", 0);
	add(&follower, "tallyd_timescale_rollup_lag_seconds", "", 0);
	self_samples_end(&follower);
	assert_true(follower.has_clock_offset && follower.clock_offset_s == -0.5);
	assert_false(follower.has_rollup_lag);
	add(&leader, "tallyd_sqlite_rollup_lag_seconds", "", 60);
	add(&leader, "tallyd_timescale_leader", "", 1);
	add(&leader, "tallyd_timescale_rollup_lag_seconds", "", 130);
	self_samples_end(&leader);
	assert_true(leader.has_rollup_lag && leader.rollup_lag_s == 130);
}

struct running {
	struct fake_host *host;
	const char *disk;
	void *self;
};

static void begin(struct running *running)
{
	running->host = fake_host_create("input.self");
	const struct tally_plugin *plugin = tally_plugin();
	assert_int_equal(
		plugin->create(fake_host_ctx(running->host), &running->disk, &running->self), 0);
	assert_int_equal(plugin->start(running->self), 0);
}

static void end(struct running *running)
{
	tally_plugin()->destroy(running->self);
	fake_host_destroy(running->host);
}

static const struct tally_cell *cell(const struct running *running, const char *column)
{
	return fake_cell(&self_table, fake_host_row(running->host, "tallyd_self", 0), column);
}

static void a_row_says_who_runs_and_how_full_the_disk_is(void **state)
{
	struct running running = {.disk = "/"};
	(void)state;
	begin(&running);
	assert_int_equal(tally_plugin()->input->gather(running.self), 0);
	assert_int_equal(fake_host_rows(running.host, "tallyd_self"), 1);
	assert_memory_equal(cell(&running, "host")->text, "testhost", 8);
	assert_memory_equal(cell(&running, "daemon")->text, "test-writer", 11);
	assert_true(cell(&running, "disk_used_bytes")->i > 0);
	const struct tally_cell *used = cell(&running, "disk_used_bytes");
	const struct tally_cell *size = cell(&running, "disk_size_bytes");
	assert_true(used->i <= size->i);
	assert_float_equal(cell(&running, "disk_percent")->f,
			   100 * (double)used->i / (double)size->i, 0.001);
	assert_false(cell(&running, "rollup_lag_s")->set);
	assert_false(cell(&running, "buffer_percent")->set);
	assert_false(cell(&running, "started")->set);
	end(&running);
}

static void a_disk_that_is_not_there_is_null(void **state)
{
	struct running running = {.disk = "/nowhere/at/all"};
	(void)state;
	begin(&running);
	assert_int_equal(tally_plugin()->input->gather(running.self), 0);
	assert_false(cell(&running, "disk_used_bytes")->set);
	assert_false(cell(&running, "disk_size_bytes")->set);
	assert_false(cell(&running, "disk_percent")->set);
	end(&running);
}

static void in_a_container_it_waits_a_minute_for_the_name_of_the_machine(void **state)
{
	struct running running = {.disk = "/"};
	(void)state;
	begin(&running);
	fake_host_set_wants_hostname(running.host, true);
	assert_int_equal(tally_plugin()->input->gather(running.self), 0);
	assert_int_equal(fake_host_rows(running.host, "tallyd_self"), 0);
	fake_host_set_monotonic(running.host, clock_monotonic() + CLOCK_MINUTE);
	assert_int_equal(tally_plugin()->input->gather(running.self), 0);
	assert_memory_equal(cell(&running, "host")->text, "testhost", 8);
	end(&running);
	begin(&running);
	fake_host_set_wants_hostname(running.host, true);
	tally_tell_hostname(fake_host_ctx(running.host), "machine");
	assert_int_equal(tally_plugin()->input->gather(running.self), 0);
	assert_memory_equal(cell(&running, "host")->text, "machine", 7);
	end(&running);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metrics_are_added_up),
		cmocka_unit_test(the_delay_of_rollups_is_known_to_who_makes_them),
		cmocka_unit_test(a_row_says_who_runs_and_how_full_the_disk_is),
		cmocka_unit_test(a_disk_that_is_not_there_is_null),
		cmocka_unit_test(in_a_container_it_waits_a_minute_for_the_name_of_the_machine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
