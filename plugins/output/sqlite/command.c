/*
 * tallyd db, in a process of its own, beside a running daemon or without one: WAL lets both read
 * and write the file.  A line that needs an operator begins with an exclamation mark and sets the
 * exit code.  It changes nothing but the clock, and that only for confirm-clock, and a file that is
 * copied into or restored, under the daemon's lock: migrations run when the daemon starts, since
 * only it holds the lock that keeps two processes from writing one file.
 */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup/backup.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "database.h"
#include "database_check.h"
#include "dry_run.h"
#include "maintenance/trusted_clock.h"
#include "report.h"
#include "schema/catalog_file.h"
#include "schema/migration.h"
#include "status.h"
#include "store.h"
#include "transfer/transfer_read.h"
#include "transfer/transfer_write.h"

struct command {
	struct tally_ctx *ctx;
	const struct sqlite_config *config;
	sqlite3 *db;
};

/* ---- confirm-clock ---------------------------------------------------------------- */

/* A daemon that is running need not be told: it reads the row again in each round. */
static int command_confirm(struct command *command)
{
	struct store_clock clock = {.seen = tally_now(command->ctx)};
	char now[40] = "";
	time_t seconds = clock.seen / CLOCK_SECOND;
	struct tm utc;
	clock.trusted = clock.seen;
	int r = trusted_clock_store(command->ctx, command->db, &clock);
	if (r < 0)
		return r;
	if (gmtime_r(&seconds, &utc))
		strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", &utc);
	printf("  it is %s; what is too old by that is deleted from now on\n", now);
	return 0;
}

/* ---- A file without our tables ---------------------------------------------------------- */

/* Empty, of an older version, or another program's, which the daemon will not touch. */
static int command_foreign(struct command *command, const char *path)
{
	bool foreign = false;
	int r = migration_is_foreign(command->ctx, command->db, &foreign);
	if (r < 0)
		return r;
	if (foreign)
		printf("! %s: the database of another program; the daemon does not start with it: "
		       "name another path\n",
		       path);
	else
		printf("  %s: the daemon creates what is missing at the start\n", path);
	return foreign;
}

/* ---- copy -------------------------------------------------------------------------------- */

/* What is read is one snapshot, whatever the daemon writes meanwhile: WAL keeps it as long as the
 * transaction lasts. */
static int command_send(struct command *command, struct catalog *catalog, int fd)
{
	int64_t version = 0;
	struct transfer_file file = {.ctx = command->ctx, .db = command->db, .catalog = catalog};
	const struct transfer_reader reader = transfer_read_file(&file);
	int r = database_exec(command->ctx, command->db, "BEGIN");
	if (r == 0)
		r = database_int(command->ctx, command->db,
				 "SELECT max(version) FROM tally_migrations", &version);
	if (r == 0 && version != migrations[migration_count(migrations) - 1].version)
		return tally_fail(command->ctx, EPROTO,
				  "%s is of another version of tallyd: start this one with it once",
				  database_path(command->db));
	if (r == 0)
		r = catalog_load(command->ctx, catalog, command->db);
	return r == 0 ? transfer_send(&reader, database_path(command->db), fd) : r;
}

static int command_copy_from(struct command *command, const char *path, int fd)
{
	const struct database_settings settings = {.path = path,
						   .page_cache = command->config->page_cache,
						   .busy_timeout = command->config->busy_timeout,
						   .read_only = true};
	struct catalog catalog;
	if (access(path, F_OK) < 0)
		return tally_fail(command->ctx, ENOENT, "%s does not exist", path);
	catalog_init(&catalog);
	int r = database_open(command->ctx, &settings, &command->db);
	if (r == 0)
		r = command_send(command, &catalog, fd);
	database_close(command->db);
	catalog_done(&catalog);
	return r;
}

/* The two ends of `tallyd db copy`; the other word is the socket between them. */
static int command_copy(struct command *command, const char *path, const char *verb,
			const struct tally_command *words)
{
	int fd = -1;
	int r = transfer_socket(command->ctx, words, &fd);
	if (r < 0)
		return r;
	return strcmp(verb, "copy-from") == 0
		       ? command_copy_from(command, path, fd)
		       : transfer_write_file(command->ctx, command->config, fd);
}

/* ---- All of them -------------------------------------------------------------------- */

static int command_at(struct command *command, const char *path, const struct tally_command *words)
{
	const char *verb = words->argv[0];
	struct report report = report_of(words);
	const bool status = strcmp(verb, "status") == 0, migrate = strcmp(verb, "migrate") == 0;
	const struct database_settings settings = {.path = path,
						   .page_cache = command->config->page_cache,
						   .busy_timeout = command->config->busy_timeout,
						   .read_only = status || migrate};
	int64_t known = 0;
	if (access(path, F_OK) < 0) {
		report_line(&report, false, "%s: the daemon creates it at the start", path);
		return 0;
	}
	int r = database_open(command->ctx, &settings, &command->db);
	if (r == 0)
		r = database_int(command->ctx, command->db,
				 "SELECT count(*) FROM sqlite_master WHERE name = 'tally_clock'",
				 &known);
	if (r == 0 && (!known || migrate))
		r = command_foreign(command, path);
	else if (r == 0)
		r = status ? status_run(command->ctx, command->config, command->db, &report)
			   : command_confirm(command);
	database_close(command->db);
	return r < 0 || !report.wrong ? r : 1;
}

/* Without a FILE it is only asked whether there is such a command. */
static int command_backup(struct tally_ctx *ctx, const struct sqlite_config *config,
			  const char *path, const struct tally_command *command)
{
	if (command->argc < 2)
		return 0;
	return strcmp(command->argv[0], "backup") == 0 ? backup_make(ctx, config, path, command)
						       : backup_restore(ctx, config, path, command);
}

int command_run(struct tally_ctx *ctx, const void *config, const struct tally_command *command)
{
	static const char *const verbs[] = {"migrate",       "dry-run",   "status",
					    "check",         "copy-from", "copy-to",
					    "confirm-clock", "backup",    "restore"};
	enum { N_VERBS = sizeof(verbs) / sizeof(*verbs) };
	struct command run = {.ctx = ctx, .config = config};
	const char *verb = command->argc > 0 ? command->argv[0] : "";
	size_t v = 0;
	if (strcmp(verb, "refresh") == 0)
		return tally_fail(ctx, ENOSYS, "nothing but tallyd writes there");
	while (v < N_VERBS && strcmp(verb, verbs[v]) != 0)
		v++;
	if (v == N_VERBS)
		return tally_fail(ctx, EINVAL,
				  "migrate, status, check, confirm-clock, backup or restore, not "
				  "\"%s\"",
				  verb);
	auto_free char *path = store_path(ctx, config);
	if (!path)
		return tally_fail(ctx, ENOMEM, "no memory");
	if (strcmp(verb, "dry-run") == 0)
		return dry_run_migrate(ctx, config, path, command->tables);
	if (strcmp(verb, "backup") == 0 || strcmp(verb, "restore") == 0)
		return command_backup(ctx, config, path, command);
	if (strncmp(verb, "copy-", 5) == 0)
		return command_copy(&run, path, verb, command);
	return strcmp(verb, "check") == 0 ? database_check_run(ctx, path)
					  : command_at(&run, path, command);
}
