/*
 * Start: lock the file, open it, bring its catalog up to date, read what it holds, open the
 * readers. Whatever fails undoes what was done; the core calls again later.
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "aggregate.h"
#include "catalog_file.h"
#include "cleanup.h"
#include "database.h"
#include "marks.h"
#include "migration.h"
#include "retention.h"
#include "scan.h"
#include "schema.h"
#include "store_answer.h"
#include "store_coverage.h"
#include "store_question.h"

/* A file beside the database, since SQLite's own locks are dropped whenever any descriptor of the
 * database itself is closed. */
static int store_lock(struct store *store)
{
	auto_text char *path = sqlite3_mprintf("%s.lock", store->path);
	if (!path)
		return tally_fail(store->ctx, ENOMEM, "no memory");
	store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (store->lock_fd < 0)
		return tally_fail(store->ctx, errno, "%s: %s", path, strerror(errno));
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return tally_fail(store->ctx, EBUSY,
				  "%s is in use by another tallyd, or another output of this one",
				  store->path);
	return 0;
}

static int store_open(struct store *store)
{
	const struct database_settings settings = {.path = store->path,
						   .page_cache = store->config->page_cache,
						   .busy_timeout = store->config->busy_timeout,
						   .full_sync = store->config->synchronous == 1};
	int r = database_check_path(store->ctx, store->path);
	if (r == 0)
		r = store_lock(store);
	if (r == 0)
		r = database_open(store->ctx, &settings, &store->db);
	if (r == 0)
		r = migration_run(store->ctx, store->db, migrations);
	if (r == 0)
		r = catalog_load(store->ctx, &store->catalog, store->db);
	if (r == 0)
		r = schema_complete(store->ctx, &store->catalog, store->db);
	if (r == 0)
		r = writer_start(&store->writer, store->ctx, &store->catalog, store->db);
	if (r == 0)
		r = readers_start(&store->readers, store->ctx, &settings);
	if (r == 0)
		r = retention_limit(store);
	return r == 0 ? upkeep_start(store) : r;
}

int store_start(struct store *store)
{
	store->lock_fd = -1;
	store->db = NULL;
	store->writer = (struct writer){0};
	store->upkeep.running = false;
	readers_init(&store->readers);
	catalog_init(&store->catalog);
	int r = store_open(store);
	if (r < 0)
		store_stop(store);
	return r;
}

void store_stop(struct store *store)
{
	upkeep_stop(store);
	readers_stop(&store->readers);
	writer_stop(&store->writer);
	database_close(store->db);
	store->db = NULL;
	catalog_done(&store->catalog);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	store->lock_fd = -1;
}

/* It was the file's limit, not the disk, and there was something to delete. */
static bool store_made_room(struct store *store)
{
	int64_t fill = 0;
	if (retention_fill(store, &fill) < 0 || fill < RETENTION_FULL)
		return false;
	while (fill > RETENTION_ROOM)
		if (retention_make_room(store) <= 0 || retention_fill(store, &fill) < 0)
			return false;
	return true;
}

int store_write(struct store *store, const struct tally_entry *entries, uint32_t n,
		uint8_t *verdicts)
{
	pthread_mutex_lock(&store->turn);
	int r = writer_write(&store->writer, entries, n, verdicts);
	if (r == -ENOSPC && store_made_room(store))
		r = writer_write(&store->writer, entries, n, verdicts);
	pthread_mutex_unlock(&store->turn);
	return r;
}

static int store_read(struct reader *reader, const struct question *question, tally_rows_fn *rows,
		      void *arg)
{
	struct coverage coverage = {.level = LEVEL_ROWS};
	int r = 0;
	if (!question->raw) {
		struct marks marks;
		r = marks_load(reader->ctx, reader->db, question->stored->table.name, &marks);
		if (r < 0)
			return r;
		coverage_find(question, &marks, &coverage);
	}
	auto_free struct answer *answer = malloc(sizeof(*answer));
	if (!answer)
		return tally_fail(reader->ctx, ENOMEM, "no memory");
	answer_init(answer, reader->ctx, question, schema_levels[coverage.level].suffix, rows, arg);
	r = question->raw ? scan_run(reader, question, answer)
			  : aggregate_run(reader, question, &coverage, answer);
	answer_done(answer);
	return r;
}

int store_query(struct store *store, const struct tally_query *query, tally_rows_fn *rows,
		void *arg)
{
	struct question question;
	struct reader *reader = NULL;
	int r = question_check(store->ctx, &store->catalog, query, &question);
	if (r == 0)
		r = readers_take(&store->readers, store->ctx, query->deadline, &reader);
	if (!reader)
		return r;
	r = reader_result(reader, store_read(reader, &question, rows, arg));
	readers_give_back(&store->readers, reader);
	return r;
}
