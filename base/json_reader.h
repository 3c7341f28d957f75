/*
 * Reads JSON from foreign hands by pulling: no tree, no allocation, each value met once, in order,
 * and either read or skipped.  Strings are decoded and NUL-terminated in place, so the text must be
 * writable and they live as long as it.  Not for writing JSON.
 *
 *	json_reader_init(&json, body, len);
 *	json_enter_object(&json);
 *	while (json_next_key(&json, &key)) {
 *		if (json_text_is(&key, "read"))
 *			json_read_text(&json, &read);
 *		else
 *			json_skip(&json);
 *	}
 *	if (!json_finish(&json))
 *		return tally_fail(ctx, EBADMSG, "%s", json.problem);
 *
 * The first problem stays: everything after it returns false and reads nothing.
 */
#ifndef TALLYD_BASE_JSON_READER_H
#define TALLYD_BASE_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_MAX_DEPTH = 64 }; /* skipping recurses, on the stacks of plugins' threads */

struct json_reader {
	char *start, *at, *end;
	const char *problem; /* NULL: none so far */
	unsigned depth;
	bool first;   /* no value yet in the innermost object or array */
	bool in_null; /* a null was entered as an empty one */
};

struct json_text { /* at NULL: there was none */
	const char *at;
	size_t len;
};

struct json_int {
	int64_t value;
	bool set; /* false: null, or beyond an int64 as engines write "unlimited" */
};

enum json_next {
	JSON_NEXT_NOTHING,
	JSON_NEXT_OBJECT,
	JSON_NEXT_ARRAY,
	JSON_NEXT_STRING,
	JSON_NEXT_NUMBER,
	JSON_NEXT_WORD
};

void json_reader_init(struct json_reader *json, char *text, size_t len);

/* What comes next, unread. */
enum json_next json_peek(struct json_reader *json);

/* A null counts as an empty one.  Then call the next function until it returns false. */
bool json_enter_object(struct json_reader *json);
bool json_enter_array(struct json_reader *json);
bool json_next_key(struct json_reader *json, struct json_text *ret);
bool json_next_item(struct json_reader *json);

/* \u0000 and lone surrogates become U+FFFD.  null: at = NULL. */
bool json_read_text(struct json_reader *json, struct json_text *ret);
bool json_read_int(struct json_reader *json, struct json_int *ret);
/* null: false. */
bool json_read_bool(struct json_reader *json, bool *ret);
bool json_skip(struct json_reader *json);
/* Skips a value and returns it as it stands, checked; not NUL-terminated. */
bool json_read_raw(struct json_reader *json, struct json_text *ret);

/* No problem, and nothing but blanks follows. */
bool json_finish(struct json_reader *json);

/* Records a problem of the caller's own; returns false. */
bool json_fail(struct json_reader *json, const char *problem);

static inline size_t json_offset(const struct json_reader *json)
{
	return (size_t)(json->at - json->start);
}

bool json_text_is(const struct json_text *text, const char *wanted);

/* Is this one JSON value in valid UTF-8, without lone surrogates, which clients' parsers refuse? Of
 * json_check.c. */
bool json_check(const char *text, size_t len);

#endif
