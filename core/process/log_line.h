/* One message as the line that is written: its head, the text made harmless, a newline. */
#ifndef TALLYD_CORE_LOG_LINE_H
#define TALLYD_CORE_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOG_LINE_SIZE = 4096 }; /* PIPE_BUF: a write of that much is not torn */

struct log_line {
	size_t len;
	char bytes[LOG_LINE_SIZE];
};

/* now: ns since 1970; ignored for the journal, which has its own clock. */
void log_line_make(struct log_line *line, bool journal, int64_t now, int level, const char *source);
/* Control characters and what is not UTF-8 become \xNN; too much ends in "…". */
void log_line_append(struct log_line *line, const char *text);
void log_line_end(struct log_line *line);

#endif
