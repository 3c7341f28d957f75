#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "commands/command.h"
#include "runtime/crash.h"
#include "runtime/signals.h"

/*
 * Before the constructors of the libraries, which take milliseconds: a SIGTERM from here on waits
 * until the daemon can end as it should.  Commands that are no daemon let it through again.
 */
__attribute__((no_sanitize("address", "undefined", "thread"))) static void main_early(void)
{
	const unsigned long set = 1ul << (SIGTERM - 1) | 1ul << (SIGINT - 1) | 1ul << (SIGHUP - 1) |
				  1ul << (SIGUSR1 - 1);
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, sizeof(set));
}

__attribute__((section(".preinit_array"),
	       used)) static void (*const main_preinit)(void) = main_early;

/*
 * exit() can be told of, _exit() cannot, unless whoever calls it finds this one first.  In a child
 * that a plugin forked it is what it always was.
 */
__attribute__((visibility("default"), noreturn)) void _exit(int status)
{
	int code = crash_exit_code(status);
	for (;;)
		syscall(SYS_exit_group, code);
}

__attribute__((visibility("default"), noreturn)) void _Exit(int status)
{
	_exit(status);
}

int main(int argc, char **argv)
{
	crash_init();
	int exit_code = command_dispatch(argc, argv);
	crash_exiting();
	return exit_code;
}
