#include <stdio.h>
#include <string.h>

#include "alert_fixture.h"
#include "base/clock.h"
#include "evaluate/engine.h"
#include "test.h"

/* A rule, its engine, and what came out of it as text: "web firing 95; web resolved 12; " */
struct scene {
	struct fake_host *host;
	struct rule *rule;
	struct engine *engine;
	int64_t start, now;
	bool muted;
	char said[2000];
};

static bool is_muted(void *arg, const char *subject, int64_t now)
{
	(void)subject;
	(void)now;
	return ((struct scene *)arg)->muted;
}

static void begin_at(struct scene *scene, int64_t start, const char *when, const char *clear,
		     size_t max, bool polls)
{
	*scene = (struct scene){.start = start};
	scene->now = scene->start;
	scene->host = fake_host_create("alert.test");
	scene->rule = fixture_rule(when, clear);
	const struct engine_setup setup = {.rule = scene->rule,
					   .host = "daemon",
					   .max_subjects = max,
					   .now = scene->start,
					   .polls = polls,
					   .muted = is_muted,
					   .muted_arg = scene};
	scene->engine = engine_create(&setup);
	assert_non_null(scene->engine);
}

static void begin_of(struct scene *scene, const char *when, const char *clear, size_t max,
		     bool polls)
{
	begin_at(scene, INT64_C(1796169600) * CLOCK_SECOND, when, clear, max, polls);
}

static void begin(struct scene *scene, const char *when, const char *clear, size_t max)
{
	begin_of(scene, when, clear, max, false);
}

static void end(struct scene *scene)
{
	engine_destroy(scene->engine);
	rule_destroy(scene->rule);
	fake_host_destroy(scene->host);
}

static int note(void *arg, const struct engine_change *change)
{
	struct scene *scene = arg;
	size_t len = strlen(scene->said);
	snprintf(scene->said + len, sizeof(scene->said) - len, "%s %s", change->subject,
		 phase_text(change->phase.name));
	len = strlen(scene->said);
	if (change->has_value)
		snprintf(scene->said + len, sizeof(scene->said) - len, " %g", change->value);
	len = strlen(scene->said);
	snprintf(scene->said + len, sizeof(scene->said) - len, "%s%s%s; ",
		 change->told                                             ? ""
		 : change->phase.name == PHASE_FIRING || change->resolved ? " (muted)"
									  : "",
		 change->told_text ? ": " : "", change->told_text ? change->told_text : "");
	return 0;
}

static void show(struct scene *scene, struct tally_batch *batch)
{
	engine_watch(scene->engine, batch, scene->now);
	tally_batch_drop(fake_host_ctx(scene->host), batch);
}

static void look(struct scene *scene)
{
	assert_int_equal(engine_look(scene->engine, true, scene->now, note, scene), 0);
}

/* A reading every ten seconds, and a look after each. */
static void readings(struct scene *scene, const char *name, double cpu, int64_t seconds)
{
	struct tally_ctx *ctx = fake_host_ctx(scene->host);
	for (int64_t s = 0; s < seconds; s += 10) {
		scene->now += 10 * CLOCK_SECOND;
		show(scene, fixture_stats_row(ctx, scene->now, name, cpu, (int64_t)cpu << 20,
					      (scene->now - scene->start) / CLOCK_MS));
		look(scene);
	}
}

static void expect(struct scene *scene, const char *said)
{
	assert_string_equal(scene->said, said);
	scene->said[0] = '\0';
}

static void passes(struct scene *scene, int64_t seconds)
{
	for (int64_t s = 0; s < seconds; s += 10) {
		scene->now += 10 * CLOCK_SECOND;
		look(scene);
	}
}

static void an_average_fires_after_its_time_and_is_resolved(void **state)
{
	struct scene scene;
	(void)state;
	begin(&scene, "avg(cpu_percent) > 90 for 2min", NULL, 10);
	readings(&scene, "web", 50, 60);
	expect(&scene, "");
	readings(&scene, "web", 100, 60);
	expect(&scene, "web pending 91.6667; ");
	readings(&scene, "web", 100, 120);
	expect(&scene, "web firing 100; ");
	readings(&scene, "web", 10, 120);
	expect(&scene, "web resolved 85; ");
	end(&scene);
}

static void a_peak_shorter_than_its_time_only_pends(void **state)
{
	struct scene scene;
	(void)state;
	begin(&scene, "max(cpu_percent over 30s) > 90 for 5min", NULL, 10);
	readings(&scene, "web", 95, 60);
	readings(&scene, "web", 10, 60);
	expect(&scene, "web pending 95; web resolved 10; ");
	end(&scene);
}

static void a_threshold_of_its_own_ends_it(void **state)
{
	struct scene scene;
	(void)state;
	begin(&scene, "max(cpu_percent over 12s) > 90", "< 70 for 1min", 10);
	readings(&scene, "web", 95, 20);
	expect(&scene, "web firing 95; ");
	readings(&scene, "web", 80, 300);
	expect(&scene, "");
	readings(&scene, "web", 60, 40);
	readings(&scene, "web", 75, 10);
	expect(&scene, "");
	readings(&scene, "web", 60, 80);
	expect(&scene, "web resolved 60; ");
	end(&scene);
}

static void without_rows_nothing_is_known(void **state)
{
	struct scene scene;
	(void)state;
	begin(&scene, "avg(cpu_percent) > 90", NULL, 10);
	readings(&scene, "web", 95, 20);
	expect(&scene, "web firing 95; ");
	passes(&scene, 300);
	expect(&scene, "");
	passes(&scene, 600); /* nobody has heard of it for long */
	expect(&scene, "web resolved; ");
	end(&scene);
}

static void a_sum_is_of_the_newest_values_of_a_services_containers(void **state)
{
	struct scene scene;
	struct tally_ctx *ctx;
	(void)state;
	begin(&scene, "sum(mem_used_bytes) > 100Mi by service", NULL, 10);
	ctx = fake_host_ctx(scene.host);
	show(&scene, fixture_info_row(ctx, scene.now, "web-1", "running", NULL, "web"));
	show(&scene, fixture_info_row(ctx, scene.now, "web-2", "running", NULL, "web"));
	readings(&scene, "web-1", 60, 10);
	expect(&scene, "");
	readings(&scene, "web-2", 50, 10);
	expect(&scene, "shop/web firing 1.15343e+08; ");
	readings(&scene, "web-2", 20, 10);
	expect(&scene, "shop/web resolved 8.38861e+07; ");
	end(&scene);
}

static void a_rate_is_growth_per_second(void **state)
{
	struct scene scene;
	(void)state;
	begin(&scene, "rate(net_rx_bytes) > 900", NULL, 10);
	readings(&scene, "web", 1, 60); /* 1000 a second */
	expect(&scene, "web firing 1000; ");
	end(&scene);
}

static void lines_that_match_are_counted(void **state)
{
	struct scene scene;
	struct tally_ctx *ctx;
	(void)state;
	begin(&scene,
	      "count(container_logs where level = error and message matches 'time ?out') > 2", NULL,
	      10);
	ctx = fake_host_ctx(scene.host);
	passes(&scene, 120);
	for (int i = 0; i < 3; i++) {
		show(&scene, fixture_logs_row(ctx, scene.now, "web", "error", "a timeout"));
		show(&scene, fixture_logs_row(ctx, scene.now, "web", "error", "other"));
		show(&scene, fixture_logs_row(ctx, scene.now, "web", "info", "a timeout"));
		show(&scene, fixture_logs_row(ctx, scene.now, "web", NULL, "a timeout"));
	}
	look(&scene);
	expect(&scene, "web firing 3; ");
	passes(&scene, 70);
	expect(&scene, "web resolved 0; ");
	end(&scene);
}

static void few_rows_say_nothing_right_after_the_start(void **state)
{
	struct scene scene;
	struct tally_ctx *ctx;
	(void)state;
	begin(&scene, "count(container_logs over 1min) < 2", NULL, 10);
	ctx = fake_host_ctx(scene.host);
	show(&scene, fixture_logs_row(ctx, scene.now, "web", NULL, "a"));
	passes(&scene, 50);
	expect(&scene, "");
	passes(&scene, 10);
	expect(&scene, "web firing 0; ");
	end(&scene);
}

static void a_state_counts_from_its_newest_row(void **state)
{
	struct scene scene;
	struct tally_ctx *ctx;
	(void)state;
	begin(&scene, "health = unhealthy for 1min", NULL, 10);
	ctx = fake_host_ctx(scene.host);
	show(&scene, fixture_info_row(ctx, scene.now, "web", "running", "healthy", NULL));
	passes(&scene, 60);
	show(&scene, fixture_info_row(ctx, scene.now, "web", "running", "unhealthy", NULL));
	look(&scene);
	expect(&scene, "web pending; ");
	passes(&scene, 60);
	expect(&scene, "web firing; ");
	passes(&scene, 7200); /* rows of a state come when it changes */
	expect(&scene, "");
	show(&scene, fixture_info_row(ctx, scene.now, "web", "removed", NULL, NULL));
	look(&scene);
	expect(&scene, "web resolved; ");
	end(&scene);
}

static void an_exit_code_is_the_value(void **state)
{
	struct scene scene;
	struct tally_ctx *ctx;
	(void)state;
	begin(&scene, "container_info.exit_code != 0 and container_info.state = exited", NULL, 10);
	ctx = fake_host_ctx(scene.host);
	struct tally_batch *batch = fixture_info_row(ctx, scene.now, "job", "exited", NULL, NULL);
	/* The cells of a batch may be written until it is emitted. */
	struct tally_cell *row = (struct tally_cell *)(uintptr_t)batch->cells;
	tally_put_int(row, 6, 137);
	show(&scene, batch);
	look(&scene);
	expect(&scene, "job firing 137; ");
	end(&scene);
}

static void silence_is_about_containers_that_run(void **state)
{
	struct scene scene;
	struct tally_ctx *ctx;
	(void)state;
	begin(&scene, "no container_stats for 1min", NULL, 10);
	ctx = fake_host_ctx(scene.host);
	show(&scene, fixture_info_row(ctx, scene.now, "web", "running", NULL, NULL));
	show(&scene, fixture_info_row(ctx, scene.now, "job", "running", NULL, NULL));
	readings(&scene, "web", 1, 10);
	readings(&scene, "job", 1, 10);
	show(&scene, fixture_info_row(ctx, scene.now, "job", "exited", NULL, NULL));
	passes(&scene, 60);
	expect(&scene, "web firing 60; ");
	readings(&scene, "web", 1, 10);
	expect(&scene, "web resolved 0; ");
	show(&scene, fixture_info_row(ctx, scene.now, "job", "running", NULL, NULL));
	readings(&scene, "web", 1, 50);
	expect(&scene, "");
	readings(&scene, "web", 1, 10);
	expect(&scene, "job firing 60; ");
	end(&scene);
}

static void a_service_outlives_its_container(void **state)
{
	struct scene scene;
	struct tally_ctx *ctx;
	(void)state;
	begin(&scene, "max(cpu_percent) > 90 for 1min by service", NULL, 10);
	ctx = fake_host_ctx(scene.host);
	show(&scene, fixture_info_row(ctx, scene.now, "web-a", "running", NULL, "web"));
	readings(&scene, "web-a", 99, 30);
	show(&scene, fixture_info_row(ctx, scene.now, "web-b", "running", NULL, "web"));
	readings(&scene, "web-b", 99, 50);
	expect(&scene, "shop/web pending 99; shop/web firing 99; ");
	end(&scene);
}

static void a_container_that_has_no_service_is_one_by_its_name(void **state)
{
	struct scene scene;
	struct tally_ctx *ctx;
	(void)state;
	begin(&scene, "max(cpu_percent) > 90 by service", NULL, 10);
	ctx = fake_host_ctx(scene.host);
	readings(&scene, "alone", 99, 30);
	expect(&scene, ""); /* not known yet */
	show(&scene, fixture_info_row(ctx, scene.now, "alone", "running", NULL, NULL));
	readings(&scene, "alone", 99, 10);
	expect(&scene, "alone firing 99; ");
	end(&scene);
}

static void who_is_muted_is_told_when_that_is_over(void **state)
{
	struct scene scene;
	(void)state;
	begin(&scene, "max(cpu_percent) > 90", NULL, 10);
	scene.muted = true;
	readings(&scene, "web", 99, 30);
	expect(&scene, "web firing 99 (muted); ");
	scene.muted = false;
	readings(&scene, "web", 99, 30);
	expect(&scene, "web firing 99; ");
	scene.muted = true;
	readings(&scene, "web", 9, 70);
	expect(&scene, "web resolved 9; ");
	end(&scene);
}

static void subjects_are_bounded_and_the_rest_is_counted(void **state)
{
	struct scene scene;
	struct engine_counts counts;
	char name[16];
	(void)state;
	begin(&scene, "max(cpu_percent) > 90", NULL, 3);
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		readings(&scene, name, 99, 10);
	}
	engine_count(scene.engine, &counts);
	assert_int_equal(counts.subjects, 3);
	assert_int_equal(counts.firing, 3);
	assert_int_equal(counts.refused, 2);
	assert_int_equal(counts.rows, 5);
	passes(&scene, 1000); /* who is gone makes room */
	readings(&scene, "c9", 9, 10);
	engine_count(scene.engine, &counts);
	assert_int_equal(counts.subjects, 1);
	end(&scene);
}

static int restore(void *arg, const struct engine_change *alert)
{
	return engine_restore(arg, alert);
}

static void a_restart_neither_repeats_nor_forgets(void **state)
{
	struct scene before, after;
	(void)state;
	begin(&before, "max(cpu_percent) > 90 for 1min", NULL, 10);
	readings(&before, "web", 99, 90);
	readings(&before, "db", 99, 30);
	expect(&before, "web pending 99; web firing 99; db pending 99; ");
	begin_at(&after, before.now, "max(cpu_percent) > 90 for 1min", NULL, 10, false);
	assert_int_equal(engine_each_alert(before.engine, restore, after.engine), 0);
	look(&after);
	readings(&after, "web", 99, 10);
	readings(&after, "db", 99, 30);
	expect(&after, "db firing 99; ");
	readings(&after, "web", 1, 70);
	expect(&after, "web resolved 1; ");
	end(&before);
	end(&after);
}

static void a_clock_that_is_ahead_does_no_harm(void **state)
{
	struct scene scene;
	struct tally_ctx *ctx;
	(void)state;
	begin(&scene, "max(cpu_percent) > 90", NULL, 10);
	ctx = fake_host_ctx(scene.host);
	show(&scene, fixture_stats_row(ctx, scene.now + CLOCK_HOUR, "web", 99, 1, 1));
	look(&scene);
	expect(&scene, "web firing 99; ");
	scene.now += 2 * CLOCK_MINUTE;
	readings(&scene, "web", 1, 10);
	expect(&scene, "web resolved 1; ");
	end(&scene);
}

static void show_pattern(struct scene *scene, const char *id, int64_t first_seen)
{
	struct tally_ctx *ctx = fake_host_ctx(scene->host);
	struct tally_batch *batch = tally_batch_new(ctx, &fixture_patterns);
	struct tally_cell *row = tally_batch_row(ctx, batch);
	tally_put_int(row, 0, scene->now);
	tally_put_text_borrowed(row, 1, "box", 3);
	tally_put_text_borrowed(row, 2, "shop/web", 8);
	tally_put_text_borrowed(row, 3, id, strlen(id));
	tally_put_text_borrowed(row, 4, "error", 5);
	tally_put_int(row, 5, first_seen);
	show(scene, batch);
	look(scene);
}

/* A pattern's row comes again with each minute in which it is seen. */
static void a_pattern_is_new_for_some_time_and_says_its_service(void **state)
{
	struct scene scene;
	(void)state;
	begin(&scene,
	      "count(log_patterns over 10min where level = error and first_seen newer than 10min) "
	      "> "
	      "0 by service",
	      NULL, 10);
	show_pattern(&scene, "old", scene.now - 20 * CLOCK_MINUTE);
	expect(&scene, "");
	show_pattern(&scene, "new", scene.now - CLOCK_SECOND);
	expect(&scene, "shop/web firing 1; ");
	passes(&scene, 660);
	expect(&scene, "shop/web resolved 0; ");
	show_pattern(&scene, "new", scene.start);
	expect(&scene, "");
	end(&scene);
}

/* As after a crash: some rows are in the store, some pass, and some are both. */
static void rows_of_before_are_counted_once(void **state)
{
	struct scene scene;
	(void)state;
	begin(&scene, "count(container_logs over 5min) > 3", NULL, 10);
	struct tally_ctx *ctx = fake_host_ctx(scene.host);
	scene.now += 10 * CLOCK_SECOND;
	show(&scene, fixture_logs_row(ctx, scene.now, "web", "info", "passed, and is stored"));
	for (int64_t ago = 20; ago >= 0; ago -= 10) {
		struct tally_batch *stored = fixture_logs_row(ctx, scene.now - ago * CLOCK_SECOND,
							      "web", "info", "stored");
		engine_watch_past(scene.engine, stored, scene.now);
		tally_batch_drop(ctx, stored);
	}
	engine_end_past(scene.engine, scene.now - 5 * CLOCK_MINUTE);
	look(&scene);
	expect(&scene, "");
	scene.now += CLOCK_SECOND;
	show(&scene, fixture_logs_row(ctx, scene.now, "web", "info", "passes"));
	look(&scene);
	expect(&scene, "web firing 4; ");
	end(&scene);
}

/* As if the store had these lines, all of the same time, each with its place. */
static void poll_lines(struct scene *scene, int64_t time, int64_t lines)
{
	for (int64_t i = 0; i < lines; i++) {
		const struct tally_cell row[] = {{.i = time, .set = 1},
						 {.text = "box", .len = 3, .set = 1},
						 {.text = "web-id", .len = 6, .set = 1},
						 {.text = "web", .len = 3, .set = 1},
						 {.text = "line", .len = 4, .set = 1},
						 {.set = 0},
						 {.i = i + 1, .set = 1}};
		const struct tally_batch batch = {
			.table = &fixture_logs, .cells = row, .n_rows = 1};
		engine_watch_past(scene->engine, &batch, scene->now);
	}
}

static void what_a_store_tells_again_and_again_counts_once(void **state)
{
	struct scene scene;
	(void)state;
	begin_of(&scene, "count(container_logs over 5min) > 3", NULL, 10, true);
	engine_end_past(scene.engine, scene.now - 5 * CLOCK_MINUTE);
	int64_t first = scene.now;
	for (int64_t round = 0; round < 3; round++) {
		scene.now += 10 * CLOCK_SECOND;
		poll_lines(&scene, first, 2);
		look(&scene);
	}
	expect(&scene, "");
	poll_lines(&scene, first, 3); /* one more came late, at the same time */
	poll_lines(&scene, first + CLOCK_SECOND, 1);
	look(&scene);
	expect(&scene, "web firing 4; ");
	end(&scene);
}

static void a_container_that_runs_is_not_the_one_that_had_its_name_before(void **state)
{
	struct scene scene;
	(void)state;
	begin_of(&scene, "no container_stats for 1min", NULL, 10, true);
	struct tally_ctx *ctx = fake_host_ctx(scene.host);
	struct tally_batch *reading = fixture_stats_row(ctx, scene.now, "web", 1, 1, 1);
	engine_watch_past(scene.engine, reading, scene.now);
	tally_batch_drop(ctx, reading);
	struct tally_batch *told[] = {
		fixture_info_row(ctx, scene.now, "web", "running", NULL, NULL),
		fixture_info_row(ctx, scene.now - CLOCK_HOUR, "web", "removed", NULL, NULL)};
	for (int64_t round = 0; round < 7; round++) {
		scene.now += 10 * CLOCK_SECOND;
		engine_watch_past(scene.engine, told[0], scene.now);
		engine_watch_past(scene.engine, told[1], scene.now);
		look(&scene);
	}
	expect(&scene, "web firing 60; ");
	tally_batch_drop(ctx, told[0]);
	tally_batch_drop(ctx, told[1]);
	end(&scene);
}

/* Of a disk of 100,000 bytes, a row a minute. */
static void use_disk(struct scene *scene, int64_t minutes, int64_t (*used)(int64_t minute))
{
	for (int64_t minute = 0; minute < minutes; minute++) {
		scene->now += CLOCK_MINUTE;
		const struct tally_cell row[] = {{.i = scene->now, .set = 1},
						 {.text = "box", .len = 3, .set = 1},
						 {.i = used(minute), .set = 1},
						 {.i = 100000, .set = 1}};
		const struct tally_batch batch = {
			.table = &fixture_disk, .cells = row, .n_rows = 1};
		engine_watch(scene->engine, &batch, scene->now);
		look(scene);
	}
}

static int64_t noise(int64_t minute)
{
	return 90000 + (minute * 7919) % 97 * 20;
}

static int64_t grows(int64_t minute)
{
	return 52000 + 10 * minute + (minute * 7919) % 97 * 2;
}

static int64_t grows_fast(int64_t minute)
{
	return 55000 + 100 * minute;
}

/* Filled and emptied every hour. */
static int64_t sawtooth(int64_t minute)
{
	return 60000 + minute % 60 * 600;
}

static int64_t cleaned_up(int64_t minute)
{
	return 20000 + minute;
}

static int64_t full(int64_t minute)
{
	(void)minute;
	return 100000;
}

static void a_disk_that_fills_is_told_of_until_it_is_cleaned_up(void **state)
{
	struct scene scene;
	(void)state;
	begin(&scene, "full_in(used_bytes, size_bytes) < 24h", NULL, 10);
	use_disk(&scene, 120, grows_fast);
	expect(&scene, ""); /* too little of the window of six hours */
	use_disk(&scene, 400, grows_fast);
	assert_non_null(strstr(scene.said, "box firing "));
	scene.said[0] = '\0';
	use_disk(&scene, 400, cleaned_up);
	assert_non_null(strstr(scene.said, "box resolved"));
	assert_null(strstr(scene.said, "firing"));
	end(&scene);
}

static void neither_noise_nor_a_sawtooth_nor_a_slow_disk_is_told_of(void **state)
{
	int64_t (*const harmless[])(int64_t) = {noise, grows, sawtooth, cleaned_up};
	struct scene scene;
	(void)state;
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		begin(&scene, "full_in(used_bytes, size_bytes) < 24h", NULL, 10);
		use_disk(&scene, 1000, harmless[i]);
		expect(&scene, "");
		end(&scene);
	}
	begin(&scene, "full_in(used_bytes, size_bytes) < 5d", NULL, 10);
	use_disk(&scene, 400, grows);
	assert_non_null(strstr(scene.said, "box firing "));
	end(&scene);
}

static void a_full_disk_is_full_in_no_time(void **state)
{
	struct scene scene;
	(void)state;
	begin(&scene, "full_in(used_bytes, size_bytes over 1h) < 24h", NULL, 10);
	use_disk(&scene, 60, full);
	expect(&scene, "box firing 0; ");
	end(&scene);
}

static void a_newest_row_says_nothing_beyond_its_window(void **state)
{
	struct scene scene;
	(void)state;
	begin(&scene, "health = unhealthy over 10min", NULL, 10);
	struct tally_ctx *ctx = fake_host_ctx(scene.host);
	show(&scene,
	     fixture_info_row(ctx, scene.now - CLOCK_HOUR, "old", "running", "unhealthy", NULL));
	show(&scene,
	     fixture_info_row(ctx, scene.now - CLOCK_MINUTE, "web", "running", "unhealthy", NULL));
	look(&scene);
	expect(&scene, "web firing; ");
	passes(&scene, 530);
	expect(&scene, "");
	passes(&scene, 30);
	expect(&scene, "web resolved; ");
	end(&scene);
}

static void what_the_newest_matching_row_says_is_told(void **state)
{
	struct scene scene;
	(void)state;
	begin(&scene, "count(container_logs where level = error) > 1", NULL, 10);
	snprintf(scene.rule->tell, sizeof(scene.rule->tell), "message");
	struct tally_ctx *ctx = fake_host_ctx(scene.host);
	passes(&scene, 60);
	show(&scene, fixture_logs_row(ctx, scene.now, "web", "error", "first"));
	show(&scene, fixture_logs_row(ctx, scene.now + 1, "web", "error", "disk\nfull"));
	show(&scene, fixture_logs_row(ctx, scene.now + 2, "web", "info", "fine"));
	look(&scene);
	expect(&scene, "web firing 2: disk full; ");
	end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_average_fires_after_its_time_and_is_resolved),
		cmocka_unit_test(a_peak_shorter_than_its_time_only_pends),
		cmocka_unit_test(a_threshold_of_its_own_ends_it),
		cmocka_unit_test(without_rows_nothing_is_known),
		cmocka_unit_test(a_sum_is_of_the_newest_values_of_a_services_containers),
		cmocka_unit_test(a_rate_is_growth_per_second),
		cmocka_unit_test(lines_that_match_are_counted),
		cmocka_unit_test(few_rows_say_nothing_right_after_the_start),
		cmocka_unit_test(a_state_counts_from_its_newest_row),
		cmocka_unit_test(an_exit_code_is_the_value),
		cmocka_unit_test(silence_is_about_containers_that_run),
		cmocka_unit_test(a_service_outlives_its_container),
		cmocka_unit_test(a_container_that_has_no_service_is_one_by_its_name),
		cmocka_unit_test(who_is_muted_is_told_when_that_is_over),
		cmocka_unit_test(subjects_are_bounded_and_the_rest_is_counted),
		cmocka_unit_test(a_restart_neither_repeats_nor_forgets),
		cmocka_unit_test(a_clock_that_is_ahead_does_no_harm),
		cmocka_unit_test(a_pattern_is_new_for_some_time_and_says_its_service),
		cmocka_unit_test(rows_of_before_are_counted_once),
		cmocka_unit_test(a_disk_that_fills_is_told_of_until_it_is_cleaned_up),
		cmocka_unit_test(neither_noise_nor_a_sawtooth_nor_a_slow_disk_is_told_of),
		cmocka_unit_test(a_full_disk_is_full_in_no_time),
		cmocka_unit_test(a_newest_row_says_nothing_beyond_its_window),
		cmocka_unit_test(what_the_newest_matching_row_says_is_told),
		cmocka_unit_test(what_a_store_tells_again_and_again_counts_once),
		cmocka_unit_test(a_container_that_runs_is_not_the_one_that_had_its_name_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
