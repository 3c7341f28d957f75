/*
 * What the process exits with, whichever command it runs: the one table, from which `tallyd help`,
 * tallyd(8) and docs/operations.md have it.  Below all rooms of the core, since the handlers of
 * crash.c end the process as well.
 */
#ifndef TALLYD_CORE_EXIT_CODE_H
#define TALLYD_CORE_EXIT_CODE_H

/* X(name, code, what it means, what to do then) */
#define COMMAND_EXITS(X)                                                                           \
	X(OK, 0,                                                                                   \
	  "success; of run: it was stopped (what it could not write in time is in the log); of "   \
	  "healthcheck: healthy",                                                                  \
	  "")                                                                                      \
	X(FAILED, 1,                                                                               \
	  "it failed; of run: it could not start, a plugin did not stop, or one called exit(); "   \
	  "of status and healthcheck: no daemon answers",                                          \
	  "read the message, or the end of the log")                                               \
	X(USAGE, 2, "the command line is wrong", "tallyd help COMMAND")                            \
	X(CONFIG, 3, "the configuration or a plugin is wrong", "tallyd check")                     \
	X(WRONG, 4,                                                                                \
	  "what was examined has a fault: of healthcheck the daemon, of db status, db check and "  \
	  "backup the database, of restore the backup, of db copy rows that do not fit, of "       \
	  "plugins test the plugin",                                                               \
	  "read what is printed; db marks the lines with a !")

enum command_exit {
#define COMMAND_EXIT(name, code, means, remedy) COMMAND_##name = code,
	COMMAND_EXITS(COMMAND_EXIT)
#undef COMMAND_EXIT
};

#endif
