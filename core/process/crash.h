/*
 * Whose fault was it?  A plugin runs in the daemon's process, so its crash is the daemon's end, and
 * its exit() looks like a wish of the daemon's.  Each thread notes whose code it runs; the handler
 * of SIGSEGV and its like says that, and which file the code is from, before the signal does what
 * it always does (core dump, exit status).  An exit() that nobody but a plugin can have called ends
 * with COMMAND_FAILED.  enter and leave from any thread; the rest from the main thread.
 */
#ifndef TALLYD_CORE_CRASH_H
#define TALLYD_CORE_CRASH_H

void crash_init(void);    /* first of all; handlers, and the main thread's own stack for them */
void crash_exiting(void); /* the process is about to end as it should */
int crash_exit_code(int status); /* what a process that calls _exit(status) ends with */
void crash_in_child(void);       /* after fork(): the child reports none of this */

/* A stack for the handlers, so that a thread that has used up its own can still be named.  At the
 * beginning and the end of the thread's function. */
void crash_thread_begin(void);
void crash_thread_end(void);

/* Until crash_leave(), this thread runs code of that instance (or file); the name lives for ever.
 * Returns what it was before, for crash_leave(). */
const char *crash_enter(const char *name);
void crash_leave(const char *before);

/* The file that this address is in is a plugin's; path lives for ever. */
void crash_add_file(const char *path, const void *address);

#endif
