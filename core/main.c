/*
 * The process: signals are blocked before anything else runs, the fault handlers are installed, and
 * the command line goes to commands/dispatch.c, whose exit code is ours.  main() returns only from
 * the main thread, when every other thread of ours has ended.  What a plugin does to end the
 * process behind its back is seen in crash.c (signals, exit()) and exit.c (_exit()).
 */
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "commands/command.h"
#include "process/crash.h"
#include "process/signals.h"

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

int main(int argc, char **argv)
{
	crash_init();
	int exit_code = command_dispatch(argc, argv);
	crash_exiting();
	return exit_code;
}
