/*
 * Picks the line of a health check's output that says most about the container.
 *
 * The engine keeps all output of the check, stdout and stderr: progress meters, lines redrawn after
 * a carriage return, whole pages and tracebacks.  Of a failed check the line that says why is
 * wanted: the last that names an error, else the last one; of a passed check the first line.
 * Progress meters (curl's, wget's) do not count as lines.  Pure.
 */
#ifndef TALLYD_HEALTH_OUTPUT_H
#define TALLYD_HEALTH_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

enum { HEALTH_OUTPUT_MAX = 512 };

/* Writes the line without escape sequences, cut at a character, and a NUL.  Returns its length; 0:
 * there is no output. */
size_t health_output_line(const char *output, size_t len, bool failed,
			  char ret[HEALTH_OUTPUT_MAX + 1]);

#endif
