/*
 * Lines out of a pipe, with a bound: a longer one is passed over to its end and told once.  One
 * thread at a time.
 *
 *	while (exec_lines_fill(&lines, fd) > 0)
 *		while ((got = exec_lines_next(&lines, &text, &len)) != EXEC_LINES_NONE)
 *			…
 */
#ifndef TALLYD_EXEC_LINES_H
#define TALLYD_EXEC_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exec_lines {
	char *data;
	size_t max;        /* of a line, without its end */
	size_t start, len; /* what is there and not given out yet */
	bool skipping;     /* inside of a line that is too long */
	uint64_t number;   /* of the line that was given out last */
};

enum exec_lines_got { EXEC_LINES_NONE, EXEC_LINES_LINE, EXEC_LINES_TOO_LONG };

int exec_lines_init(struct exec_lines *lines, size_t max); /* -ENOMEM */
void exec_lines_done(struct exec_lines *lines);
void exec_lines_clear(struct exec_lines *lines); /* as for another pipe */

/* Reads what there is room for, once.  Bytes; 0: the end; -EAGAIN: nothing now; -errno.  Take all
 * lines before the next call. */
long exec_lines_fill(struct exec_lines *lines, int fd);

/* *ret may be written to, ends with a NUL that len does not count, and is valid until the next
 * call. */
enum exec_lines_got exec_lines_next(struct exec_lines *lines, char **ret, size_t *ret_len);
/* After the end: what stands behind the last newline, if it is anything. */
enum exec_lines_got exec_lines_rest(struct exec_lines *lines, char **ret, size_t *ret_len);

#endif
