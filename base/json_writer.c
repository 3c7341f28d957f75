/*
 * Answers of the API, NDJSON and what is published in Redis are written with this, on whatever
 * thread makes them.  Printing numbers is most of the work in an answer; json_number.c does that.
 * Reserving room for a word includes its comma, so that each value asks once.  What can fail is
 * memory, or the bound; both stay in `error`.
 */
#include "base/json_writer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_chars.h"
#include "base/json_number.h"
#include "base/json_reader.h"
#include "base/rfc3339.h"
#include "base/utf8.h"

enum { JSON_FIRST_SIZE = 1024 };

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

void json_writer_init(struct json_writer *json, size_t max)
{
	*json = (struct json_writer){.max = max};
}

void json_writer_done(struct json_writer *json)
{
	free(json->data);
	json_writer_init(json, json->max);
}

static bool json_grow(struct json_writer *json, size_t more)
{
	size_t size = json->size ? json->size : JSON_FIRST_SIZE;
	if (more > json->max - json->len) {
		json->error = -E2BIG;
		return false;
	}
	/* Doubling keeps the copying linear in what is written; the bound is checked before, so
	 * this ends. */
	while (size - json->len < more)
		size *= 2;
	if (size > json->max)
		size = json->max;
	char *grown = realloc(json->data, size);
	if (!grown) {
		json->error = -ENOMEM;
		return false;
	}
	json->data = grown;
	json->size = size;
	return true;
}

static inline bool json_reserve(struct json_writer *json, size_t more)
{
	if (json->error)
		return false;
	return json->size - json->len >= more || json_grow(json, more);
}

char *json_writer_room(struct json_writer *json, size_t len)
{
	bool fits = !json->error && len <= json->max - json->len && json_reserve(json, len);
	return fits ? json->data + json->len : NULL;
}

void json_write_raw(struct json_writer *json, const char *bytes, size_t len)
{
	if (len == 0 || !json_reserve(json, len))
		return;
	memcpy(json->data + json->len, bytes, len);
	json->len += len;
}

static void json_open(struct json_writer *json, char bracket)
{
	char text[2] = {',', bracket};
	json_write_raw(json, text + !json->comma, 1 + (size_t)json->comma);
	json->comma = false;
}

static void json_close(struct json_writer *json, char bracket)
{
	json_write_raw(json, &bracket, 1);
	json->comma = true;
}

void json_begin_object(struct json_writer *json)
{
	json_open(json, '{');
}

void json_end_object(struct json_writer *json)
{
	json_close(json, '}');
}

void json_begin_array(struct json_writer *json)
{
	json_open(json, '[');
}

void json_end_array(struct json_writer *json)
{
	json_close(json, ']');
}

static void json_separate(struct json_writer *json)
{
	if (json->comma)
		json_write_raw(json, ",", 1);
	json->comma = true;
}

/* Room for a word behind what there is, and its comma; NULL: an error. */
static inline char *json_add_word(struct json_writer *json, size_t len)
{
	if (!json_reserve(json, len + 1))
		return NULL;
	char *at = json->data + json->len;
	*at = ',';
	at += json->comma;
	json->len += len + json->comma;
	json->comma = true;
	return at;
}

static void json_write_word(struct json_writer *json, const char *word, size_t len)
{
	char *at = json_add_word(json, len);
	if (at)
		memcpy(at, word, len);
}

void json_write_null(struct json_writer *json)
{
	json_write_word(json, "null", 4);
}

void json_write_bool(struct json_writer *json, bool value)
{
	json_write_word(json, value ? "true" : "false", value ? 4 : 5);
}

static const uint64_t json_exact = UINT64_C(1) << 53; /* up to there a double holds each */

void json_write_int(struct json_writer *json, int64_t value)
{
	/* Unsigned, since -INT64_MIN does not fit. */
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
	bool quoted = json->ints_as_text && magnitude > json_exact;
	char text[JSON_NUMBER_SIZE];
	size_t len = json_number_int(text + 1, value);
	if (quoted)
		text[0] = text[len + 1] = '"';
	json_write_word(json, text + !quoted, len + 2 * quoted);
}

void json_write_real(struct json_writer *json, double value)
{
	char text[JSON_NUMBER_SIZE];
	if (!isfinite(value)) {
		json_write_null(json);
		return;
	}
	json_write_word(json, text, json_number_real(text, value));
}

void json_write_time(struct json_writer *json, int64_t ns)
{
	char text[RFC3339_SIZE + 2];
	if (json->times == JSON_TIMES_SECONDS) {
		json_write_real(json, (double)ns / 1e9);
		return;
	}
	if (json->times == JSON_TIMES_MS) {
		json_write_int(json, ns / 1000000);
		return;
	}
	size_t len = rfc3339_format(ns, text + 1);
	text[0] = '"';
	text[len + 1] = '"';
	json_write_word(json, text, len + 2);
}

static void json_escape(struct json_writer *json, unsigned char byte)
{
	static const char hex[] = "0123456789abcdef";
	static const char names[] = {
		['"'] = '"', ['\\'] = '\\', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
	char text[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
	if (byte < sizeof(names) && names[byte]) {
		text[1] = names[byte];
		json_write_raw(json, text, 2);
		return;
	}
	json_write_raw(json, text, sizeof(text));
}

/* One character that is not plain; returns the bytes it took. */
static size_t json_write_special(struct json_writer *json, const char *text, size_t len)
{
	unsigned char byte = (unsigned char)*text;
	if (byte < 0x80) {
		json_escape(json, byte);
		return 1;
	}
	size_t bytes = utf8_length(text, len);
	if (bytes == 0) {
		json_write_raw(json, replacement, sizeof(replacement) - 1);
		return 1;
	}
	json_write_raw(json, text, bytes);
	return bytes;
}

static void json_write_quoted(struct json_writer *json, const char *text, size_t len)
{
	size_t i = 0;
	json_write_raw(json, "\"", 1);
	while (i < len && !json->error) {
		size_t run = i + json_chars_plain(text + i, len - i);
		json_write_raw(json, text + i, run - i);
		i = run < len ? run + json_write_special(json, text + run, len - run) : run;
	}
	json_write_raw(json, "\"", 1);
}

/* What is plain, which nearly all of it is, in one piece. */
static bool json_write_plain(struct json_writer *json, const char *text, size_t len,
			     const char *end, size_t end_len)
{
	if (json_chars_plain(text, len) < len)
		return false;
	char *at = json_add_word(json, 1 + len + end_len);
	if (!at)
		return true;
	*at = '"';
	memcpy(at + 1, text, len);
	memcpy(at + 1 + len, end, end_len);
	return true;
}

void json_write_text(struct json_writer *json, const char *text, size_t len)
{
	if (len && json_write_plain(json, text, len, "\"", 1))
		return;
	json_separate(json);
	json_write_quoted(json, text, len);
}

void json_write_string(struct json_writer *json, const char *text)
{
	if (text)
		json_write_text(json, text, strlen(text));
	else
		json_write_null(json);
}

void json_write_key(struct json_writer *json, const char *key)
{
	size_t len = strlen(key);
	if (!len || !json_write_plain(json, key, len, "\":", 2)) {
		json_write_text(json, key, len);
		json_write_raw(json, ":", 1);
	}
	json->comma = false;
}

void json_write_name(struct json_writer *json, const char *name)
{
	size_t len = strlen(name);
	char *at = json_add_word(json, len + 3);
	if (!at)
		return;
	*at = '"';
	memcpy(at + 1, name, len);
	memcpy(at + 1 + len, "\":", 2);
	json->comma = false;
}

/* Valid JSON has control characters between its tokens only, so a space stands for any of them. */
static void json_copy_on_one_line(char *at, const char *text, size_t len)
{
	memcpy(at, text, len);
	for (size_t i = json_chars_before_control(at, len); i < len;
	     i += json_chars_before_control(at + i, len - i))
		at[i++] = ' ';
}

void json_write_json(struct json_writer *json, const char *text, size_t len)
{
	if (!json_check(text, len)) {
		json_write_text(json, text, len);
		return;
	}
	char *at = json_add_word(json, len);
	if (at)
		json_copy_on_one_line(at, text, len);
}
