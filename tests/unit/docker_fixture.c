#include "docker_fixture.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "docker/docker_list.h"
#include "test.h"

enum { PATH_SIZE = 400 };

/* ---- The engine ---- */

static void record_file(struct docker_fixture *fixture, const char *part, const char *recorded,
			const char *file)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof(path), "%s/docker/%s/%s", TEST_DATA_DIR, recorded, file);
	if (access(path, R_OK) == 0)
		fake_engine_set_file(fixture->engine, part, path);
}

static void record_containers(struct docker_fixture *fixture, const char *recorded)
{
	char path[PATH_SIZE], part[200], file[100];
	size_t len, offset;
	struct docker_list list;
	snprintf(path, sizeof(path), "%s/docker/%s/containers.json", TEST_DATA_DIR, recorded);
	char *body = fake_engine_read_file(path, &len);
	assert_null(docker_list_parse(body, len, &list, &offset));
	for (uint32_t i = 0; i < list.n; i++) {
		snprintf(part, sizeof(part), "/containers/%s/stats", list.items[i].id);
		snprintf(file, sizeof(file), "stats_oneshot_%s.json", list.items[i].name);
		record_file(fixture, part, recorded, file);
		snprintf(part, sizeof(part), "/containers/%s/json", list.items[i].id);
		snprintf(file, sizeof(file), "inspect_%s.json", list.items[i].name);
		record_file(fixture, part, recorded, file);
	}
	docker_list_done(&list);
}

const char *fixture_id(struct docker_fixture *fixture, const char *name, char ret[65])
{
	char path[PATH_SIZE];
	size_t len, offset;
	struct docker_list list;
	(void)fixture;
	snprintf(path, sizeof(path), "%s/docker/%s/containers.json", TEST_DATA_DIR, DOCKER_20);
	char *body = fake_engine_read_file(path, &len);
	assert_null(docker_list_parse(body, len, &list, &offset));
	ret[0] = '\0';
	for (uint32_t i = 0; i < list.n; i++)
		if (strcmp(list.items[i].name, name) == 0)
			snprintf(ret, 65, "%s", list.items[i].id);
	docker_list_done(&list);
	assert_true(ret[0]);
	return ret;
}

/* ---- The plugin ---- */

static const struct tally_option *find_option(const struct docker_fixture *fixture,
					      const char *name)
{
	for (const struct tally_option *o = fixture->plugin->options; o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

static bool has_option(const struct docker_fixture *fixture, const char *name)
{
	return find_option(fixture, name) != NULL;
}

static void set_option(struct docker_fixture *fixture, const char *name, const void *value,
		       size_t size)
{
	const struct tally_option *option = find_option(fixture, name);
	assert_non_null(option);
	memcpy(fixture->config + option->offset, value, size);
}

void fixture_set_ns(struct docker_fixture *fixture, const char *option, int64_t value)
{
	set_option(fixture, option, &value, sizeof(value));
}

void fixture_set_text(struct docker_fixture *fixture, const char *option, const char *value)
{
	set_option(fixture, option, &value, sizeof(value));
}

void fixture_set_list(struct docker_fixture *fixture, const char *option, const char *const *value)
{
	set_option(fixture, option, &value, sizeof(value));
}

void fixture_init(struct docker_fixture *fixture, const char *recorded)
{
	*fixture = (struct docker_fixture){.plugin = tally_plugin()};
	fixture->table = fixture->plugin->tables[0];
	fixture->host = fake_host_create("input.docker");
	fixture->state_dir = strdup("/tmp/docker_XXXXXX");
	assert_non_null(mkdtemp(fixture->state_dir));
	fake_host_ctx(fixture->host)->state_dir = fixture->state_dir;
	fixture->engine = fake_engine_create();
	fixture->config = calloc(1, fixture->plugin->config_size);
	assert_non_null(fixture->config);
	fixture_set_text(fixture, "endpoint", fake_engine_endpoint(fixture->engine));
	fixture_set_ns(fixture, "timeout", 1000000000);
	if (has_option(fixture, "max_connections"))
		fixture_set_ns(fixture, "max_connections", 1024);
	if (has_option(fixture, "source"))
		fixture_set_ns(fixture, "source", FIXTURE_API);
	if (has_option(fixture, "refresh"))
		fixture_set_ns(fixture, "refresh", INT64_C(300000000000));
	if (has_option(fixture, "interval"))
		fixture_set_ns(fixture, "interval", INT64_C(30000000000));
	if (!recorded)
		return;
	record_file(fixture, "/version", recorded, "version.json");
	record_file(fixture, "/containers/json", recorded, "containers_running.json");
	record_file(fixture, "/containers/json?all=1", recorded, "containers.json");
	record_file(fixture, "/images/json", recorded, "images.json");
	record_containers(fixture, recorded);
}

static void unmake(struct docker_fixture *fixture)
{
	if (!fixture->self)
		return;
	fixture->plugin->stop(fixture->self);
	fixture->plugin->destroy(fixture->self);
	fixture->self = NULL;
}

void fixture_done(struct docker_fixture *fixture)
{
	char path[100];
	unmake(fixture);
	snprintf(path, sizeof(path), "%s/%s.rows", fixture->state_dir,
		 fake_host_ctx(fixture->host)->name);
	unlink(path);
	rmdir(fixture->state_dir);
	free(fixture->state_dir);
	fake_host_destroy(fixture->host);
	fake_engine_destroy(fixture->engine);
	free(fixture->config);
}

int fixture_start(struct docker_fixture *fixture)
{
	int r = 0;
	if (!fixture->self)
		r = fixture->plugin->create(fake_host_ctx(fixture->host), fixture->config,
					    &fixture->self);
	return r < 0 ? r : fixture->plugin->start(fixture->self);
}

int fixture_restart(struct docker_fixture *fixture)
{
	unmake(fixture);
	return fixture_start(fixture);
}

int fixture_gather(struct docker_fixture *fixture)
{
	fake_host_forget(fixture->host);
	if (fixture->scan)
		return fixture->scan(fixture->self);
	return fixture->plugin->input->gather(fixture->self);
}

struct docker_fixture fixture_gathered(const char *recorded)
{
	struct docker_fixture fixture;
	fixture_init(&fixture, recorded);
	assert_int_equal(fixture_start(&fixture), 0);
	assert_int_equal(fixture_gather(&fixture), 0);
	return fixture;
}

/* ---- In a thread ---- */

static void *run(void *arg)
{
	struct docker_fixture *fixture = arg;
	fixture->result = fixture->plugin->input->run(fixture->self);
	return NULL;
}

void fixture_run(struct docker_fixture *fixture)
{
	assert_int_equal(fixture_start(fixture), 0);
	assert_int_equal(pthread_create(&fixture->thread, NULL, run, fixture), 0);
}

void fixture_end(struct docker_fixture *fixture)
{
	fake_host_stop(fixture->host);
	pthread_join(fixture->thread, NULL);
	assert_int_equal(fixture->result, 0);
}

/* ---- What came out ---- */

uint32_t fixture_rows(struct docker_fixture *fixture)
{
	return fake_host_rows(fixture->host, fixture->table->name);
}

static const struct tally_cell *row_of(struct docker_fixture *fixture, const char *name)
{
	for (uint32_t i = 0; i < fixture_rows(fixture); i++) {
		const struct tally_cell *row =
			fake_host_row(fixture->host, fixture->table->name, i);
		const struct tally_cell *cell = fake_cell(fixture->table, row, "name");
		if (cell->set && cell->len == strlen(name) &&
		    memcmp(cell->text, name, cell->len) == 0)
			return row;
	}
	return NULL;
}

bool fixture_has(struct docker_fixture *fixture, const char *name)
{
	return row_of(fixture, name) != NULL;
}

const struct tally_cell *fixture_cell(struct docker_fixture *fixture, const char *name,
				      const char *column)
{
	const struct tally_cell *row = row_of(fixture, name);
	if (!row)
		fail_msg("no row of %s", name);
	return fake_cell(fixture->table, row, column);
}

int64_t fixture_int(struct docker_fixture *fixture, const char *name, const char *column)
{
	const struct tally_cell *cell = fixture_cell(fixture, name, column);
	if (!cell->set)
		fail_msg("%s of %s is NULL", column, name);
	return cell->i;
}

double fixture_real(struct docker_fixture *fixture, const char *name, const char *column)
{
	const struct tally_cell *cell = fixture_cell(fixture, name, column);
	if (!cell->set)
		fail_msg("%s of %s is NULL", column, name);
	return cell->f;
}

bool fixture_is_null(struct docker_fixture *fixture, const char *name, const char *column)
{
	return !fixture_cell(fixture, name, column)->set;
}

bool fixture_is_text(struct docker_fixture *fixture, const char *name, const char *column,
		     const char *text)
{
	const struct tally_cell *cell = fixture_cell(fixture, name, column);
	bool same =
		cell->set && cell->len == strlen(text) && memcmp(cell->text, text, cell->len) == 0;
	if (!same)
		print_error("%s of %s is \"%.*s\", not \"%s\"\n", column, name,
			    cell->set ? (int)cell->len : 4, cell->set ? cell->text : "NULL", text);
	return same;
}

uint64_t fixture_metric(struct docker_fixture *fixture, const char *name, const char *labels)
{
	const struct tally_metric *metrics = fixture->plugin->metrics;
	for (uint32_t i = 0; metrics[i].name; i++)
		if (strcmp(metrics[i].name, name) == 0 &&
		    strcmp(metrics[i].labels ? metrics[i].labels : "", labels) == 0)
			return fake_host_metric(fixture->host, i);
	fail_msg("no metric %s{%s}", name, labels);
	return 0;
}
