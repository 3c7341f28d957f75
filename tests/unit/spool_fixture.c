#include "spool_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/batch.h"
#include "test.h"

const struct tally_plugin *tally_plugin(void);

const struct tally_buffer *spool_calls;

/* As the plugin has it. */
struct config {
	const char *path;
	int64_t capacity, sync, keep;
};
static struct config config;

struct spool_test t;

int spool_test_setup(void **state)
{
	(void)state;
	t = (struct spool_test){.folder = "/tmp/tallyd-spool-XXXXXX"};
	spool_calls = tally_plugin()->buffer;
	assert_non_null(mkdtemp(t.folder));
	snprintf(t.path, sizeof(t.path), "%s/in/spool", t.folder);
	t.host = fake_host_create("buffer.spool");
	return 0;
}

static void remove_folder(const char *folder)
{
	char path[512];
	struct dirent *entry;
	DIR *dir = opendir(folder);
	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_type == DT_DIR)
			remove_folder(path);
		else
			unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(folder);
}

int spool_test_teardown(void **state)
{
	(void)state;
	spool_test_close(&t);
	fake_host_destroy(t.host);
	remove_folder(t.folder);
	return 0;
}

int spool_test_try(struct spool_test *test, int64_t capacity, enum spool_test_sync sync)
{
	config = (struct config){test->path, capacity, sync, test->keep};
	assert_int_equal(tally_plugin()->create(fake_host_ctx(test->host), &config, &test->self),
			 0);
	int r = tally_plugin()->start(test->self);
	if (r == 0)
		return 0;
	tally_plugin()->destroy(test->self);
	test->self = NULL;
	return r;
}

void spool_test_open(struct spool_test *test, int64_t capacity)
{
	int r = spool_test_try(test, capacity, SPOOL_TEST_NORMAL);
	if (r < 0)
		fail_msg("does not start: %s", fake_host_reason(test->host));
}

void spool_test_open_journal(struct spool_test *test, int64_t capacity,
			     enum journal_on_full on_full)
{
	struct journal_settings settings = pipeline_settings(on_full);
	struct error error;
	spool_test_open(test, capacity);
	test->metrics = metrics_create();
	struct journal_setup setup = {.name = "buffer.spool",
				      .buffer = spool_calls,
				      .self = test->self,
				      .metrics = test->metrics};
	assert_int_equal(journal_create(&setup, &settings, &test->journal, &error), 0);
}

void spool_test_close(struct spool_test *test)
{
	journal_detach(test->output);
	test->output = NULL;
	if (test->journal)
		journal_destroy(test->journal);
	if (test->metrics)
		metrics_destroy(test->metrics);
	if (test->self) {
		tally_plugin()->stop(test->self);
		tally_plugin()->destroy(test->self);
	}
	test->journal = NULL;
	test->metrics = NULL;
	test->self = NULL;
}

void spool_test_remove(const struct spool_test *test)
{
	char path[160];
	snprintf(path, sizeof(path), "%s.manifest", test->path);
	assert_int_equal(remove(test->path), 0);
	assert_int_equal(remove(path), 0);
}

struct tally_batch *spool_test_batch(uint32_t rows, int64_t first, uint32_t text)
{
	struct tally_batch *batch = pipeline_batch(&pipeline_a, rows, first, 0);
	char *bytes = calloc(1, (size_t)text + 1);
	assert_non_null(bytes);
	memset(bytes, 'x', text);
	assert_int_equal(batch_adopt(batch, bytes, (size_t)text + 1, free), 0);
	for (uint32_t r = 0; r < rows && text > 0; r++) {
		const struct tally_cell *row = &batch->cells[(size_t)r * 3];
		tally_put_text_borrowed((struct tally_cell *)(uintptr_t)row, 2, bytes, text);
	}
	return batch;
}

int64_t spool_test_push(struct spool_test *test, uint32_t rows, int64_t first, const char *position)
{
	uint64_t sequence = 0;
	struct tally_batch *batch = spool_test_batch(rows, first, 100);
	int r = spool_calls->push(test->self, batch, "source", position, &sequence);
	batch_drop(batch);
	return r < 0 ? r : (int64_t)sequence;
}

int spool_test_push_journal(struct spool_test *test, uint32_t rows, int64_t first, uint32_t text)
{
	const struct journal_origin origin = {0};
	struct tally_batch *batch = spool_test_batch(rows, first, text);
	int r = journal_push(test->journal, batch, &origin);
	batch_drop(batch);
	return r;
}

uint32_t spool_test_reader(struct spool_test *test, const char *name, uint64_t rows)
{
	uint32_t reader;
	uint64_t waiting;
	assert_int_equal(spool_calls->open_reader(test->self, name, &reader, &waiting), 0);
	assert_int_equal(waiting, rows);
	return reader;
}

uint64_t spool_test_expect(struct spool_test *test, uint32_t reader, bool rewind, int64_t first,
			   int64_t end)
{
	struct tally_entry entries[8];
	uint64_t last = 0;
	uint32_t n = 0;
	do {
		assert_int_equal(
			spool_calls->fetch(test->self, reader, rewind, UINT32_MAX, entries, 8, &n),
			0);
		rewind = false;
		for (uint32_t i = 0; i < n; i++) {
			const struct tally_batch *batch = entries[i].batch;
			assert_string_equal(batch->table->name, "a");
			assert_true(entries[i].sequence > last);
			last = entries[i].sequence;
			for (uint32_t r = 0; r < batch->n_rows; r++)
				assert_int_equal(batch->cells[(size_t)r * 3 + 1].i, first++);
		}
	} while (n > 0);
	assert_int_equal(first, end);
	return last;
}

struct tally_usage spool_test_usage(const struct spool_test *test)
{
	struct tally_usage usage;
	spool_calls->usage(test->self, &usage);
	return usage;
}

int64_t spool_test_file_size(const struct spool_test *test, const char *suffix)
{
	char path[160];
	struct stat file;
	snprintf(path, sizeof(path), "%s%s", test->path, suffix);
	return stat(path, &file) == 0 ? (int64_t)file.st_size : -1;
}

int spool_test_files(const struct spool_test *test, const char *part)
{
	char folder[128];
	struct dirent *entry;
	int n = 0;
	snprintf(folder, sizeof(folder), "%s/in", test->folder);
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += strstr(entry->d_name, part) != NULL;
	closedir(dir);
	return n;
}
