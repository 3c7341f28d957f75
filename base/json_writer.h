/*
 * Writes JSON by hand into a buffer that grows up to a bound.  What comes out is always valid
 * UTF-8 and, as long as the calls are balanced, valid JSON: bytes that are not UTF-8 become
 * U+FFFD, numbers that JSON has no word for become null.  Commas are placed by themselves.
 * Errors stick: after the first one every call does nothing, so check json_writer.error once,
 * at the end.  Not for reading (jansson does that), and no nesting is checked.  One thread.
 */
#ifndef TALLYD_BASE_JSON_WRITER_H
#define TALLYD_BASE_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How json_write_time() writes: as text, or as numbers since 1970; seconds may have decimals. */
enum json_times { JSON_TIMES_RFC3339, JSON_TIMES_SECONDS, JSON_TIMES_MS };

struct json_writer {
	char *data; /* not NUL-terminated; free() it, or json_writer_done() */
	size_t len;
	size_t size, max;
	int error; /* 0, -E2BIG: more than max, -ENOMEM */
	bool comma;
	/* May be set once it is initialized, and hold until json_writer_done(). */
	bool ints_as_text; /* those that a double cannot hold, beyond 2^53 either way */
	enum json_times times;
};

void json_writer_init(struct json_writer *json, size_t max); /* allocates nothing yet */
void json_writer_done(struct json_writer *json);

void json_begin_object(struct json_writer *json);
void json_end_object(struct json_writer *json);
void json_begin_array(struct json_writer *json);
void json_end_array(struct json_writer *json);
void json_write_key(struct json_writer *json, const char *key);
/* A key that needs no escape, such as a column's. */
void json_write_name(struct json_writer *json, const char *name);

void json_write_null(struct json_writer *json);
void json_write_bool(struct json_writer *json, bool value);
void json_write_int(struct json_writer *json, int64_t value);
void json_write_real(struct json_writer *json, double value); /* shortest that reads back equal */
void json_write_text(struct json_writer *json, const char *text, size_t len);
void json_write_string(struct json_writer *json, const char *text); /* NULL: null */
void json_write_time(struct json_writer *json, int64_t ns);         /* RFC 3339, UTC, or as set */
/* Text that should be JSON already: as it is if it is, but on one line, since NDJSON and
 * Server-Sent Events end at the first newline; else as a string. */
void json_write_json(struct json_writer *json, const char *text, size_t len);

/* Room for len bytes behind what there is, for who writes them, commas included, and then adds to
 * json->len.  NULL: they do not fit; that is an error only for who needs all of them. */
char *json_writer_room(struct json_writer *json, size_t len);

/* As they are, outside of the grammar: separators of NDJSON, and other formats altogether. */
void json_write_raw(struct json_writer *json, const char *bytes, size_t len);

#endif
