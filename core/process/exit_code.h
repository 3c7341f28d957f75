/*
 * What the process exits with, whichever command it runs; documented in `tallyd help`.  Below all
 * rooms of the core, since the handlers of crash.c end the process as well.
 */
#ifndef TALLYD_CORE_EXIT_CODE_H
#define TALLYD_CORE_EXIT_CODE_H

enum command_exit {
	COMMAND_OK = 0,
	COMMAND_FAILED = 1, /* the command ran and failed */
	COMMAND_USAGE = 2,  /* the command line is wrong */
	COMMAND_CONFIG = 3, /* the configuration or a plugin is wrong */
	COMMAND_WRONG = 4,  /* the command ran and found a fault in what it examined */
};

#endif
