#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "instance/plan.h"
#include "test.h"

/* As the test plugins have them. */
struct asker_config {
	struct tally_store *store;
};
struct shelf_config {
	int64_t capacity;
};

struct fixture {
	struct problems problems;
	struct registry *registry;
	struct plan *plan;
	const char *slot_name;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	if (!fixture)
		return -1;
	problems_init(&fixture->problems);
	fixture->registry = registry_create(TEST_PLUGIN_DIR);
	*state = fixture;
	return fixture->registry ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	plan_destroy(fixture->plan);
	registry_destroy(fixture->registry);
	problems_done(&fixture->problems);
	free(fixture);
	return 0;
}

/* Remembers whom a reference asked for, and stands for it. */
static void *slot(void *arg, enum tally_option_type type, const char *instance_name)
{
	struct fixture *fixture = arg;
	assert_int_equal(type, TALLY_OPT_STORE);
	fixture->slot_name = instance_name;
	return fixture;
}

static int make(struct fixture *fixture, plan_slot_fn *slot_fn, const char *text)
{
	struct config *config = NULL;
	int r = config_parse("t.conf", text, strlen(text), &config, &fixture->problems);
	assert_int_equal(r, 0);
	plan_destroy(fixture->plan);
	fixture->plan = NULL;
	return plan_create(config, fixture->registry, slot_fn, fixture, &fixture->plan,
			   &fixture->problems);
}

static void assert_refused(struct fixture *fixture, const char *text, const char *problem)
{
	assert_int_equal(make(fixture, NULL, text), -EINVAL);
	assert_null(fixture->plan);
	assert_true(fixture->problems.n > 0);
	assert_string_equal(fixture->problems.texts[fixture->problems.n - 1], problem);
}

static void a_sound_configuration_is_bound_to_the_end(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(make(fixture, slot,
			      "[output.asker]\nstore = sink:deep\n"
			      "[input.probe]\njitter = 1s\n"
			      "[output.sink:deep]\npath = /x\nbuffer = shelf\ntables = probe_*\n"
			      "[buffer.shelf]\ncapacity = 1Mi\nbatch_size = 7\n"),
			 0);
	const struct plan *plan = fixture->plan;
	assert_int_equal(plan->n_instances, 4);
	const struct plan_instance *probe = plan_find(plan, "input.probe");
	assert_int_equal(probe->common.interval, 5000000000);
	assert_int_equal(probe->common.jitter, 1000000000);
	const struct plan_instance *shelf = plan_find(plan, "buffer.shelf");
	assert_int_equal(shelf->common.journal.batch_size, 7);
	assert_int_equal(((const struct shelf_config *)shelf->config)->capacity, 1 << 20);
	const struct plan_instance *sink = plan_find(plan, "output.sink:deep");
	assert_ptr_equal(sink->buffer, shelf);
	assert_string_equal(sink->common.tables[0], "probe_*");
	const struct plan_instance *asker = plan_find(plan, "output.asker");
	assert_ptr_equal(((const struct asker_config *)asker->config)->store, fixture);
	assert_string_equal(fixture->slot_name, "output.sink:deep");
	assert_null(asker->buffer);
	assert_null(plan_find(plan, "output.sink"));
}

static void without_slots_references_are_checked_and_stay_null(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(make(fixture, NULL,
			      "[output.asker]\n[output.sink]\npath = /x\nbuffer = shelf\n"
			      "[buffer.shelf]\n"),
			 0);
	const struct plan_instance *asker = plan_find(fixture->plan, "output.asker");
	assert_null(((const struct asker_config *)asker->config)->store);
}

static void a_section_that_is_not_enabled_is_as_if_it_were_not_there(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(
		make(fixture, NULL, "[input.probe]\n[input.no_such]\nenabled = no\nwhatever = 1\n"),
		0);
	assert_int_equal(fixture->plan->n_instances, 1);
	assert_refused(fixture, "[output.asker]\n[output.sink]\npath = /x\nenabled = no\n",
		       "t.conf:1: [output.asker] store: [output.sink] at t.conf:2 is not enabled");
	assert_refused(fixture, "[input.probe]\nenabled = nope\n",
		       "t.conf:2: [input.probe] enabled: \"nope\" is not yes or no");
}

static void a_missing_buffer_is_told_where_it_is_named(void **state)
{
	struct fixture *fixture = *state;
	assert_refused(fixture, "[output.sink]\npath = /x\n[input.probe]\n",
		       "t.conf:1: output.sink: buffer = batch: there is no [buffer.batch]; add it "
		       "or name another");
	assert_refused(fixture, "[output.sink]\npath = /x\nbuffer = shelve\n[buffer.shelf]\n",
		       "t.conf:3: output.sink: buffer = shelve: there is no [buffer.shelve] (did "
		       "you mean shelf?)");
}

static void without_inputs_no_buffer_is_needed(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(make(fixture, NULL, "[output.sink]\npath = /x\n"), 0);
	assert_null(plan_find(fixture->plan, "output.sink")->buffer);
}

static void a_store_must_be_there_and_be_one(void **state)
{
	struct fixture *fixture = *state;
	assert_refused(fixture, "[output.asker]\n",
		       "t.conf:1: [output.asker] store: there is no [output.sink]; add it or "
		       "name another");
	assert_refused(fixture, "[output.asker]\nstore = asker\n",
		       "t.conf:2: [output.asker] store: [output.asker] is not a store: it cannot "
		       "answer queries");
}

static void a_reference_to_a_broken_section_adds_no_second_problem(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(make(fixture, NULL,
			      "[output.sink]\npath = /x\nbuffer = no_such\n[buffer.no_such]\n"),
			 -EINVAL);
	assert_int_equal(fixture->problems.n, 1);
	assert_non_null(strstr(fixture->problems.texts[0], "t.conf:4: [buffer.no_such] there is "
							   "no plugin no_such.so"));
}

static void a_plugin_in_the_wrong_kind_of_section_is_told(void **state)
{
	struct fixture *fixture = *state;
	assert_refused(fixture, "[input.sink:a]\n",
		       "t.conf:1: [input.sink:a] sink is an output: write [output.sink:a]");
	assert_refused(fixture, "[output.shelf]\n",
		       "t.conf:1: [output.shelf] shelf is a buffer: write [buffer.shelf]");
	assert_refused(fixture, "[buffer.asker]\n",
		       "t.conf:1: [buffer.asker] asker is an output: write [output.asker]");
}

static void a_plugin_may_not_take_a_key_of_the_core(void **state)
{
	struct fixture *fixture = *state;
	assert_refused(
		fixture, "[input.core_option]\n",
		"t.conf:1: [input.core_option] the plugin declares the option interval, which "
		"the core reserves");
}

static void problems_of_all_sections_are_told_together(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(make(fixture, NULL,
			      "[tallyd]\nlog_level = loud\n[input.probe]\ninterval = 1ms\n"
			      "[output.sink]\n[input.nothing_like_it]\n"),
			 -EINVAL);
	assert_int_equal(fixture->problems.n, 4);
}

static void globals_have_their_defaults(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(make(fixture, NULL, "[tallyd]\nlog_level = debug\nhost =\n"), 0);
	const struct plan_globals *globals = &fixture->plan->globals;
	assert_int_equal(globals->log_level, 4);
	assert_int_equal(globals->drain_timeout, 10000000000);
	assert_string_equal(globals->state_dir, "/var/lib/tallyd");
	assert_true(*globals->host);
	assert_true(*globals->plugin_dir);
	const struct options_value *host = options_find(fixture->plan->globals_options, "host");
	assert_string_equal(host->text, globals->host);
}

static void an_instance_is_equal_to_itself_moved_and_not_to_itself_changed(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(make(fixture, NULL, "[input.probe]\nport = 9\n"), 0);
	struct plan *first = fixture->plan;
	fixture->plan = NULL;
	assert_int_equal(make(fixture, NULL, "\n\n[input.probe]\n; new\nport=9\n"), 0);
	assert_true(plan_instance_equal(first->instances, fixture->plan->instances));
	assert_int_equal(make(fixture, NULL, "[input.probe]\nport=10\n"), 0);
	assert_false(plan_instance_equal(first->instances, fixture->plan->instances));
	assert_int_equal(make(fixture, NULL, "[input.probe:b]\nport=9\n"), 0);
	assert_false(plan_instance_equal(first->instances, fixture->plan->instances));
	plan_destroy(first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sound_configuration_is_bound_to_the_end),
		TEST(without_slots_references_are_checked_and_stay_null),
		TEST(a_section_that_is_not_enabled_is_as_if_it_were_not_there),
		TEST(a_missing_buffer_is_told_where_it_is_named),
		TEST(without_inputs_no_buffer_is_needed),
		TEST(a_store_must_be_there_and_be_one),
		TEST(a_reference_to_a_broken_section_adds_no_second_problem),
		TEST(a_plugin_in_the_wrong_kind_of_section_is_told),
		TEST(a_plugin_may_not_take_a_key_of_the_core),
		TEST(problems_of_all_sections_are_told_together),
		TEST(globals_have_their_defaults),
		TEST(an_instance_is_equal_to_itself_moved_and_not_to_itself_changed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
