/* The file: whose it is, what else it may be, how it is upgraded; and what its filters match. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "read/condition.h"
#include "sqlite_fixture.h"
#include "test.h"

static void the_file_is_for_its_owner_only(void **state)
{
	struct stat file;
	(void)state;
	assert_int_equal(stat(backend_config.path, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
}

static void start_with_path(struct fixture *f, const char *path, int error, const char *reason)
{
	struct sqlite_config config = backend_config;
	void *self = NULL;
	config.path = path;
	assert_int_equal(f->plugin->create(f->ctx, &config, &self), 0);
	assert_int_equal(f->plugin->start(self), -error);
	if (!strstr(fake_host_reason(f->host), reason) || !strstr(fake_host_reason(f->host), path))
		fail_msg("%s", fake_host_reason(f->host));
	f->plugin->destroy(self);
}

static void a_path_that_is_no_database_is_refused_by_name(void **state)
{
	struct fixture *f = *state;
	char path[200], lock[210];
	start_with_path(f, f->folder, EISDIR, "is a directory");
	start_with_path(f, backend_config.path, EBUSY, "in use by another");
	snprintf(path, sizeof(path), "%s/other", f->folder);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	assert_int_equal(symlink("/nonexistent/nowhere", path), 0);
	start_with_path(f, path, ENOENT, "dangling symbolic link");
	unlink(path);
	FILE *file = fopen(path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is not a database. ", file);
	fclose(file);
	start_with_path(f, path, EBADMSG, "damaged or not a SQLite database");
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	unlink(lock);
}

/* What `tallyd db VERB` prints for a file; free it. */
static char *told(struct fixture *f, const char *path, const char *verb, int result)
{
	struct sqlite_config config = backend_config;
	char *words[] = {(char *)(uintptr_t)verb};
	const struct tally_command run = {.size = sizeof(run), .argc = 1, .argv = words};
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len), *before = stdout;
	config.path = path;
	stdout = to;
	int r = f->plugin->command(f->ctx, &config, &run);
	stdout = before;
	fclose(to);
	assert_int_equal(r, result);
	return text;
}

static void a_command_tells(struct fixture *f, const char *path, const char *verb, int result,
			    const char *what)
{
	char *text = told(f, path, verb, result);
	const char *found = strstr(text, what);
	if (!found || strchr(text, '\n') != strrchr(text, '\n'))
		fail_msg("%s of %s: %s", verb, path, text);
	free(text);
}

static void a_command_says_whose_file_it_is(void **state)
{
	static const char *const verbs[] = {"status", "migrate", "confirm-clock"};
	struct fixture *f = *state;
	char path[200];
	sqlite3 *db = NULL;
	snprintf(path, sizeof(path), "%s/other", f->folder);
	for (size_t i = 0; i < 3; i++)
		a_command_tells(f, path, verbs[i], 0, "the daemon creates it at the start");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE mine (x)", NULL, NULL, NULL), SQLITE_OK);
	for (size_t i = 0; i < 3; i++)
		a_command_tells(f, path, verbs[i], 1, "the database of another program");
	assert_int_equal(sqlite3_exec(db, "DROP TABLE mine", NULL, NULL, NULL), SQLITE_OK);
	for (size_t i = 0; i < 3; i++)
		a_command_tells(f, path, verbs[i], 0, "creates what is missing at the start");
	sqlite3_close(db);
	unlink(path);
	snprintf(path, sizeof(path), "%s/other-wal", f->folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/other-shm", f->folder);
	unlink(path);
}

static void a_database_of_another_program_is_left_alone(void **state)
{
	struct fixture *f = *state;
	char path[200], lock[210];
	snprintf(path, sizeof(path), "%s/other", f->folder);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE mine (x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	start_with_path(f, path, EPROTO, "another program");
	unlink(path);
	unlink(lock);
}

static void an_edited_migration_is_noticed(void **state)
{
	struct fixture *f = *state;
	f->plugin->stop(f->store);
	fixture_sql(f, "UPDATE @migrations SET checksum = 'x' WHERE version = 1");
	assert_int_equal(f->plugin->start(f->store), -EPROTO);
	assert_non_null(strstr(fake_host_reason(f->host), "0001_catalog"));
	fixture_sql(f, "DELETE FROM @migrations");
	fixture_sql(f, "INSERT INTO @migrations VALUES (99, 'x', 'x', 'x')");
	assert_int_equal(f->plugin->start(f->store), -EPROTO);
	assert_non_null(strstr(fake_host_reason(f->host), "newer tallyd"));
	unlink(backend_config.path);
	assert_int_equal(f->plugin->start(f->store), 0);
}

static void an_older_file_gets_its_indexes(void **state)
{
	static const struct tally_column columns[] = {
		{.name = "time", .type = TALLY_TIME},
		{.name = "id", .type = TALLY_TEXT, .role = TALLY_TAG},
		{.name = "name", .type = TALLY_TEXT}};
	static const struct tally_table ships = {.name = "ships",
						 .help = "What has a name.",
						 .columns = columns,
						 .n_columns = 3,
						 .kind = TALLY_STATE,
						 .revision = 1};
	static const char find[] = "SELECT count(*) FROM sqlite_master WHERE name IN "
				   "('tally_names_ships', 'tally_id_samples')";
	static const char old[] = "SELECT count(*) FROM sqlite_master WHERE name = "
				  "'tally_name_ships'";
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &ships);
	tally_put_int(tally_batch_row(f->ctx, batch), 0, T0);
	put_text(f, batch, 1, "a");
	put_text(f, batch, 2, "Argo");
	fixture_write(f, batch);
	batch = fixture_batch(f, &series_table);
	put_series(f, batch, T0, "a", 1, 1);
	fixture_write(f, batch);
	assert_int_equal(fixture_sql(f, find), 2);
	f->plugin->stop(f->store);
	fixture_sql(f, "DROP INDEX tally_names_ships");
	fixture_sql(f, "DROP INDEX tally_id_samples");
	fixture_sql(f, "CREATE INDEX tally_name_ships ON ships (name)");
	assert_int_equal(fixture_sql(f, find), 0);
	assert_int_equal(f->plugin->start(f->store), 0);
	assert_int_equal(fixture_sql(f, find), 2);
	assert_int_equal(fixture_sql(f, old), 0);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(the_file_is_for_its_owner_only),
		STORE_TEST(a_path_that_is_no_database_is_refused_by_name),
		STORE_TEST(a_database_of_another_program_is_left_alone),
		STORE_TEST(a_command_says_whose_file_it_is),
		STORE_TEST(an_edited_migration_is_noticed),
		STORE_TEST(an_older_file_gets_its_indexes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
