/*
 * `tallyd db copy --from INSTANCE --to INSTANCE`: two processes with a socket between them.  In the
 * one that is forked off the plugin of the first instance runs its command "copy-from FD", in this
 * one the plugin of the second its "copy-to FD"; what they say to each other is theirs
 * (plugins/common/transfer/).  So no store knows of another one's library, and neither waits for
 * the other's disk.  Whichever ends, the other sees the socket close.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands/checked.h"
#include "commands/db.h"

static const struct plan_instance *copy_find(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_instances; i++)
		if (plan->instances[i].plugin->command && checked_names(name, &plan->instances[i]))
			return &plan->instances[i];
	fprintf(stderr, "tallyd db copy: no output %s with a database is configured\n", name);
	return NULL;
}

/* One end; closes the other one's socket, which would else never be seen to close. */
static int copy_end(struct db *db, const struct plan_instance *instance, char *verb,
		    const int fds[2], int mine)
{
	char fd[16];
	char *words[] = {verb, fd, NULL};
	close(fds[!mine]);
	snprintf(fd, sizeof(fd), "%d", fds[mine]);
	db->command.argc = 2;
	db->command.argv = words;
	int r = db_instance(db, instance);
	close(fds[mine]);
	if (r == DB_NOTHING)
		fprintf(stderr, "%s: cannot be copied\n", instance->name);
	return r == DB_NOTHING ? COMMAND_FAILED : r;
}

/* What it has to say goes to stderr: stdout is the other end's. */
static int copy_source(struct db *db, const struct plan_instance *from, const int fds[2])
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char verb[] = "copy-from";
	if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
		return COMMAND_FAILED;
	return copy_end(db, from, verb, fds, 0);
}

static int copy_wait(pid_t source)
{
	int status = 0;
	while (waitpid(source, &status, 0) < 0)
		if (errno != EINTR)
			return COMMAND_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : COMMAND_FAILED;
}

int db_copy(struct db *db, const struct plan *plan, const char *from_name, const char *to_name)
{
	if (!from_name || !to_name) {
		fprintf(stderr, "tallyd db copy: needs --from INSTANCE and --to INSTANCE\n");
		return COMMAND_USAGE;
	}
	const struct plan_instance *from = copy_find(plan, from_name);
	const struct plan_instance *to = copy_find(plan, to_name);
	char verb[] = "copy-to";
	int fds[2];
	if (!from || !to)
		return COMMAND_FAILED;
	if (from == to) {
		fprintf(stderr, "tallyd db copy: --from and --to are both %s\n", to->name);
		return COMMAND_USAGE;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		fprintf(stderr, "tallyd db copy: socketpair: %s\n", strerror(errno));
		return COMMAND_FAILED;
	}
	fflush(stdout);
	pid_t source = fork();
	if (source < 0) {
		fprintf(stderr, "tallyd db copy: fork: %s\n", strerror(errno));
		close(fds[0]);
		close(fds[1]);
		return COMMAND_FAILED;
	}
	if (source == 0)
		_exit(copy_source(db, from, fds));
	printf("%s into ", from->name);
	int exit_code = copy_end(db, to, verb, fds, 1);
	int of_source = copy_wait(source);
	return exit_code == COMMAND_OK ? of_source : exit_code;
}
