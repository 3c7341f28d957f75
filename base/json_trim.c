/*
 * A state machine over single bytes: what comes in is cut by the network anywhere, within an escape
 * and within a character, so no byte may need the next one.  Called by the HTTP client's callback
 * for answers of the engine, before json_reader.c sees them.  `string`, `container` and `member`
 * are places in what went out, so that a member that turns out to be too much is taken back by
 * setting the length.
 */
#include "base/json_trim.h"

#include <string.h>

/* What is being put out. */
struct output {
	char *data;
	size_t len;
};

void json_trim_init(struct json_trim *trim, const char *const *keep)
{
	*trim = (struct json_trim){.keep = keep};
}

static void put(const struct json_trim *trim, struct output *out, char c)
{
	if (!trim->cutting && !trim->dropping)
		out->data[out->len++] = c;
}

/* ---- Members of the bounded container ---- */

static bool is_kept(const struct json_trim *trim, const char *key, size_t len)
{
	for (const char *const *keep = trim->keep; keep && *keep; keep++)
		if (strlen(*keep) == len && memcmp(*keep, key, len) == 0)
			return true;
	return false;
}

static bool is_full(const struct json_trim *trim)
{
	return trim->member - trim->container >= JSON_TRIM_MEMBERS &&
	       (trim->in_object || !trim->whole_arrays);
}

static void drop_member(struct json_trim *trim, struct output *out)
{
	out->len = trim->member;
	trim->dropping = true;
	trim->dropped++;
}

/* out stands before the member, or before the comma in front of it. */
static void begin_member(struct json_trim *trim, struct output *out)
{
	trim->member = out->len;
	trim->is_key = trim->in_object;
	trim->dropping = false;
}

/* It is known now by which key the member goes. */
static void end_key(struct json_trim *trim, struct output *out)
{
	trim->is_key = false;
	if (is_full(trim) && !is_kept(trim, out->data + trim->string, out->len - 1 - trim->string))
		drop_member(trim, out);
}

/* ---- Strings ---- */

static void begin_string(struct json_trim *trim, struct output *out)
{
	put(trim, out, '"');
	trim->in_string = true;
	trim->escaped = trim->after_high = false;
	trim->hex_left = 0;
	trim->string = out->len;
}

static void end_string(struct json_trim *trim, struct output *out)
{
	trim->in_string = trim->cutting = false;
	put(trim, out, '"');
	if (trim->depth == JSON_TRIM_DEPTH && trim->is_key)
		end_key(trim, out);
}

/* A character begins here, and it is not the second half of one. */
static bool may_cut(const struct json_trim *trim, char c)
{
	/* Cutting behind the first half of a surrogate pair would leave a lone one, and within
	 * UTF-8 bytes that are no character. */
	return !trim->after_high && ((unsigned char)c & 0xc0) != 0x80;
}

static uint32_t hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0');
	return ((uint32_t)(unsigned char)c | 0x20) - 'a' + 10;
}

/* Inside of \uXXXX. */
static void take_hex(struct json_trim *trim, char c)
{
	trim->hex = trim->hex << 4 | (hex_value(c) & 15);
	if (--trim->hex_left == 0)
		trim->after_high = trim->hex >= 0xd800 && trim->hex < 0xdc00;
}

/* Behind the backslash. */
static void take_escaped(struct json_trim *trim, char c)
{
	trim->escaped = false;
	trim->after_high = false;
	trim->hex = 0;
	trim->hex_left = c == 'u' ? 4 : 0;
}

static void in_string(struct json_trim *trim, struct output *out, char c)
{
	if (trim->escaped) {
		take_escaped(trim, c);
	} else if (c == '"') {
		end_string(trim, out);
		return;
	} else if (trim->hex_left > 0) {
		take_hex(trim, c);
	} else {
		if (!trim->cutting && !trim->dropping && may_cut(trim, c) &&
		    out->len - trim->string >= JSON_TRIM_STRING) {
			trim->cutting = true;
			trim->cut++;
		}
		trim->after_high = trim->after_high && c == '\\';
		trim->escaped = c == '\\';
	}
	put(trim, out, c);
}

/* ---- Brackets and commas ---- */

static void open_bracket(struct json_trim *trim, struct output *out, char c)
{
	put(trim, out, c);
	if (++trim->depth != JSON_TRIM_DEPTH)
		return;
	trim->in_object = c == '{';
	trim->container = out->len;
	begin_member(trim, out);
}

static void close_bracket(struct json_trim *trim, struct output *out, char c)
{
	if (trim->depth == JSON_TRIM_DEPTH)
		trim->dropping = trim->is_key = false;
	trim->depth -= trim->depth > 0;
	put(trim, out, c);
}

/* An array's member has no key, so it is known at once. */
static void comma(struct json_trim *trim, struct output *out)
{
	if (trim->depth == JSON_TRIM_DEPTH)
		begin_member(trim, out);
	put(trim, out, ',');
	if (trim->depth == JSON_TRIM_DEPTH && !trim->in_object && is_full(trim))
		drop_member(trim, out);
}

static void outside(struct json_trim *trim, struct output *out, char c)
{
	switch (c) {
	case '"':
		begin_string(trim, out);
		break;
	case '{':
	case '[':
		open_bracket(trim, out, c);
		break;
	case '}':
	case ']':
		close_bracket(trim, out, c);
		break;
	case ',':
		comma(trim, out);
		break;
	default:
		put(trim, out, c);
	}
}

void json_trim_feed(struct json_trim *trim, char *data, size_t *len, const char *in, size_t n)
{
	struct output out = {data, *len};
	for (size_t i = 0; i < n; i++) {
		if (trim->in_string)
			in_string(trim, &out, in[i]);
		else
			outside(trim, &out, in[i]);
	}
	*len = out.len;
}

uint32_t json_trim_value(char *out, size_t *len, const char *in, size_t n)
{
	struct json_trim trim;
	json_trim_init(&trim, NULL);
	trim.depth = JSON_TRIM_DEPTH - 1;
	json_trim_feed(&trim, out, len, in, n);
	return trim.cut + trim.dropped;
}
