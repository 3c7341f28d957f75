/*
 * Which line of what a health check printed says how the container does.
 *
 * The engine keeps all that the check wrote, to stdout and to stderr: progress meters, what is
 * redrawn after a carriage return, whole pages and tracebacks.  Of a check that failed the line
 * that says why is wanted: the last that names an error, else the last one; of one that passed the
 * first line.  What merely shows progress (curl's meter, wget's) is no line.  Pure.
 */
#ifndef TALLYD_HEALTH_OUTPUT_H
#define TALLYD_HEALTH_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

enum { HEALTH_OUTPUT_MAX = 512 };

/* Writes the line, without escape sequences and cut at a character, and its NUL; its length, 0:
 * the check said nothing. */
size_t health_output_line(const char *output, size_t len, bool failed,
			  char ret[HEALTH_OUTPUT_MAX + 1]);

#endif
