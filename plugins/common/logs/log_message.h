/*
 * Joins lines to messages, if the operator gave a pattern: a line that matches begins a message,
 * the lines after it in the same stream belong to it.  One per container, behind log_lines.h;
 * called by ingest.c.  No I/O.
 *
 * Where a message ends depends on what was written, not on when it was read: before the next line
 * that matches, before one written more than `gap` after the one in front of it, and before one
 * that would make it too long or too many lines.  So it is the same from every source and after
 * every break, and so is its key, which is that of its first line.  Until a message has ended, its
 * lines do not count as accepted (log_messages_hold).  One that nothing follows is ended by the
 * clock, after the gap and a little more, by when every line that belongs to it must have been
 * read.
 */
#ifndef TALLYD_LOG_MESSAGE_H
#define TALLYD_LOG_MESSAGE_H

#include <regex.h>

#include "logs/log_lines.h"

struct log_rule {
	bool joins;    /* else each line is a message */
	regex_t start; /* of the first line; its first KiB decides */
	int64_t gap;   /* ns */
	size_t max;    /* bytes, newlines between lines included */
	int64_t max_lines;
};

struct log_message {
	char *text;
	size_t len, size, cut;
	uint32_t n;             /* lines; 0: none has begun */
	int64_t time, sequence; /* of the first */
	int64_t newest;         /* time of the last */
	int64_t due;            /* monotonic ns */
	struct log_mark before;
};

struct log_messages {
	const struct log_rule *rule;
	int64_t now; /* monotonic ns, kept by the caller */
	struct log_message open[LOG_STREAMS];
};

/* Adds a line; if it ends the message before it, that is handed to each() first.  What each()
 * returned, or LOG_LOST: no memory. */
enum log_outcome log_messages_line(struct log_messages *messages, const struct log_line *line,
				   log_line_fn *each, void *arg);
/* Ends the messages that are due at a time; INT64_MAX: all.  What each() returned. */
enum log_outcome log_messages_end(struct log_messages *messages, int64_t due, log_line_fn *each,
				  void *arg);
/* When the first is due; INT64_MAX: none is open. */
int64_t log_messages_due(const struct log_messages *messages);
/* What to resume from while messages are open. */
void log_messages_hold(const struct log_messages *messages, struct log_resume *resume);
/* What is open will come again. */
void log_messages_forget(struct log_messages *messages);

#endif
