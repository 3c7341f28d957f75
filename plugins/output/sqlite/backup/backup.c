/*
 * `tallyd backup FILE`, beside a running daemon or without one.
 *
 * The small files of the state directory are read before the moment that the copy is of.  So what
 * they say that inputs have read is in the copy: an input that resumes there brings some rows a
 * second time, which the store knows by their keys, and never leaves a hole.
 */
#include "backup/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/backup_file.h"
#include "base/cleanup.h"
#include "base/rfc3339.h"
#include "database.h"
#include "report.h"
#include "store.h"

enum { BACKUP_STATES_MAX = 256 << 20 }; /* bytes, together */

struct backup {
	struct tally_ctx *ctx;
	const struct sqlite_config *config;
	const char *path, *file;
	struct backup_state *states;
	int64_t n_states, states_bytes;
	sqlite3 *from, *to;
	struct backup_fresh fresh;
	char made_at[RFC3339_SIZE];
	struct report report;
};

bool backup_told(const struct tally_command *command, const char *word)
{
	for (int i = 2; i < command->argc; i++)
		if (strcmp(command->argv[i], word) == 0)
			return true;
	return false;
}

const char *backup_next_name(const struct tally_command *command, int *at)
{
	for (; *at < command->argc; ++*at)
		if (command->argv[*at][0] != '-')
			return command->argv[(*at)++];
	return NULL;
}

/* ---- The state directory ---------------------------------------------------------- */

/* One that is gone since its name was read was gone before the copy: no matter. */
static int backup_read_state(struct backup *backup, const char *name)
{
	struct stat st;
	auto_text char *path = sqlite3_mprintf("%s/%s", backup->ctx->state_dir, name);
	auto_close int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	if (path && fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return tally_fail(backup->ctx, errno, "%s: %s", name, strerror(errno));
	if (st.st_size > BACKUP_STATES_MAX - backup->states_bytes)
		return tally_fail(backup->ctx, EFBIG,
				  "%s: with it the files of the state directory are larger than "
				  "tallyd makes them",
				  path);
	struct backup_state *state = calloc(1, sizeof(*state));
	if (!state)
		return tally_fail(backup->ctx, ENOMEM, "no memory");
	state->next = backup->states;
	backup->states = state;
	backup->n_states++;
	backup->states_bytes += st.st_size;
	state->name = strdup(name);
	state->len = (size_t)st.st_size;
	state->bytes = malloc(state->len + 1);
	if (!state->name || !state->bytes)
		return tally_fail(backup->ctx, ENOMEM, "no memory");
	/* They are replaced and never written into, so this is one version of it. */
	ssize_t len = read(fd, state->bytes, state->len);
	return len == st.st_size ? 0 : tally_fail(backup->ctx, EIO, "%s: cannot be read", path);
}

static int backup_read_states(struct backup *backup, const struct tally_command *command)
{
	int at = 2, r = 0;
	const char *name = backup_next_name(command, &at);
	for (; r == 0 && name; name = backup_next_name(command, &at))
		r = backup_read_state(backup, name);
	return r;
}

/* ---- The copy --------------------------------------------------------------------- */

static int backup_open_source(struct backup *backup)
{
	const struct database_settings settings = {.path = backup->path,
						   .page_cache = backup->config->page_cache,
						   .busy_timeout = backup->config->busy_timeout,
						   .read_only = true};
	int64_t known = 0;
	if (access(backup->path, F_OK) < 0)
		return tally_fail(backup->ctx, errno, "%s: %s", backup->path, strerror(errno));
	int r = database_open(backup->ctx, &settings, &backup->from);
	if (r == 0)
		r = database_int(backup->ctx, backup->from,
				 "SELECT count(*) FROM sqlite_master WHERE name = 'tally_clock'",
				 &known);
	if (r == 0 && !known)
		return tally_fail(backup->ctx, EPROTO, "%s is no database of this tallyd",
				  backup->path);
	return r;
}

/* Says in the copy what it is of, and puts the small files beside the rows. */
static int backup_note(struct backup *backup)
{
	auto_statement sqlite3_stmt *insert = NULL;
	struct tally_ctx *ctx = backup->ctx;
	/* One that was put in its place by hand, and not by restore, has them already. */
	int r = database_execf(ctx, backup->to,
			       "DROP TABLE IF EXISTS tally_backup; DROP TABLE IF EXISTS "
			       "tally_backup_files; CREATE TABLE tally_backup (made_at TEXT, "
			       "tallyd TEXT, host TEXT, path TEXT); INSERT INTO tally_backup "
			       "VALUES (%Q, %Q, %Q, %Q); CREATE TABLE tally_backup_files (name "
			       "TEXT, bytes BLOB)",
			       backup->made_at, TALLYD_VERSION, ctx->hostname, backup->path);
	if (r == 0)
		r = database_prepare(ctx, backup->to,
				     "INSERT INTO tally_backup_files VALUES (?1, ?2)", &insert);
	for (struct backup_state *s = backup->states; r == 0 && s; s = s->next) {
		sqlite3_bind_text(insert, 1, s->name, -1, SQLITE_STATIC);
		sqlite3_bind_blob64(insert, 2, s->bytes, s->len, SQLITE_STATIC);
		r = database_step(ctx, insert);
	}
	return r;
}

static int backup_copy(struct backup *backup)
{
	char damage[200];
	int r = backup_fresh_database(backup->ctx, &backup->fresh, &backup->to);
	rfc3339_format(tally_now(backup->ctx) / 1000000000 * 1000000000, backup->made_at);
	if (r == 0)
		r = backup_pages(backup->ctx, backup->from, backup->to, "copying");
	if (r == 0) /* it came with the pages: WAL, which needs files beside it */
		r = database_exec(backup->ctx, backup->to, "PRAGMA journal_mode = MEMORY");
	if (r == 0)
		r = backup_note(backup);
	if (r == 0)
		r = backup_damage(backup->ctx, backup->to, damage, sizeof(damage));
	if (r > 0)
		report_line(&backup->report, true,
			    "%s: damaged: %s; no backup was made, and an older one is as it was",
			    backup->path, damage);
	return r;
}

static int backup_finish(struct backup *backup)
{
	struct stat st;
	database_close(backup->to);
	backup->to = NULL;
	int r = backup_checksum_write(backup->ctx, backup->fresh.fd, backup->fresh.fresh);
	if (r == 0 && fstat(backup->fresh.fd, &st) < 0)
		r = tally_fail(backup->ctx, errno, "%s: %s", backup->file, strerror(errno));
	if (r == 0)
		r = backup_fresh_publish(backup->ctx, &backup->fresh);
	if (r < 0)
		return r;
	report_begin(&backup->report, false,
		     "%s: as %s was at %s: %lld bytes and %lld files of the state directory; whole",
		     backup->file, backup->path, backup->made_at, (long long)st.st_size,
		     (long long)backup->n_states);
	report_string(&backup->report, "file", backup->file);
	report_string(&backup->report, "database", backup->path);
	report_string(&backup->report, "made_at", backup->made_at);
	report_int(&backup->report, "bytes", st.st_size);
	report_int(&backup->report, "state_files", backup->n_states);
	report_end(&backup->report);
	return 0;
}

/* ---- Both ------------------------------------------------------------------------- */

static int backup_check_target(struct tally_ctx *ctx, const char *path,
			       const struct tally_command *command)
{
	struct stat mine, there;
	const char *file = command->argv[1];
	if (stat(file, &there) < 0)
		return 0;
	if (stat(path, &mine) == 0 && mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
		return tally_fail(ctx, EINVAL, "%s is the database itself", file);
	if (!S_ISREG(there.st_mode))
		return tally_fail(ctx, EINVAL, "%s: is no file", file);
	return backup_told(command, "--force")
		       ? 0
		       : tally_fail(ctx, EEXIST, "%s exists: --force replaces it", file);
}

int backup_make(struct tally_ctx *ctx, const struct sqlite_config *config, const char *path,
		const struct tally_command *command)
{
	struct backup backup = {.ctx = ctx,
				.config = config,
				.path = path,
				.file = command->argv[1],
				.fresh = {.fd = -1},
				.report = report_of(command)};
	int r = backup_check_target(ctx, path, command);
	if (r == 0)
		r = backup_open_source(&backup);
	if (r == 0)
		r = backup_read_states(&backup, command);
	if (r == 0)
		r = backup_fresh_open(ctx, backup.file, &backup.fresh);
	if (r == 0)
		r = backup_copy(&backup);
	if (r == 0)
		r = backup_finish(&backup);
	database_close(backup.to);
	database_close(backup.from);
	backup_fresh_close(&backup.fresh);
	backup_state_free(backup.states);
	return r;
}
