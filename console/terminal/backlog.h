/* The newest lines of a log, safe to draw; bounded in lines and bytes. */
#ifndef TALLYD_CONSOLE_BACKLOG_H
#define TALLYD_CONSOLE_BACKLOG_H

#include <stddef.h>

enum { BACKLOG_LINES = 300, BACKLOG_COLUMNS = 400 };

struct backlog {
	struct backlog_line {
		char *text; /* its time and what it says */
		char letter;
	} lines[BACKLOG_LINES];
	size_t first, n;
};

/* A row of the API; each line of its message is one. */
void backlog_row(struct backlog *log, char *json, size_t len);
/* 0 is the newest. */
const struct backlog_line *backlog_at(const struct backlog *log, size_t back);
void backlog_done(struct backlog *log);

#endif
