/*
 * _exit() and _Exit() of the executable, before those of libc: a plugin that calls them ends the
 * daemon, and that is reported as the plugin's fault.  exit() needs no such thing, since on_exit()
 * tells of it (crash.c).  Exported, so that plugins find these first; any thread, any time, and in
 * a child that a plugin forked, where they are what they always were.
 *
 * Apart from main.c so that whoever calls _exit() does not depend on main().  Not part of the core
 * library: tests keep libc's.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/crash.h"

__attribute__((visibility("default"), noreturn)) void _exit(int status)
{
	int code = crash_exit_code(status);
	for (;;) /* the compiler does not know that the call cannot return */
		syscall(SYS_exit_group, code);
}

__attribute__((visibility("default"), noreturn)) void _Exit(int status)
{
	_exit(status);
}
