/* A program's stderr in our log.  On the instance's thread. */
#ifndef TALLYD_EXEC_STDERR_H
#define TALLYD_EXEC_STDERR_H

#include "exec/exec_program.h"

/* Logs and counts the whole lines that were read; ended: also what is left. */
void exec_stderr_log(struct exec_program *program, bool ended);
/* The level that a line names itself, and how many bytes of it say so; 0: it does not. */
size_t exec_stderr_level(const char *line, int *ret_level);

#endif
