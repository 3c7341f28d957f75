/*
 * What a command of `tallyd db` prints, a line at a time: for people as text, after an exclamation
 * mark when an operator has to do something, and for programs (the word --json on its command line)
 * as one JSON object, with the numbers that the text is made of.
 *
 *	report_begin(&report, late, "table %s, %lld s behind", name, behind);
 *	report_string(&report, "table", name);
 *	report_int(&report, "behind_seconds", behind);
 *	report_end(&report);
 *
 * Main thread of a process that runs nothing else.
 */
#ifndef TALLYD_PLUGINS_COMMON_REPORT_H
#define TALLYD_PLUGINS_COMMON_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <tallyd/host.h>

#include "base/json_writer.h"

struct report {
	bool json;
	bool wrong; /* a line so far was about a problem */
	struct json_writer line;
};

/* As the command line says. */
struct report report_of(const struct tally_command *command);

__attribute__((format(printf, 3, 4))) void report_begin(struct report *report, bool problem,
							const char *fmt, ...);
void report_string(struct report *report, const char *key, const char *value); /* NULL: unknown */
void report_int(struct report *report, const char *key, int64_t value);
void report_time(struct report *report, const char *key, int64_t ns);
void report_unknown(struct report *report, const char *key);
/* The members of a JSON object that a database has made; what is none adds none. */
void report_members(struct report *report, const char *object);
void report_end(struct report *report);

/* A line without numbers. */
__attribute__((format(printf, 3, 4))) void report_line(struct report *report, bool problem,
						       const char *fmt, ...);

#endif
