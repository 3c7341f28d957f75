/*
 * A descent by the grammar of RFC 8259, without memory and without a tree: json_writer.c asks it
 * for each value that claims to be JSON already, on whatever thread writes an answer, so it has to
 * cost little more than reading the text once.  Strict on purpose: no comments, no trailing commas,
 * no lone surrogates, since clients' parsers refuse them.  The depth is bounded, for the text is
 * foreign and the stack is not large in plugins' threads.
 */
#include "base/json_check.h"

#include <string.h>

#include "base/utf8.h"

enum { JSON_MAX_DEPTH = 64 };

struct check {
	const char *at, *end;
	unsigned depth;
};

static bool check_value(struct check *check);

static void check_blanks(struct check *check)
{
	while (check->at < check->end && memchr(" \t\n\r", *check->at, 4))
		check->at++;
}

static bool check_char(struct check *check, char wanted)
{
	if (check->at == check->end || *check->at != wanted)
		return false;
	check->at++;
	return true;
}

static bool check_digits(struct check *check)
{
	const char *first = check->at;
	while (check->at < check->end && *check->at >= '0' && *check->at <= '9')
		check->at++;
	return check->at > first;
}

static bool check_number(struct check *check)
{
	check_char(check, '-');
	/* No leading zeros: 0 stands alone (RFC 8259, section 6). */
	if (!check_char(check, '0') && !check_digits(check))
		return false;
	if (check_char(check, '.') && !check_digits(check))
		return false;
	if (!check_char(check, 'e') && !check_char(check, 'E'))
		return true;
	if (!check_char(check, '+'))
		check_char(check, '-');
	return check_digits(check);
}

static bool check_hex(struct check *check, unsigned *ret)
{
	static const char hex[] = "0123456789abcdef0123456789ABCDEF";
	unsigned value = 0;
	if (check->end - check->at < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		const char *digit = memchr(hex, *check->at++, sizeof(hex) - 1);
		if (!digit)
			return false;
		value = value * 16 + (unsigned)(digit - hex) % 16;
	}
	*ret = value;
	return true;
}

/* After the backslash.  A lone surrogate is no character. */
static bool check_escape(struct check *check)
{
	unsigned first, second;
	if (check->at == check->end)
		return false;
	if (!check_char(check, 'u'))
		return memchr("\"\\/bfnrt", *check->at++, 8) != NULL;
	if (!check_hex(check, &first))
		return false;
	if (first < 0xd800 || first > 0xdfff)
		return true;
	return first < 0xdc00 && check_char(check, '\\') && check_char(check, 'u') &&
	       check_hex(check, &second) && second >= 0xdc00 && second <= 0xdfff;
}

static bool check_string(struct check *check)
{
	if (!check_char(check, '"'))
		return false;
	while (check->at < check->end) {
		if (check_char(check, '"'))
			return true;
		if ((unsigned char)*check->at < 0x20)
			return false;
		if (check_char(check, '\\')) {
			if (!check_escape(check))
				return false;
			continue;
		}
		size_t bytes = utf8_length(check->at, (size_t)(check->end - check->at));
		if (bytes == 0)
			return false;
		check->at += bytes;
	}
	return false;
}

static bool check_member(struct check *check)
{
	check_blanks(check);
	if (!check_string(check))
		return false;
	check_blanks(check);
	return check_char(check, ':') && check_value(check);
}

/* After the opening bracket. */
static bool check_list(struct check *check, char closing, bool (*item)(struct check *))
{
	check_blanks(check);
	if (check_char(check, closing))
		return true;
	do {
		if (!item(check))
			return false;
	} while (check_char(check, ','));
	return check_char(check, closing);
}

static bool check_nested(struct check *check)
{
	bool ok = false;
	/* Each level is one frame of the recursion. */
	if (check->depth == JSON_MAX_DEPTH)
		return false;
	check->depth++;
	if (check_char(check, '{'))
		ok = check_list(check, '}', check_member);
	else if (check_char(check, '['))
		ok = check_list(check, ']', check_value);
	check->depth--;
	return ok;
}

static bool check_word(struct check *check, const char *word, size_t len)
{
	if ((size_t)(check->end - check->at) < len || memcmp(check->at, word, len) != 0)
		return false;
	check->at += len;
	return true;
}

static bool check_scalar(struct check *check)
{
	switch (*check->at) {
	case '"':
		return check_string(check);
	case 't':
		return check_word(check, "true", 4);
	case 'f':
		return check_word(check, "false", 5);
	case 'n':
		return check_word(check, "null", 4);
	default:
		return check_number(check);
	}
}

static bool check_value(struct check *check)
{
	check_blanks(check);
	if (check->at == check->end)
		return false;
	bool nested = *check->at == '{' || *check->at == '[';
	bool ok = nested ? check_nested(check) : check_scalar(check);
	check_blanks(check);
	return ok;
}

bool json_check(const char *text, size_t len)
{
	struct check check = {text, text + len, 0};
	return check_value(&check) && check.at == check.end;
}
