/*
 * The program's environment is made, not inherited: the daemon's may hold passwords and the names
 * of sockets.  The program must be a file that only root and the daemon's user can change, as
 * plugins must: whoever can change it runs code as the daemon.
 */
#include "exec/exec_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "exec/exec_words.h"

/* ---- Checking ---------------------------------------------------------------- */

static int command_check_file(struct tally_ctx *ctx, const char *path)
{
	struct stat st;
	if (path[0] != '/')
		return tally_fail(ctx, EINVAL,
				  "command: %s: write the whole path, as in /usr/bin/%s", path,
				  path);
	if (stat(path, &st) < 0)
		return tally_fail(ctx, errno, "command: %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		return tally_fail(ctx, EACCES, "command: %s: is not a program that user %u may run",
				  path, geteuid());
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return tally_fail(ctx, EPERM,
				  "command: %s: belongs to user %u, not to root or this daemon's "
				  "user %u: chown it if you trust it",
				  path, st.st_uid, geteuid());
	bool group = (st.st_mode & S_IWGRP) && st.st_gid != 0 && st.st_gid != getegid();
	if (group || (st.st_mode & S_IWOTH))
		return tally_fail(ctx, EPERM,
				  "command: %s: others may write it (mode %04o): chmod go-w it if "
				  "you trust it",
				  path, st.st_mode & 07777);
	return 0;
}

static int command_check_environment(struct tally_ctx *ctx, const char *text)
{
	auto_free char **words = NULL;
	if (!text || !text[strspn(text, " \t")])
		return 0;
	if (exec_words_split(text, &words) < 0)
		return tally_fail(ctx, EINVAL, "environment: a quote does not end");
	for (size_t i = 0; words[i]; i++) /* the words may be secrets: they are not shown */
		if (!strchr(words[i], '=') || words[i][0] == '=')
			return tally_fail(ctx, EINVAL, "environment: word %zu is not NAME=value",
					  i + 1);
	return 0;
}

static int command_check_directory(struct tally_ctx *ctx, const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return tally_fail(ctx, errno, "directory: %s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode) || access(path, X_OK) < 0)
		return tally_fail(ctx, ENOTDIR,
				  "directory: %s: is no folder that user %u may enter", path,
				  (unsigned)geteuid());
	return 0;
}

int exec_program_check(struct tally_ctx *ctx, const struct exec_config *config, bool files)
{
	auto_free char **words = NULL;
	int r = exec_words_split(config->command, &words);
	if (r < 0)
		return tally_fail(ctx, EINVAL, "command: %s",
				  config->command[strspn(config->command, " \t")]
					  ? "a quote does not end"
					  : "is empty");
	r = command_check_environment(ctx, config->environment);
	if (r == 0 && !config->shell && words[0][0] != '/')
		r = tally_fail(ctx, EINVAL,
			       "command: %s: write the whole path, as in /usr/local/bin/%s",
			       words[0], words[0]);
	if (r == 0 && config->directory[0] != '/')
		r = tally_fail(ctx, EINVAL, "directory: %s: must begin with /", config->directory);
	if (r == 0 && files && !config->shell)
		r = command_check_file(ctx, words[0]);
	return r == 0 && files ? command_check_directory(ctx, config->directory) : r;
}

/* ---- Making ------------------------------------------------------------------ */

static const char *const command_passed[] = {"HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"};
enum { COMMAND_PASSED = sizeof(command_passed) / sizeof(command_passed[0]) };

/* Those of ours that say nothing but where and in which language. */
static int command_inherit(struct exec_command *command, size_t *n)
{
	static const char path[] =
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	command->path = strdup(path);
	if (!command->path)
		return -ENOMEM;
	command->environment[(*n)++] = command->path;
	for (size_t i = 0; i < COMMAND_PASSED; i++) {
		const char *value = getenv(command_passed[i]);
		if (!value)
			continue;
		if (asprintf(&command->inherited[i], "%s=%s", command_passed[i], value) < 0) {
			command->inherited[i] = NULL;
			return -ENOMEM;
		}
		command->environment[(*n)++] = command->inherited[i];
	}
	return 0;
}

/* The last of a name wins in every libc that we know, so what is configured comes last; a name that
 * we pass ourselves is replaced. */
static void command_add(struct exec_command *command, char *word, size_t *n)
{
	size_t name = strcspn(word, "=") + 1;
	for (size_t i = 0; i < *n; i++)
		if (strncmp(command->environment[i], word, name) == 0) {
			command->environment[i] = word;
			return;
		}
	command->environment[(*n)++] = word;
}

static int command_make_environment(struct exec_command *command, const char *added)
{
	size_t n = 0, most = COMMAND_PASSED + 2;
	if (added && added[strspn(added, " \t")]) {
		int r = exec_words_split(added, &command->added);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; command->added && command->added[i]; i++)
		most++;
	command->environment = calloc(most, sizeof(char *));
	if (!command->environment)
		return -ENOMEM;
	int r = command_inherit(command, &n);
	for (size_t i = 0; r == 0 && command->added && command->added[i]; i++)
		command_add(command, command->added[i], &n);
	return r;
}

static int command_make_argv(struct exec_command *command, const struct exec_config *config)
{
	if (!config->shell)
		return exec_words_split(config->command, &command->argv);
	size_t len = strlen(config->command) + 1;
	command->argv = malloc(4 * sizeof(char *) + sizeof("/bin/sh") + sizeof("-c") + len);
	if (!command->argv)
		return -ENOMEM;
	char *text = (char *)(command->argv + 4);
	command->argv[0] = memcpy(text, "/bin/sh", sizeof("/bin/sh"));
	command->argv[1] = memcpy(text + sizeof("/bin/sh"), "-c", sizeof("-c"));
	command->argv[2] = memcpy(text + sizeof("/bin/sh") + sizeof("-c"), config->command, len);
	command->argv[3] = NULL;
	return 0;
}

/* The environment may be in a file whose content changes, so it is read for each start. */
int exec_command_init(struct exec_command *command, struct tally_ctx *ctx,
		      const struct exec_config *config)
{
	char *fresh = NULL;
	*command = (struct exec_command){0};
	if (tally_secret(ctx, "environment", &fresh) < 0)
		return tally_fail(ctx, ENOMEM, "command: no memory");
	int r = command_make_environment(command, fresh ? fresh : config->environment);
	if (fresh)
		explicit_bzero(fresh, strlen(fresh));
	free(fresh);
	if (r == 0)
		r = command_make_argv(command, config);
	if (r == 0)
		return 0;
	exec_command_done(command);
	return tally_fail(ctx, -r, "command: %s",
			  r == -EINVAL ? "a quote of its environment does not end" : "no memory");
}

void exec_command_done(struct exec_command *command)
{
	free(command->argv);
	free(command->environment);
	free(command->path);
	for (size_t i = 0; i < COMMAND_PASSED; i++)
		free(command->inherited[i]);
	if (command->added)
		for (size_t i = 0; command->added[i]; i++)
			explicit_bzero(command->added[i], strlen(command->added[i]));
	free(command->added);
	*command = (struct exec_command){0};
}
