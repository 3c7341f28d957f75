/*
 * What is told: a row of `alerts` that has `notified`, as texts and numbers.  Points into the batch
 * it was read from.
 */
#ifndef TALLYD_NOTIFY_NOTICE_H
#define TALLYD_NOTIFY_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tallyd/plugin.h>

#include "base/json_writer.h"
#include "base/strbuf.h"

enum { NOTICE_ID_SIZE = 17 };

struct notice_text {
	const char *at; /* no NUL */
	size_t len;
};

enum notice_severity { NOTICE_INFO, NOTICE_WARNING, NOTICE_CRITICAL };

struct notice {
	char id[NOTICE_ID_SIZE]; /* the same for the same change, however often it is told */
	struct notice_text host, rule, subject, state, severity, summary;
	bool firing; /* false: resolved */
	enum notice_severity level;
	bool has_value;
	double value;
	int64_t time, since;
};

/* False: a row that is not told, or of another table. */
bool notice_read(const struct tally_table *table, const struct tally_cell *row, struct notice *ret);

/* {"id":…,"rule":…,…} */
void notice_write(const struct notice *notice, struct json_writer *json);
/* "firing: web: avg(cpu_percent) > 90, now 97%", without a line break. */
void notice_line(const struct notice *notice, struct strbuf *text);
/* Of a message about all of them, in ASCII: "firing: busy", "firing: 3 alerts". */
void notice_title(const struct notice *notices, size_t n, struct strbuf *text);
enum notice_severity notice_worst(const struct notice *notices, size_t n);

/* Of a message about all of them: the same if they are the same. */
void notice_key(const struct notice *notices, size_t n, char ret[NOTICE_ID_SIZE]);

#endif
