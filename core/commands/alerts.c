/*
 * `tallyd alerts`: what fires now is asked by tallyd-console.  `tallyd alerts test NAME`: what a
 * rule would have said of the past its plugin knows; it is handed the words, while the store that
 * the rule names runs in this process.  Nothing else does, and nothing is emitted.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "base/text.h"
#include "commands/checked.h"
#include "commands/db.h"
#include "plugin/reason.h"
#include "process/crash.h"
#include "process/log.h"

enum { TEST_WORDS = 4, TEST_TIME_SIZE = 32 };

static const int64_t test_range = CLOCK_DAY, test_stop = 30 * CLOCK_SECOND;

/* ---- The command line -------------------------------------------------------- */

static int test_time(const struct command_line *line, const char *option, int64_t now,
		     int64_t fallback, int64_t *ret)
{
	const char *text = command_value(line, option);
	int64_t span;
	*ret = fallback;
	if (!text)
		return COMMAND_OK;
	if (strcmp(text, "now") == 0)
		*ret = now;
	else if (text_parse_duration(text, &span) == 0 && span >= 0)
		*ret = now - span;
	else if (rfc3339_parse(text, strlen(text), ret) < 0) {
		fprintf(stderr,
			"tallyd alerts test: --%s: \"%s\" is no time (try 2h, or "
			"2026-01-31T12:00:00Z)\n",
			option, text);
		return COMMAND_USAGE;
	}
	return COMMAND_OK;
}

static const struct plan_instance *test_find(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_instances; i++) {
		const struct plan_instance *instance = &plan->instances[i];
		if (instance->kind == PLAN_INPUT && instance->plugin->command &&
		    config_is_rule(instance->section) && checked_names(name, instance))
			return instance;
	}
	fprintf(stderr, "tallyd alerts test: there is no [alert.%s] that is enabled\n", name);
	return NULL;
}

/* ---- The store --------------------------------------------------------------- */

struct test_store {
	const struct plan_instance *plan;
	struct bindings *bindings;
	struct api *api;
	void *self;
	bool started;
};

static int test_start(struct test_store *store, const struct plugin_services *services,
		      struct error *error)
{
	const struct tally_plugin *plugin = store->plan->plugin;
	int r = plugin_api_create(services, plugin, store->plan->name, 0, &store->api, error);
	if (r < 0)
		return r;
	plugin_api_set_options(store->api, store->plan->options);
	const char *before = crash_enter(plugin_api_ctx(store->api)->name);
	r = PLUGIN_CALL(
		plugin->create(plugin_api_ctx(store->api), store->plan->config, &store->self));
	bool reads = plugin->store->size > offsetof(struct tally_store_ops, start_reading) &&
		     plugin->store->start_reading;
	if (r == 0 && reads)
		r = PLUGIN_CALL(plugin->store->start_reading(store->self));
	else if (r == 0 && plugin->start)
		r = PLUGIN_CALL(plugin->start(store->self));
	store->started = r == 0;
	crash_leave(before);
	if (r < 0)
		return reason_explain(r, error);
	return binding_attach(store->bindings, store->plan->name, plugin, store->self);
}

static void test_stop_store(struct test_store *store)
{
	if (!store->plan || !store->api)
		return;
	const struct tally_plugin *plugin = store->plan->plugin;
	if (store->started)
		binding_detach(store->bindings, store->plan->name, clock_monotonic() + test_stop);
	if (store->started && plugin->stop)
		PLUGIN_CALL(plugin->stop(store->self));
	if (store->self)
		PLUGIN_CALL(plugin->destroy(store->self));
	plugin_api_destroy(store->api);
}

/* ---- The whole --------------------------------------------------------------- */

static int test_run(struct db *db, const struct plan_instance *rule, struct test_store *store)
{
	struct error error;
	int r = store->plan ? test_start(store, &db->services, &error) : 0;
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", store->plan->name, error.text);
	} else {
		r = db_call(db, rule, &error);
		fflush(stdout);
		if (r < 0)
			fprintf(stderr, "%s: %s\n", rule->name,
				r == -ENOSYS ? "its plugin cannot be tried" : error.text);
	}
	test_stop_store(store);
	return r < 0 ? COMMAND_FAILED : COMMAND_OK;
}

static int test_named(struct db *db, const char *name)
{
	const struct plan *plan = db->checked.plan;
	const struct plan_instance *rule = test_find(plan, name);
	struct test_store store = {.bindings = db->checked.bindings};
	if (!rule)
		return COMMAND_FAILED;
	store.plan = plan_store_of(plan, rule);
	return test_run(db, rule, &store);
}

static int test_read_range(const struct command_line *line, int64_t *ret_from, int64_t *ret_to)
{
	int64_t now = clock_now();
	int exit_code = test_time(line, "to", now, now, ret_to);
	if (exit_code == COMMAND_OK)
		exit_code = test_time(line, "from", now, *ret_to - test_range, ret_from);
	if (exit_code != COMMAND_OK || *ret_from < *ret_to)
		return exit_code;
	fprintf(stderr, "tallyd alerts test: --from is not before --to\n");
	return COMMAND_USAGE;
}

static int alerts_test(const struct command_line *line)
{
	char from_text[TEST_TIME_SIZE], to_text[TEST_TIME_SIZE], verb[] = "test", text[] = "text",
								 json[] = "json";
	char *words[TEST_WORDS] = {verb, from_text, to_text,
				   command_value(line, "json") ? json : text};
	struct db db = {.only = NULL};
	int64_t from, to;
	int exit_code = test_read_range(line, &from, &to);
	if (exit_code == COMMAND_OK)
		exit_code = db_begin(line, &db);
	if (exit_code != COMMAND_OK)
		return exit_code;
	snprintf(from_text, sizeof(from_text), "%" PRId64, from);
	snprintf(to_text, sizeof(to_text), "%" PRId64, to);
	db.command.argc = TEST_WORDS;
	db.command.argv = words;
	log_set_level(TALLY_ERROR);
	exit_code = test_named(&db, line->argv[1]);
	db_end(&db);
	return exit_code;
}

int command_alerts(const struct command_line *line)
{
	return strcmp(line->verb->name, "test") == 0 ? alerts_test(line) : command_console(line);
}
