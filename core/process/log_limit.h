/*
 * Decides which messages are too much of the same.  Each (source, format) may be said
 * LOG_LIMIT_BURST times in a minute; what is kept back is counted, and told when the minute is
 * over.  A fixed table: the entry that began first gives way, told early.  No clock, no lock, no
 * I/O of its own.
 */
#ifndef TALLYD_CORE_LOG_LIMIT_H
#define TALLYD_CORE_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum {
	LOG_LIMIT_BURST = 5,
	LOG_LIMIT_ENTRIES = 128,
	LOG_LIMIT_SOURCE_SIZE = 80,
	LOG_LIMIT_TEXT_SIZE = 120,
};

/* What was kept back, and how the last of it began. */
struct log_limit_suppressed {
	uint32_t n;
	int level;
	char source[LOG_LIMIT_SOURCE_SIZE];
	char text[LOG_LIMIT_TEXT_SIZE];
};

struct log_limit_entry {
	uint64_t key; /* 0: free */
	int64_t since;
	uint32_t said;
	struct log_limit_suppressed kept_back;
};

struct log_limit {
	struct log_limit_entry entries[LOG_LIMIT_ENTRIES];
};

struct log_limit_message {
	int level;
	const char *source, *fmt, *text;
};

/* May it be said?  ret_told->n is not 0 if something else must be told before. */
bool log_limit_admit(struct log_limit *limit, const struct log_limit_message *message, int64_t now,
		     struct log_limit_suppressed *ret_told);

/* Takes out what one entry kept back and whose minute is over by now; false: no more. */
bool log_limit_expire(struct log_limit *limit, int64_t now, struct log_limit_suppressed *ret_told);

#endif
