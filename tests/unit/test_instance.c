#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "instance/instance.h"
#include "process/log.h"
#include "waiting.h"
#include "test.h"

/* ---- A plugin that does as it is told, and remembers what was done to it ---- */

static struct told {
	atomic_int starts, stops, gathers, runs, interrupts, queries;
	atomic_int failing_starts; /* so many fail */
	atomic_bool block_start, block_gather, interrupted, in_call, stopped_in_call;
	atomic_int gather_ms;
	atomic_int early_returns; /* run() comes back by itself so often */
	struct tally_ctx *ctx;
} told;

static int told_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	(void)config;
	told.ctx = ctx;
	*ret_self = &told;
	return 0;
}

static void told_block(void)
{
	atomic_store(&told.in_call, true);
	while (!atomic_load(&told.interrupted))
		poll(NULL, 0, 1);
	atomic_store(&told.in_call, false);
}

static int told_start(void *self)
{
	(void)self;
	atomic_fetch_add(&told.starts, 1);
	if (atomic_load(&told.block_start)) {
		told_block();
		return tally_fail(told.ctx, EINTR, "interrupted");
	}
	if (atomic_fetch_sub(&told.failing_starts, 1) > 0)
		return tally_fail(told.ctx, ECONNREFUSED, "nobody is there");
	return 0;
}

static void told_interrupt(void *self)
{
	(void)self;
	atomic_fetch_add(&told.interrupts, 1);
	atomic_store(&told.interrupted, true);
}

static void told_stop(void *self)
{
	(void)self;
	if (atomic_load(&told.in_call))
		atomic_store(&told.stopped_in_call, true);
	atomic_fetch_add(&told.stops, 1);
}

static int told_gather(void *self)
{
	(void)self;
	atomic_fetch_add(&told.gathers, 1);
	if (atomic_load(&told.block_gather))
		told_block();
	tally_sleep(told.ctx, atomic_load(&told.gather_ms) * CLOCK_MS);
	tally_count(told.ctx, 0, 3);
	tally_count(told.ctx, 99, 1); /* not declared: must not matter */
	return 0;
}

static int told_run(void *self)
{
	(void)self;
	atomic_fetch_add(&told.runs, 1);
	if (atomic_fetch_sub(&told.early_returns, 1) > 0)
		return 0;
	while (!tally_sleep(told.ctx, CLOCK_SECOND))
		;
	return 0;
}

static int told_query(void *self, const struct tally_query *query, tally_rows_fn *rows, void *arg)
{
	(void)self;
	(void)query;
	(void)rows;
	(void)arg;
	return atomic_fetch_add(&told.queries, 1);
}

static const struct tally_metric metrics[] = {
	{.name = "calls", .help = "Calls.", .labels = "call=\"x\"", .kind = TALLY_METRIC_COUNTER},
	{.name = "wait", .unit = "ns", .help = "Wait.", .kind = TALLY_METRIC_COUNTER},
	{.name = NULL}};
static const struct tally_input gathering = {.size = sizeof(gathering), .gather = told_gather};
static const struct tally_input following = {.size = sizeof(following), .run = told_run};
static const struct tally_store_ops reader = {.size = sizeof(reader), .query = told_query};

#define PLUGIN(...)                                                                                \
	{                                                                                          \
		.abi_major = TALLY_ABI_MAJOR, .size = sizeof(struct tally_plugin), .name = "told", \
		.version = "1", .metrics = metrics, .create = told_create, .start = told_start,    \
		.interrupt = told_interrupt, .stop = told_stop, __VA_ARGS__                        \
	}
static const struct tally_plugin gatherer = PLUGIN(.input = &gathering);
static const struct tally_plugin follower = PLUGIN(.input = &following);
static const struct tally_plugin service = PLUGIN(.store = &reader);

/* ---- What an instance lives in ---- */

struct world {
	struct plugin_services services;
	struct bindings *bindings;
	struct positions *positions;
	pthread_rwlock_t lock;
	struct plan_instance plan_instance;
	struct plan plan;
	struct instance *instance;
};

static int build_world(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct error error;
	memset(&told, 0, sizeof(told));
	pthread_rwlock_init(&world->lock, NULL);
	world->bindings = bindings_create();
	assert_int_equal(positions_create("/nonexistent/positions", &world->positions, &error), 0);
	world->services = (struct plugin_services){.metrics = metrics_create(),
						   .registry_lock = &world->lock,
						   .hostname = "testhost",
						   .state_dir = "/tmp",
						   .producer = "test"};
	world->services.registry = registry_create("");
	world->services.router = router_create(world->services.metrics, world->positions);
	log_set_level(TALLY_ERROR - 1); /* what is said is not looked at here */
	*state = world;
	return 0;
}

static void start(struct world *world, enum plan_kind kind, const struct tally_plugin *plugin)
{
	struct error error = {0};
	world->plan_instance =
		(struct plan_instance){.name = kind == PLAN_INPUT ? "input.told" : "output.told",
				       .kind = kind,
				       .plugin = plugin,
				       .common = {.enabled = true, .interval = 100 * CLOCK_MS}};
	world->plan = (struct plan){.instances = &world->plan_instance, .n_instances = 1};
	const struct instance_setup setup = {.plan = &world->plan,
					     .instance = &world->plan_instance,
					     .services = &world->services,
					     .bindings = world->bindings};
	if (instance_create(&setup, &world->instance, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(instance_start(world->instance, &error), 0);
}

static void stop(struct world *world)
{
	instance_stop(world->instance, clock_monotonic());
	int64_t deadline = clock_monotonic() + 20 * CLOCK_SECOND;
	while (!instance_done(world->instance) && clock_monotonic() < deadline) {
		instance_wake(world->instance);
		poll(NULL, 0, 2);
	}
	assert_true(instance_done(world->instance));
}

static int raze_world(void **state)
{
	struct world *world = *state;
	if (!instance_done(world->instance))
		stop(world);
	instance_destroy(world->instance);
	assert_false(atomic_load(&told.stopped_in_call));
	log_set_level(TALLY_INFO);
	registry_destroy(world->services.registry);
	router_destroy(world->services.router);
	positions_destroy(world->positions);
	metrics_destroy(world->services.metrics);
	bindings_destroy(world->bindings);
	pthread_rwlock_destroy(&world->lock);
	free(world);
	return 0;
}

static int64_t value_of(struct world *world, const char *name, const char *labels)
{
	return metric_get(metrics_counter(world->services.metrics, name, labels, NULL, ""));
}

/* ---- The tests ---- */

/* What it is given by its configuration, not by its plugin. */
static int told_declare_and_emit(struct tally_ctx *ctx, const char *name)
{
	static const struct tally_column columns[] = {{.name = "time", .type = TALLY_TIME},
						      {.name = "depth", .type = TALLY_INT}};
	const struct tally_table table = {.name = name,
					  .help = "What was found",
					  .columns = columns,
					  .n_columns = 2,
					  .kind = TALLY_SERIES};
	const struct tally_table *declared = NULL;
	int r = tally_declare(ctx, &table, &declared);
	if (r < 0)
		return r;
	struct tally_batch *batch = tally_batch_new(ctx, declared);
	assert_non_null(tally_batch_row(ctx, batch));
	return tally_emit(ctx, batch, NULL, NULL);
}

static void a_table_declared_at_run_time_may_be_emitted_and_has_its_series(void **state)
{
	struct world *world = *state;
	start(world, PLAN_INPUT, &follower);
	WAIT_UNTIL(atomic_load(&told.runs) == 1);
	assert_null(instance_tables(world->instance));
	assert_int_equal(told_declare_and_emit(told.ctx, "found_depths"), 0);
	assert_int_equal(told_declare_and_emit(told.ctx, "found_widths"), 0);
	assert_int_equal(told_declare_and_emit(told.ctx, "found_depths"), 0);
	const struct tally_table *const *tables = instance_tables(world->instance);
	assert_string_equal(tables[0]->name, "found_depths");
	assert_string_equal(tables[1]->name, "found_widths");
	assert_null(tables[2]);
	assert_int_equal(value_of(world, "tallyd_rows_collected_total",
				  "input=\"input.told\",table=\"found_depths\""),
			 2);
}

static void a_table_that_breaks_a_rule_is_refused_with_the_reason(void **state)
{
	struct world *world = *state;
	start(world, PLAN_INPUT, &follower);
	WAIT_UNTIL(atomic_load(&told.runs) == 1);
	assert_int_equal(told_declare_and_emit(told.ctx, "found_rows"), -EINVAL);
	assert_string_equal(tally_reason(told.ctx),
			    "table found_rows: names that end in _rows are a store's own");
	assert_null(instance_tables(world->instance));
}

static void a_start_that_fails_is_tried_until_it_works(void **state)
{
	struct world *world = *state;
	atomic_store(&told.failing_starts, 2);
	start(world, PLAN_INPUT, &gatherer);
	WAIT_UNTIL(instance_tried(world->instance));
	WAIT_UNTIL(instance_up(world->instance));
	assert_int_equal(atomic_load(&told.starts), 3);
	assert_int_equal(atomic_load(&told.stops), 0);
	stop(world);
	assert_int_equal(atomic_load(&told.stops), 1);
	assert_false(instance_up(world->instance));
}

static void stopping_ends_a_start_that_is_blocked(void **state)
{
	struct world *world = *state;
	atomic_store(&told.block_start, true);
	start(world, PLAN_INPUT, &gatherer);
	WAIT_UNTIL(atomic_load(&told.in_call));
	assert_false(instance_tried(world->instance));
	stop(world);
	assert_true(atomic_load(&told.interrupts) > 0);
	assert_int_equal(atomic_load(&told.stops), 0);
}

static void stopping_ends_the_wait_between_two_attempts_to_start(void **state)
{
	struct world *world = *state;
	atomic_store(&told.failing_starts, 1000);
	start(world, PLAN_INPUT, &gatherer);
	WAIT_UNTIL(atomic_load(&told.starts) == 3);
	int64_t before = clock_monotonic();
	stop(world);
	assert_true(clock_monotonic() - before < CLOCK_SECOND);
}

static void stopping_ends_a_gather_that_is_blocked(void **state)
{
	struct world *world = *state;
	atomic_store(&told.block_gather, true);
	start(world, PLAN_INPUT, &gatherer);
	WAIT_UNTIL(atomic_load(&told.in_call));
	stop(world);
	assert_int_equal(atomic_load(&told.stops), 1);
}

static void gathers_go_on_at_their_interval_and_are_counted(void **state)
{
	struct world *world = *state;
	start(world, PLAN_INPUT, &gatherer);
	WAIT_UNTIL(atomic_load(&told.gathers) >= 5);
	stop(world);
	int gathers = atomic_load(&told.gathers);
	assert_int_equal(value_of(world, "tallyd_gathers_total", "input=\"input.told\""), gathers);
	assert_int_equal(value_of(world, "tallyd_gathers_skipped_total", "input=\"input.told\""),
			 0);
	assert_int_equal(
		value_of(world, "tallyd_told_calls_total", "instance=\"input.told\",call=\"x\""),
		gathers * 3);
}

static void ticks_that_a_long_gather_ran_over_are_skipped_and_counted(void **state)
{
	struct world *world = *state;
	atomic_store(&told.gather_ms, 350);
	start(world, PLAN_INPUT, &gatherer);
	WAIT_UNTIL(value_of(world, "tallyd_gathers_skipped_total", "input=\"input.told\"") >= 4);
	assert_true(atomic_load(&told.gathers) <= 4);
}

static void a_follower_that_ends_early_is_stopped_and_started_again(void **state)
{
	struct world *world = *state;
	atomic_store(&told.early_returns, 2);
	start(world, PLAN_INPUT, &follower);
	WAIT_UNTIL(atomic_load(&told.runs) == 3);
	assert_int_equal(atomic_load(&told.starts), 3);
	assert_int_equal(atomic_load(&told.stops), 2);
	WAIT_UNTIL(instance_up(world->instance));
}

static void a_service_answers_while_it_runs_and_not_after(void **state)
{
	struct world *world = *state;
	struct error error;
	void *slot = binding_slot(world->bindings, TALLY_OPT_STORE, "output.told");
	assert_int_equal(binding_query(slot, NULL, NULL, NULL, &error), -ENOTCONN);
	start(world, PLAN_OUTPUT, &service);
	WAIT_UNTIL(binding_query(slot, NULL, NULL, NULL, &error) >= 0);
	stop(world);
	assert_int_equal(binding_query(slot, NULL, NULL, NULL, &error), -ENOTCONN);
	assert_int_equal(atomic_load(&told.starts), 1);
}

static void metrics_are_named_as_prometheus_has_it(void **state)
{
	struct world *world = *state;
	start(world, PLAN_INPUT, &gatherer);
	WAIT_UNTIL(instance_up(world->instance));
	tally_count(told.ctx, 1, 5);
	assert_int_equal(
		value_of(world, "tallyd_told_wait_seconds_total", "instance=\"input.told\""), 5);
	assert_int_equal(
		value_of(world, "tallyd_instance_info",
			 "instance=\"input.told\",kind=\"input\",plugin=\"told\",version=\"1\""),
		1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, build_world, raze_world)
	const struct CMUnitTest tests[] = {
		TEST(a_table_declared_at_run_time_may_be_emitted_and_has_its_series),
		TEST(a_table_that_breaks_a_rule_is_refused_with_the_reason),
		TEST(a_start_that_fails_is_tried_until_it_works),
		TEST(stopping_ends_a_start_that_is_blocked),
		TEST(stopping_ends_the_wait_between_two_attempts_to_start),
		TEST(stopping_ends_a_gather_that_is_blocked),
		TEST(gathers_go_on_at_their_interval_and_are_counted),
		TEST(ticks_that_a_long_gather_ran_over_are_skipped_and_counted),
		TEST(a_follower_that_ends_early_is_stopped_and_started_again),
		TEST(a_service_answers_while_it_runs_and_not_after),
		TEST(metrics_are_named_as_prometheus_has_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
