/* Rows as the API has them, read in place: those of logs, and what any row has of texts. */
#ifndef TALLYD_CONSOLE_ROW_H
#define TALLYD_CONSOLE_ROW_H

#include <stdint.h>

#include "base/json_reader.h"
#include "base/strbuf.h"

struct row {
	int64_t time; /* ns since 1970; 0: unknown */
	struct json_text host, name, container_id, message, level;
};

/* A member of a row that is wanted, if it is a text. */
struct row_text {
	const char *key;
	struct json_text *text; /* empty before */
};

/* json is changed, and the texts are in it.  False: it is none. */
bool row_read_texts(char *json, size_t len, const struct row_text *wanted, size_t n);
bool row_read(char *json, size_t len, struct row *ret);

/* "2026-01-31 12:00:00.118" by the zone of the environment; -.- for unknown. */
void row_time(int64_t time, char *ret, size_t size);

/* T D I N W E C, or a blank. */
char row_letter(const struct json_text *level);

enum { ROW_MAX_PAGE = 1000 };

/* Goes through a list: calls row for each of `data`, as it stands and writable, and copies
 * next_cursor ("": there is none).  False: it is not a list. */
typedef void row_fn(void *arg, char *json, size_t len);
bool row_list(char *body, size_t len, row_fn *row, void *arg, struct strbuf *ret_cursor);

#endif
