/* What an engine reports of its containers becomes rows of container_events. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "docker_fixture.h"
#include "events_table.h"
#include "test.h"
#include "waiting.h"

static uint32_t events(struct docker_fixture *f)
{
	return fake_host_rows(f->host, "container_events");
}

static const struct tally_cell *event_cell(struct docker_fixture *f, uint32_t i,
					   enum events_column column)
{
	const struct tally_cell *row = fake_host_row(f->host, "container_events", i);
	assert_non_null(row);
	return &row[column];
}

static bool event_is(struct docker_fixture *f, uint32_t i, enum events_column column,
		     const char *text)
{
	const struct tally_cell *cell = event_cell(f, i, column);
	bool same = cell->set && cell->len == strlen(text) && !memcmp(cell->text, text, cell->len);
	if (!same)
		print_error("event %u, column %d is \"%.*s\", not \"%s\"\n", i, column,
			    cell->set ? (int)cell->len : 4, cell->set ? cell->text : "NULL", text);
	return same;
}

static void set_events(struct docker_fixture *f, const char *recorded)
{
	char path[400];
	size_t len;
	snprintf(path, sizeof(path), "%s/docker/%s/events.ndjson", TEST_DATA_DIR, recorded);
	char *lines = fake_engine_read_file(path, &len);
	fake_engine_set(f->engine, "/events", 200, lines, FAKE_STREAMS);
	free(lines);
}

static struct docker_fixture replay(const char *recorded)
{
	struct docker_fixture f;
	fixture_init(&f, recorded);
	set_events(&f, recorded);
	fixture_run(&f);
	WAIT_UNTIL(fixture_metric(&f, "event_stream_open", "") == 1 &&
		   fixture_metric(&f, "containers", "") > 0);
	fixture_end(&f);
	return f;
}

static void check_story(struct docker_fixture *f, const char *const *actions)
{
	uint32_t i = 0;
	for (; actions[i]; i++)
		assert_true(event_is(f, i, EVENTS_ACTION, actions[i]));
	assert_int_equal(events(f), i);
}

static void events_of_20_10_become_rows(void **state)
{
	static const char *const actions[] = {
		"create",  "start", "pause",   "unpause", "rename",  "update",
		"kill",    "kill",  "kill",    "die",     "stop",    "start",
		"restart", "kill",  "kill",    "die",     "stop",    "start",
		"kill",    "die",   "destroy", "create",  "start",   "oom",
		"kill",    "die",   "destroy", "create",  "start",   "health_status",
		"kill",    "die",   "destroy", "pause",   "unpause", NULL};
	struct docker_fixture f = replay(DOCKER_20);
	(void)state;
	check_story(&f, actions);
	assert_int_equal(event_cell(&f, 0, EVENTS_TIME)->i, INT64_C(1795452639653547078));
	assert_true(event_is(&f, 0, EVENTS_HOST, "testhost"));
	assert_true(event_is(&f, 0, EVENTS_NAME, "ev1"));
	assert_true(event_is(&f, 0, EVENTS_IMAGE, "testbox:1"));
	assert_false(event_cell(&f, 0, EVENTS_ATTRIBUTES)->set);
	assert_true(event_is(&f, 4, EVENTS_NAME, "ev1b"));
	assert_true(event_is(&f, 4, EVENTS_ATTRIBUTES, "{\"oldName\":\"/ev1\"}"));
	assert_int_equal(event_cell(&f, 8, EVENTS_SIGNAL)->i, 9);
	assert_int_equal(event_cell(&f, 9, EVENTS_EXIT_CODE)->i, 137);
	assert_int_equal(event_cell(&f, 9, EVENTS_OOM)->i, 0);
	assert_int_equal(event_cell(&f, 23, EVENTS_OOM)->i, 1);
	assert_int_equal(event_cell(&f, 25, EVENTS_OOM)->i, 1);
	assert_true(event_is(&f, 29, EVENTS_HEALTH, "unhealthy"));
	assert_true(event_is(&f, 33, EVENTS_NAME, "web1"));
	assert_false(
		event_cell(&f, 33, EVENTS_ATTRIBUTES)->set); /* its labels are not among them */
	assert_string_equal(fake_host_position(f.host, 0), "1795452647672819559");
	fixture_done(&f);
}

static void events_of_29_become_rows(void **state)
{
	static const char *const actions[] = {
		"create",  "start", "pause",   "unpause", "rename",  "update",
		"kill",    "kill",  "kill",    "stop",    "die",     "start",
		"restart", "kill",  "kill",    "stop",    "die",     "start",
		"kill",    "die",   "destroy", "create",  "start",   "oom",
		"kill",    "die",   "destroy", "create",  "start",   "health_status",
		"kill",    "die",   "destroy", "pause",   "unpause", NULL};
	struct docker_fixture f = replay(DOCKER_29);
	(void)state;
	check_story(&f, actions);
	assert_true(event_is(&f, 31, EVENTS_ATTRIBUTES, "{\"execDuration\":\"3\"}"));
	fixture_done(&f);
}

static void podmans_words_become_dockers(void **state)
{
	static const char *const actions[] = {"create", "start", "kill",    "die",
					      "start",  "die",   "destroy", NULL};
	struct docker_fixture f = replay(PODMAN);
	(void)state;
	check_story(&f, actions);
	assert_int_equal(event_cell(&f, 3, EVENTS_EXIT_CODE)->i, 137);
	fixture_done(&f);
}

static void podman_is_asked_by_its_own_names(void **state)
{
	struct docker_fixture f = replay(PODMAN);
	(void)state;
	assert_int_equal(fake_engine_asked(f.engine, "%22die%22"), 1);
	assert_int_equal(fake_engine_asked(f.engine, "%22died%22"), 1);
	assert_int_equal(fake_engine_asked(f.engine, "%22remove%22"), 1);
	fixture_done(&f);
}

#define EVENT(action, attributes)                                                                  \
	"{\"Type\":\"container\",\"Action\":\"" action "\",\"Actor\":{\"ID\":\"abc\","             \
	"\"Attributes\":" attributes "},\"timeNano\":1795450800000000000}\n"

static struct docker_fixture after_events(const char *lines)
{
	struct docker_fixture f;
	fixture_init(&f, NULL);
	fixture_set_ns(&f, "timeout", 20 * CLOCK_SECOND); /* no test here waits for it */
	fake_engine_set(f.engine, "/containers/json", 200, "[]", FAKE_ANSWERS);
	fake_engine_set(f.engine, "/events", 200, lines, FAKE_STREAMS);
	fixture_run(&f);
	WAIT_UNTIL(fake_engine_asked(f.engine, "/containers/json?all=1 ") > 0);
	fixture_end(&f);
	return f;
}

/* An event whose container has labels of so many bytes, as one or as many. */
static char *labelled(bool many)
{
	size_t size = 3 << 20;
	char *line = malloc(size);
	assert_non_null(line);
	size_t len = (size_t)snprintf(line, size,
				      "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{"
				      "\"ID\":\"abc\",\"Attributes\":{\"aaa\":\"");
	for (unsigned i = 0; len < size - 300; i++)
		len += many ? (size_t)snprintf(line + len, 40, "x\",\"b%07u\":\"", i)
			    : (size_t)snprintf(line + len, 8, "\\u00e9");
	snprintf(line + len, size - len,
		 "\",\"exitCode\":\"137\",\"image\":\"box\",\"name\":\"huge\"}},"
		 "\"timeNano\":1795450800000000000}\n");
	return line;
}

static void an_event_with_huge_labels_is_emitted_without_them(void **state)
{
	(void)state;
	for (int many = 0; many < 2; many++) {
		char *line = labelled(many);
		struct docker_fixture f = after_events(line);
		free(line);
		assert_int_equal(events(&f), 1);
		assert_true(event_is(&f, 0, EVENTS_NAME, "huge"));
		assert_true(event_is(&f, 0, EVENTS_IMAGE, "box"));
		assert_int_equal(event_cell(&f, 0, EVENTS_EXIT_CODE)->i, 137);
		assert_string_equal(fake_host_log(f.host, TALLY_WARNING), "");
		assert_true(fixture_metric(&f, "engine_texts_cut_total", "") > 0);
		fixture_done(&f);
	}
}

static void an_event_that_is_left_out_names_its_container(void **state)
{
	char *line = malloc(1 << 20);
	(void)state;
	assert_non_null(line);
	memset(line, 0, 1 << 20);
	snprintf(
		line, 200,
		"{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"abc\",\"nested\":");
	memset(line + strlen(line), '[', 400000);
	line[400000] = '\n';
	line[400001] = '\0';
	struct docker_fixture f = after_events(line);
	free(line);
	assert_int_equal(events(&f), 0);
	assert_non_null(strstr(fake_host_log(f.host, TALLY_WARNING),
			       "skipped an event of abc: longer than 262144 bytes"));
	fixture_done(&f);
}

static void what_an_attribute_should_not_be_is_kept_as_it_is(void **state)
{
	static const struct {
		const char *line, *attributes; /* NULL: none */
		enum events_column column;
		int64_t number; /* -1: the column is NULL */
	} cases[] = {
		{EVENT("die", "{\"exitCode\":\"137\"}"), NULL, EVENTS_EXIT_CODE, 137},
		{EVENT("die", "{\"exitCode\":137}"), NULL, EVENTS_EXIT_CODE, 137},
		{EVENT("die", "{\"containerExitCode\":\"3\"}"), NULL, EVENTS_EXIT_CODE, 3},
		{EVENT("die", "{\"exitCode\":\"SIGKILL\"}"), "{\"exitCode\":\"SIGKILL\"}",
		 EVENTS_EXIT_CODE, -1},
		{EVENT("die", "{\"exitCode\":\"SIGKILL\",\"containerExitCode\":\"9\"}"), NULL,
		 EVENTS_EXIT_CODE, 9},
		{EVENT("die", "{\"exitCode\":[1, {\"a\":2}]}"), "{\"exitCode\":[1, {\"a\":2}]}",
		 EVENTS_EXIT_CODE, -1},
		{EVENT("die", "{\"exitCode\":\"\",\"signal\":\"x\"}"), NULL, EVENTS_EXIT_CODE, -1},
		{EVENT("die", "{\"exitCode\":99999999999999999999}"),
		 "{\"exitCode\":99999999999999999999}", EVENTS_EXIT_CODE, -1},
		{EVENT("kill", "{\"signal\":\"SIGTERM\"}"), "{\"signal\":\"SIGTERM\"}",
		 EVENTS_SIGNAL, -1},
		{EVENT("kill", "{\"signal\":15,\"exitCode\":\"x\"}"), NULL, EVENTS_SIGNAL, 15},
		{EVENT("rename", "{\"oldName\":{\"was\":\"a\"},\"name\":7}"),
		 "{\"oldName\":{\"was\":\"a\"},\"name\":7}", EVENTS_NAME, -1},
		{EVENT("start", "[\"name\",\"x\"]"), "{\"Attributes\":[\"name\",\"x\"]}",
		 EVENTS_NAME, -1},
		{EVENT("start", "\"all\""), "{\"Attributes\":\"all\"}", EVENTS_NAME, -1},
		{EVENT("health_status", "{\"health_status\":{\"a\":1}}"),
		 "{\"health_status\":{\"a\":1}}", EVENTS_HEALTH, -1},
		{EVENT("start", "{\"secret label\":1}"), NULL, EVENTS_NAME, -1},
		{EVENT("start", "null"), NULL, EVENTS_NAME, -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct docker_fixture f = after_events(cases[i].line);
		assert_int_equal(events(&f), 1);
		if (cases[i].attributes)
			assert_true(event_is(&f, 0, EVENTS_ATTRIBUTES, cases[i].attributes));
		else
			assert_false(event_cell(&f, 0, EVENTS_ATTRIBUTES)->set);
		const struct tally_cell *cell = event_cell(&f, 0, cases[i].column);
		assert_int_equal(cell->set ? cell->i : -1, cases[i].number);
		fixture_done(&f);
	}
}

static void only_what_passes_the_filters_becomes_a_row(void **state)
{
	static const char *const exclude[] = {"name=ev*", "label=maintainer=test", NULL};
	struct docker_fixture f;
	(void)state;
	fixture_init(&f, NULL);
	fake_engine_set(f.engine, "/containers/json", 200, "[]", FAKE_ANSWERS);
	fixture_set_list(&f, "exclude", exclude);
	set_events(&f, DOCKER_20);
	fixture_run(&f);
	WAIT_UNTIL(fake_engine_asked(f.engine, "/containers/json?all=1 ") > 0);
	fixture_end(&f);
	assert_int_equal(events(&f), 12); /* of oomc and hc */
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_of_20_10_become_rows),
		cmocka_unit_test(events_of_29_become_rows),
		cmocka_unit_test(podmans_words_become_dockers),
		cmocka_unit_test(podman_is_asked_by_its_own_names),
		cmocka_unit_test(an_event_with_huge_labels_is_emitted_without_them),
		cmocka_unit_test(an_event_that_is_left_out_names_its_container),
		cmocka_unit_test(what_an_attribute_should_not_be_is_kept_as_it_is),
		cmocka_unit_test(only_what_passes_the_filters_becomes_a_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
