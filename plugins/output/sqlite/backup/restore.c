/*
 * `tallyd restore FILE`, while no daemon runs: the core holds the state directory's lock, this the
 * database's.
 *   1. FILE is examined: its checksum, without one its pages; whether this tallyd knows its
 *      migrations.
 *   2. It is copied beside the database, and the copy examined.
 *   3. The small files of the state directory become those of the backup, so that inputs resume
 *      where the database ends.  One that it does not have goes: what it knows came later.
 *   4. The copy gets the database's name.
 * Between 3 and 4 a database that is newer than its inputs' positions gets rows twice, which it
 * knows by their keys; in the other order there would be a hole.  A ledger that is older than a
 * spool makes the daemon offer again what the spool has kept (core/pipeline/journal_ledger.c).
 */
#include "backup/backup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/backup_file.h"
#include "base/cleanup.h"
#include "base/folder.h"
#include "base/rfc3339.h"
#include "database.h"
#include "place.h"
#include "report.h"
#include "schema/migration.h"
#include "state_file.h"
#include "store.h"
#include "store_life.h"

struct restore {
	struct tally_ctx *ctx;
	const struct sqlite_config *config;
	const char *path, *file;
	const struct tally_command *command;
	int lock;
	sqlite3 *from, *to;
	struct backup_fresh fresh;
	bool summed;        /* its checksum is right: it is as it was when it was found whole */
	bool noted, states; /* made by `tallyd backup`; its small files are put back */
	int64_t n_states;
	char made_at[RFC3339_SIZE];
	struct report report;
};

/* ---- What is to be restored ------------------------------------------------------- */

static int restore_check_checksum(struct restore *restore)
{
	enum backup_checksum checksum = BACKUP_WITHOUT_CHECKSUM;
	int r = backup_checksum_check(restore->ctx, restore->file, &checksum);
	restore->summed = checksum == BACKUP_CHECKSUM_RIGHT;
	if (r < 0 || checksum != BACKUP_CHECKSUM_WRONG)
		return r;
	report_line(&restore->report, true,
		    "%s: damaged, or changed since it was made: its checksum is another one",
		    restore->file);
	return 1;
}

static int restore_check_known(struct restore *restore)
{
	const struct migration *due = NULL;
	int64_t known = 0;
	int r = database_int(restore->ctx, restore->from,
			     "SELECT count(*) FROM sqlite_master WHERE name = 'tally_clock'",
			     &known);
	if (r == 0 && !known)
		return tally_fail(restore->ctx, EPROTO, "%s is no backup of tallyd", restore->file);
	return r == 0 ? migration_find(restore->ctx, restore->from, migrations, &due) : r;
}

/* What the backup says that it is of; one that another program made says nothing. */
static int restore_read_note(struct restore *restore)
{
	auto_statement sqlite3_stmt *row = NULL;
	int64_t noted = 0;
	int r = database_int(restore->ctx, restore->from,
			     "SELECT count(*) FROM sqlite_master WHERE name = 'tally_backup'",
			     &noted);
	restore->noted = noted;
	restore->states = noted && !backup_told(restore->command, "--store-only");
	if (r < 0 || !noted)
		return r;
	r = database_prepare(restore->ctx, restore->from, "SELECT made_at FROM tally_backup", &row);
	if (r == 0)
		r = database_step(restore->ctx, row);
	const char *made_at = r > 0 ? (const char *)sqlite3_column_text(row, 0) : NULL;
	if (made_at)
		snprintf(restore->made_at, sizeof(restore->made_at), "%s", made_at);
	return r < 0 ? r : 0;
}

static int restore_examine(struct restore *restore)
{
	const struct database_settings settings = {.path = restore->file,
						   .page_cache = restore->config->page_cache,
						   .busy_timeout = restore->config->busy_timeout,
						   .read_only = true};
	char damage[200];
	int r = restore_check_checksum(restore);
	if (r == 0)
		r = database_open(restore->ctx, &settings, &restore->from);
	if (r == 0)
		r = restore_check_known(restore);
	if (r == 0)
		r = restore_read_note(restore);
	if (r == 0 && !restore->summed)
		r = backup_damage(restore->ctx, restore->from, damage, sizeof(damage));
	if (r > 0 && restore->from)
		report_line(&restore->report, true, "%s: damaged: %s", restore->file, damage);
	return r;
}

/* ---- The copy --------------------------------------------------------------------- */

static int restore_copy(struct restore *restore)
{
	char damage[200];
	int r = backup_fresh_open(restore->ctx, restore->path, &restore->fresh);
	if (r == 0)
		r = backup_fresh_database(restore->ctx, &restore->fresh, &restore->to);
	if (r == 0)
		r = backup_pages(restore->ctx, restore->from, restore->to, "restoring");
	if (r == 0)
		r = database_exec(
			restore->ctx, restore->to,
			"PRAGMA journal_mode = MEMORY; DROP TABLE IF EXISTS tally_backup; "
			"DROP TABLE IF EXISTS tally_backup_files; PRAGMA user_version = "
			"0; PRAGMA application_id = 0");
	if (r == 0)
		r = backup_damage(restore->ctx, restore->to, damage, sizeof(damage));
	if (r > 0)
		return tally_fail(restore->ctx, EIO, "%s: the copy is damaged: %s",
				  restore->fresh.fresh, damage);
	database_close(restore->to);
	restore->to = NULL;
	return r;
}

/* ---- The state directory ---------------------------------------------------------- */

static int restore_state(struct restore *restore, const char *name, const char *bytes, size_t len)
{
	/* It stands in a file that anybody may have made. */
	if (!name || strchr(name, '/') || name[0] == '.')
		return tally_fail(restore->ctx, EPROTO, "%s: \"%s\" is no name of a state file",
				  restore->file, name ? name : "");
	auto_text char *path = sqlite3_mprintf("%s/%s", restore->ctx->state_dir, name);
	if (!path)
		return tally_fail(restore->ctx, ENOMEM, "no memory");
	restore->n_states++;
	return state_file_replace(restore->ctx, path, bytes, len);
}

static int restore_put_states(struct restore *restore)
{
	auto_statement sqlite3_stmt *row = NULL;
	int r = database_prepare(restore->ctx, restore->from,
				 "SELECT name, bytes FROM tally_backup_files", &row);
	while (r == 0 && (r = database_step(restore->ctx, row)) > 0) {
		const char *bytes = sqlite3_column_blob(row, 1);
		r = restore_state(restore, (const char *)sqlite3_column_text(row, 0),
				  bytes ? bytes : "", (size_t)sqlite3_column_bytes(row, 1));
	}
	return r;
}

static int restore_remove_states(struct restore *restore)
{
	auto_statement sqlite3_stmt *row = NULL;
	int at = 2;
	int r = database_prepare(restore->ctx, restore->from,
				 "SELECT 1 FROM tally_backup_files WHERE name = ?1", &row);
	const char *name = backup_next_name(restore->command, &at);
	for (; r == 0 && name; name = backup_next_name(restore->command, &at)) {
		sqlite3_bind_text(row, 1, name, -1, SQLITE_STATIC);
		r = database_step(restore->ctx, row);
		auto_text char *path = sqlite3_mprintf("%s/%s", restore->ctx->state_dir, name);
		if (r == 0 && path)
			unlink(path);
		r = r < 0 ? r : 0;
		sqlite3_reset(row);
	}
	return r;
}

/* One that goes, goes when the others are there: were there no room for them, an input would find
 * no position and begin as if it were new. */
static int restore_states(struct restore *restore)
{
	if (!restore->states)
		return 0;
	int r = restore_put_states(restore);
	if (r == 0)
		r = restore_remove_states(restore);
	if (r < 0)
		return r;
	r = folder_flush(restore->ctx->state_dir);
	return r < 0 ? tally_fail(restore->ctx, -r, "%s: %s", restore->ctx->state_dir, strerror(-r))
		     : 0;
}

/* ---- The name --------------------------------------------------------------------- */

/* What an old log has belongs to the old file and would be replayed into the new one.  First into
 * the old file, so that whoever stops this here still has all of it; one that is damaged may not
 * take it. */
static int restore_remove_old(struct restore *restore)
{
	const struct database_settings settings = {.path = restore->path,
						   .page_cache = restore->config->page_cache,
						   .busy_timeout = restore->config->busy_timeout};
	sqlite3 *old = NULL;
	if (access(restore->path, F_OK) == 0 && database_open(restore->ctx, &settings, &old) == 0)
		sqlite3_wal_checkpoint_v2(old, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	database_close(old);
	backup_remove_logs(restore->path);
	int r = folder_flush_of(restore->path);
	return r < 0 ? tally_fail(restore->ctx, -r, "%s: %s", restore->path, strerror(-r)) : 0;
}

static int restore_finish(struct restore *restore)
{
	struct stat st;
	int r = restore_states(restore);
	if (r == 0)
		r = restore_remove_old(restore);
	if (r == 0 && fstat(restore->fresh.fd, &st) < 0)
		r = tally_fail(restore->ctx, errno, "%s: %s", restore->path, strerror(errno));
	if (r == 0)
		r = backup_fresh_publish(restore->ctx, &restore->fresh);
	if (r < 0)
		return r;
	report_begin(&restore->report, false, "%s: as of %s, from %s: %lld bytes, whole",
		     restore->path, restore->noted ? restore->made_at : "an unknown time",
		     restore->file, (long long)st.st_size);
	report_string(&restore->report, "file", restore->file);
	report_string(&restore->report, "database", restore->path);
	report_string(&restore->report, "made_at", restore->noted ? restore->made_at : NULL);
	report_int(&restore->report, "bytes", st.st_size);
	report_int(&restore->report, "state_files", restore->n_states);
	report_end(&restore->report);
	report_line(&restore->report, false, "%s",
		    restore->states
			    ? "inputs resume where they were then, as far as their sources "
			      "still have it; a spool offers again what it has kept"
			    : "inputs resume where they are now; a spool offers again what it "
			      "has kept, and what came between is lost");
	return 0;
}

/* ---- All of it -------------------------------------------------------------------- */

static int restore_check_target(struct restore *restore)
{
	struct stat file, target;
	if (stat(restore->file, &file) < 0)
		return tally_fail(restore->ctx, errno, "%s: %s", restore->file, strerror(errno));
	restore->lock = store_lock_file(restore->ctx, restore->path);
	if (restore->lock < 0)
		return restore->lock;
	if (stat(restore->path, &target) < 0 || target.st_size == 0)
		return 0;
	if (target.st_ino == file.st_ino && target.st_dev == file.st_dev)
		return tally_fail(restore->ctx, EINVAL, "%s is the database itself", restore->file);
	return backup_told(restore->command, "--force")
		       ? 0
		       : tally_fail(restore->ctx, EEXIST,
				    "%s exists: --force replaces it by the backup", restore->path);
}

int backup_restore(struct tally_ctx *ctx, const struct sqlite_config *config, const char *path,
		   const struct tally_command *command)
{
	struct restore restore = {.ctx = ctx,
				  .config = config,
				  .path = path,
				  .file = command->argv[1],
				  .command = command,
				  .lock = -1,
				  .fresh = {.fd = -1},
				  .report = report_of(command)};
	int r = restore_check_target(&restore);
	if (r == 0)
		r = restore_examine(&restore);
	if (r == 0)
		r = restore_copy(&restore);
	if (r == 0)
		r = restore_finish(&restore);
	database_close(restore.to);
	database_close(restore.from);
	backup_fresh_close(&restore.fresh);
	if (restore.lock >= 0)
		close(restore.lock);
	return r;
}
