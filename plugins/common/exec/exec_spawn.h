/* Starting a program, apart from what happens to it afterwards.  Any thread. */
#ifndef TALLYD_EXEC_SPAWN_H
#define TALLYD_EXEC_SPAWN_H

#include <sys/types.h>

struct exec_spawn {
	char *const *argv;
	char *const *environment;
	const char *directory;
	int in, out, err; /* of the program; closed by the caller */
};

/* Returns the process, or -errno, also of what failed in it before the program began; *ret_what
 * then names the call. */
pid_t exec_spawn(const struct exec_spawn *spawn, const char **ret_what);

#endif
