/*
 * A pull parser over a buffer that is its to write into.  Inputs call it on their own thread for
 * every answer of the engine, of which they want a small part: what is skipped is only walked over.
 * `first` tells whether a comma must come next; it is the only state between two calls besides the
 * place, so depth costs nothing.  What fails is kept as a constant text and ends all reading.
 */
#include "base/json_reader.h"

#include <string.h>

#include "base/json_chars.h"
#include "base/json_escape.h"

void json_reader_init(struct json_reader *json, char *text, size_t len)
{
	*json = (struct json_reader){.start = text, .at = text, .end = text + len, .first = true};
}

bool json_fail(struct json_reader *json, const char *problem)
{
	if (!json->problem)
		json->problem = problem;
	return false;
}

static void skip_blanks(struct json_reader *json)
{
	while (json->at < json->end &&
	       (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r'))
		json->at++;
}

/* The next byte that matters; 0 at the end and after a problem. */
static char look(struct json_reader *json)
{
	if (json->problem)
		return 0;
	skip_blanks(json);
	return json->at < json->end ? *json->at : 0;
}

enum json_next json_peek(struct json_reader *json)
{
	char c = look(json);
	switch (c) {
	case '{':
		return JSON_NEXT_OBJECT;
	case '[':
		return JSON_NEXT_ARRAY;
	case '"':
		return JSON_NEXT_STRING;
	case 't':
	case 'f':
	case 'n':
		return JSON_NEXT_WORD;
	default:
		return c == '-' || (c >= '0' && c <= '9') ? JSON_NEXT_NUMBER : JSON_NEXT_NOTHING;
	}
}

static bool unexpected(struct json_reader *json, const char *wanted)
{
	return json_fail(json, json->at == json->end ? "the text ends in the middle" : wanted);
}

static bool read_word(struct json_reader *json, const char *word)
{
	size_t len = strlen(word);
	if ((size_t)(json->end - json->at) < len || memcmp(json->at, word, len) != 0)
		return false;
	json->at += len;
	json->first = false;
	return true;
}

static bool read_null(struct json_reader *json)
{
	return look(json) == 'n' && read_word(json, "null");
}

/* ---- Objects and arrays ---- */

static bool enter(struct json_reader *json, char bracket, const char *wanted)
{
	if (look(json) != bracket)
		return unexpected(json, wanted);
	if (json->depth == JSON_MAX_DEPTH)
		return json_fail(json, "nested too deep");
	json->at++;
	json->depth++;
	json->first = true;
	return true;
}

/* A null is entered too; the next step finds it empty. */
static bool enter_or_null(struct json_reader *json, char bracket, const char *wanted)
{
	if (!read_null(json))
		return enter(json, bracket, wanted);
	json->in_null = true;
	return true;
}

bool json_enter_object(struct json_reader *json)
{
	return enter_or_null(json, '{', "an object was expected");
}

bool json_enter_array(struct json_reader *json)
{
	return enter_or_null(json, '[', "an array was expected");
}

/* To the next member: true.  Out of the closing bracket: false. */
static bool next(struct json_reader *json, char bracket)
{
	if (json->in_null) {
		json->in_null = false;
		return false;
	}
	char c = look(json);
	if (c == bracket) {
		json->at++;
		json->depth--;
		json->first = false;
		return false;
	}
	if (json->first)
		return !json->problem;
	if (c != ',')
		return unexpected(json, "a comma or a closing bracket was expected");
	json->at++;
	return true;
}

bool json_next_item(struct json_reader *json)
{
	return next(json, ']');
}

/* ---- Texts ---- */

/* at stands behind the backslash. */
static bool read_escape(struct json_reader *json, char **out)
{
	const char *problem = json_escape_decode(&json->at, json->end, out);
	return !problem || unexpected(json, problem);
}

/* The first byte that cannot be taken as it is. */
static char *plain_end(char *at, const char *end)
{
	at += json_chars_plain(at, (size_t)(end - at));
	while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
		at++;
	return at;
}

/* An escape is never shorter than what it means, so the text shrinks in its place and a NUL
 * fits where the quote was. */
bool json_read_text(struct json_reader *json, struct json_text *ret)
{
	if (read_null(json)) {
		*ret = (struct json_text){0};
		return true;
	}
	if (look(json) != '"')
		return unexpected(json, "a string was expected");
	char *begin = ++json->at, *out = plain_end(begin, json->end);
	json->at = out;
	while (json->at < json->end && *json->at != '"') {
		if ((unsigned char)*json->at < 0x20)
			return json_fail(json, "a control character in a string");
		if (*json->at != '\\') {
			*out++ = *json->at++;
			continue;
		}
		json->at++;
		if (!read_escape(json, &out))
			return false;
	}
	if (json->at == json->end)
		return unexpected(json, "");
	json->at++;
	json->first = false;
	*out = '\0';
	*ret = (struct json_text){begin, (size_t)(out - begin)};
	return true;
}

static bool skip_text(struct json_reader *json)
{
	json->at = plain_end(json->at + 1, json->end);
	while (json->at < json->end && *json->at != '"') {
		char ignored[4], *out = ignored;
		if ((unsigned char)*json->at < 0x20)
			return json_fail(json, "a control character in a string");
		if (*json->at++ == '\\' && !read_escape(json, &out))
			return false;
	}
	if (json->at == json->end)
		return unexpected(json, "");
	json->at++;
	json->first = false;
	return true;
}

bool json_text_is(const struct json_text *text, const char *wanted)
{
	size_t len = strlen(wanted);
	return text->at && text->len == len && memcmp(text->at, wanted, len) == 0;
}

/* ---- Members ---- */

/* ret NULL: the name is left as it stands. */
static bool next_member(struct json_reader *json, struct json_text *ret)
{
	if (!next(json, '}'))
		return false;
	if (look(json) != '"')
		return unexpected(json, "a member's name was expected");
	if (ret ? !json_read_text(json, ret) : !skip_text(json))
		return false;
	if (look(json) != ':')
		return unexpected(json, "a colon was expected");
	json->at++;
	return true;
}

bool json_next_key(struct json_reader *json, struct json_text *ret)
{
	return next_member(json, ret);
}

/* ---- Numbers and words ---- */

static bool read_digits(struct json_reader *json, struct json_int *ret)
{
	const char *first = json->at;
	for (; json->at < json->end && *json->at >= '0' && *json->at <= '9'; json->at++)
		if (__builtin_mul_overflow(ret->value, 10, &ret->value) ||
		    __builtin_sub_overflow(ret->value, *json->at - '0', &ret->value))
			ret->set = false;
	if (json->at == first)
		return unexpected(json, "a digit was expected");
	if (*first == '0' && json->at - first > 1)
		return json_fail(json, "a number begins with 0");
	return true;
}

/* Counts downwards, since there is one more negative number. */
static bool read_whole(struct json_reader *json, struct json_int *ret)
{
	struct json_int number = {.set = true};
	bool negative = *json->at == '-';
	json->at += negative;
	if (!read_digits(json, &number))
		return false;
	if (!negative && __builtin_sub_overflow(0, number.value, &number.value))
		number.set = false;
	*ret = number;
	json->first = false;
	return true;
}

static bool at_one_of(const struct json_reader *json, char a, char b)
{
	return json->at < json->end && (*json->at == a || *json->at == b);
}

bool json_read_int(struct json_reader *json, struct json_int *ret)
{
	if (read_null(json)) {
		*ret = (struct json_int){0};
		return true;
	}
	if (json_peek(json) != JSON_NEXT_NUMBER)
		return unexpected(json, "a number was expected");
	struct json_int number;
	if (!read_whole(json, &number))
		return false;
	if (at_one_of(json, '.', '.') || at_one_of(json, 'e', 'E'))
		return json_fail(json, "a whole number was expected");
	*ret = number;
	return true;
}

static bool skip_digits(struct json_reader *json)
{
	const char *first = json->at;
	while (json->at < json->end && *json->at >= '0' && *json->at <= '9')
		json->at++;
	return json->at > first || unexpected(json, "a digit was expected");
}

static bool skip_number(struct json_reader *json)
{
	struct json_int ignored;
	if (!read_whole(json, &ignored))
		return false;
	if (at_one_of(json, '.', '.')) {
		json->at++;
		if (!skip_digits(json))
			return false;
	}
	if (!at_one_of(json, 'e', 'E'))
		return true;
	json->at++;
	if (at_one_of(json, '+', '-'))
		json->at++;
	return skip_digits(json);
}

bool json_read_bool(struct json_reader *json, bool *ret)
{
	char c = look(json);
	if ((c == 't' && read_word(json, "true")) || (c == 'f' && read_word(json, "false")) ||
	    (c == 'n' && read_word(json, "null"))) {
		*ret = c == 't';
		return true;
	}
	return unexpected(json, "true or false was expected");
}

/* ---- Skipping ---- */

/* Deep nesting ends in enter(). */
static bool skip_object(struct json_reader *json)
{
	json_enter_object(json);
	while (next_member(json, NULL))
		json_skip(json);
	return !json->problem;
}

static bool skip_array(struct json_reader *json)
{
	json_enter_array(json);
	while (json_next_item(json))
		json_skip(json);
	return !json->problem;
}

bool json_skip(struct json_reader *json)
{
	bool ignored;
	switch (json_peek(json)) {
	case JSON_NEXT_OBJECT:
		return skip_object(json);
	case JSON_NEXT_ARRAY:
		return skip_array(json);
	case JSON_NEXT_STRING:
		return skip_text(json);
	case JSON_NEXT_NUMBER:
		return skip_number(json);
	case JSON_NEXT_WORD:
		return json_read_bool(json, &ignored);
	case JSON_NEXT_NOTHING:
		break;
	}
	return unexpected(json, "a value was expected");
}

bool json_read_raw(struct json_reader *json, struct json_text *ret)
{
	look(json);
	const char *begin = json->at;
	if (!json_skip(json))
		return false;
	*ret = (struct json_text){begin, (size_t)(json->at - begin)};
	return true;
}

bool json_finish(struct json_reader *json)
{
	look(json);
	if (json->at != json->end)
		return json_fail(json, "something follows the end");
	return !json->problem;
}
