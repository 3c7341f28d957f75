/*
 * See log_level.h.  Pure functions, called for each row; what is not where levels stand is not
 * looked at, so a long line costs no more than a short one unless it is JSON or logfmt.
 */
#include "logs/log_level.h"

#include <string.h>
#include <strings.h>

#include "logs/log_level_json.h"
#include "logs/log_level_word.h"

enum { LEVEL_REACH = 120, PLAIN_SIZE = 1024, ESCAPE = 0x1b, LOWER = 0x20 };

static size_t skip_blanks(const char *text, size_t at, size_t len)
{
	while (at < len && (text[at] == ' ' || text[at] == '\t'))
		at++;
	return at;
}

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

/* ---- Escape sequences ---- */

/* The index behind a string that BEL or ESC \ ends. */
static size_t skip_command(const char *text, size_t at, size_t len)
{
	for (; at < len; at++) {
		if (text[at] == '\a')
			return at + 1;
		if (text[at] == ESCAPE)
			return at + 2 < len ? at + 2 : len;
	}
	return len;
}

/* The index behind the sequence that begins at `at`.  Source: ECMA-48. */
static size_t skip_escape(const char *text, size_t at, size_t len)
{
	if (++at >= len)
		return len;
	if (text[at] == ']')
		return skip_command(text, at + 1, len);
	char last = text[at] == '[' ? '@' : '0';
	at += text[at] == '[';
	while (at < len && text[at] >= ' ' && text[at] < last)
		at++;
	return at < len ? at + 1 : len;
}

/* As much as has room, without them. */
static size_t strip_escapes(const char *text, size_t len, char ret[PLAIN_SIZE])
{
	size_t at = 0, made = 0;
	while (at < len && made < PLAIN_SIZE) {
		if (text[at] == ESCAPE)
			at = skip_escape(text, at, len);
		else
			ret[made++] = text[at++];
	}
	return made;
}

/* ---- In front ---- */

/* <3>text, the number being facility × 8 + severity. */
static const char *by_syslog(const char *text, size_t len)
{
	unsigned number = 0;
	size_t at = 1;
	for (; at < len && at < 4 && level_is_digit(text[at]); at++)
		number = number * 10 + (unsigned)(text[at] - '0');
	bool fine = at > 1 && at < len && text[at] == '>' && number < 192;
	return fine ? level_by_severity(number % 8) : NULL;
}

/* Every 0 in the pattern is a digit, every a a letter, all else itself. */
static bool looks_like(const char *text, size_t len, const char *pattern)
{
	size_t at = 0;
	for (; at < len && pattern[at]; at++) {
		bool fits = pattern[at] == '0'   ? level_is_digit(text[at])
			    : pattern[at] == 'a' ? level_is_letter(text[at])
						 : text[at] == pattern[at];
		if (!fits)
			return false;
	}
	return pattern[at] == '\0';
}

static unsigned two_digits(const char *text)
{
	return (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
}

/* E0102 15:04:05.000000 of klog and glog, whose newer versions have the year too. */
static const char *by_klog(const char *text, size_t len)
{
	static const char without[] = "0000 00:00:00.000", with[] = "00000000 00:00:00.000";
	const char *date = text + 1;
	if (looks_like(date, len - 1, with))
		date += sizeof(with) - sizeof(without);
	else if (!looks_like(date, len - 1, without))
		return NULL;
	unsigned month = two_digits(date), day = two_digits(date + 2), hour = two_digits(date + 5);
	bool fine = month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24;
	return fine && text[0] != 'D' ? level_by_letter(text[0]) : NULL;
}

/* 1:M 23 Nov 2026 16:00:00.000 * text */
static const char *by_redis(const char *text, size_t len)
{
	const char *colon = memchr(text, ':', len < 12 ? len : 12);
	if (!colon ||
	    !looks_like(colon, len - (size_t)(colon - text), ":a 00 aaa 0000 00:00:00.000 "))
		return NULL;
	size_t sign = (size_t)(colon - text) + sizeof(":a 00 aaa 0000 00:00:00.000 ") - 1;
	switch (sign + 1 < len && text[sign + 1] == ' ' ? text[sign] : '\0') {
	case '.':
		return level_debug;
	case '-':
		return level_info;
	case '*':
		return level_notice;
	case '#':
		return level_warning;
	default:
		return NULL;
	}
}

/* ---- Fields ---- */

static bool is_key_character(char c)
{
	return level_is_letter(c) || level_is_digit(c) || c == '_' || c == '.' || c == '@' ||
	       c == '-';
}

/* The index behind a text in quotes; its end, if that is not there. */
static size_t skip_quoted(const char *text, size_t at, size_t len)
{
	for (at++; at < len && text[at] != '"'; at++)
		at += text[at] == '\\';
	return at < len ? at + 1 : len;
}

/* The letters of a field's value. */
static const char *by_field_value(const char *text, size_t at, size_t len)
{
	at += at < len && text[at] == '"';
	size_t end = at;
	while (end < len && end - at <= LEVEL_WORD &&
	       (level_is_letter(text[end]) || level_is_digit(text[end])))
		end++;
	return level_by_value(text + at, end - at);
}

/* A line of logfmt: key=value key="value" …; NULL: it has no level, or is none. */
static const char *by_logfmt(const char *text, size_t len)
{
	size_t at = 0;
	while (at < len) {
		size_t key = at;
		while (at < len && is_key_character(text[at]))
			at++;
		if (at < len && text[at] == '=' && at > key) {
			const char *level = level_is_key(text + key, at - key)
						    ? by_field_value(text, at + 1, len)
						    : NULL;
			if (level)
				return level;
			at++;
		} else if (key == 0) {
			return NULL;
		}
		while (at < len && text[at] != ' ' && text[at] != '\t')
			at = text[at] == '"' ? skip_quoted(text, at, len) : at + 1;
		at = skip_blanks(text, at, len);
	}
	return NULL;
}

/* ---- Words ---- */

struct word {
	const char *text;
	size_t start, end, len; /* of the word; of the text */
	bool capitals, lower;   /* all of its letters */
	char before, after;     /* blanks at the ends of the text */
};

static struct word make_word(const char *text, size_t start, size_t end, size_t len)
{
	struct word word = {.text = text, .start = start, .end = end, .len = len};
	unsigned any = 0, all = LOWER;
	for (size_t i = start; i < end; i++) {
		any |= (unsigned char)text[i];
		all &= (unsigned char)text[i];
	}
	word.capitals = (any & LOWER) == 0;
	word.lower = all != 0;
	word.before = word.after = ' ';
	if (start > 0)
		word.before = text[start - 1];
	if (end < len)
		word.after = text[end];
	return word;
}

static char char_at(const struct word *word, size_t at)
{
	return at < word->len ? word->text[at] : ' ';
}

/* Does a path or an address begin before a place, and go on to it? */
static bool is_in_address(const char *text, size_t at)
{
	size_t begin = at;
	bool query = false, scheme = false;
	while (begin > 0 && !is_one_of(text[begin - 1], " \t\"'([{<")) {
		begin--;
		query = query || text[begin] == '?';
		scheme = scheme || (text[begin] == ':' && begin + 2 < at &&
				    text[begin + 1] == '/' && text[begin + 2] == '/');
	}
	return query || scheme || (begin < at && text[begin] == '/');
}

/* level=error, level="error": the key begins a field. */
static bool follows_level_key(const struct word *word)
{
	const char *text = word->text;
	size_t equals = word->start - 1 - (word->before == '"');
	size_t key = equals;
	if (equals >= word->start || text[equals] != '=')
		return false;
	while (key > 0 && is_key_character(text[key - 1]))
		key--;
	return level_is_key(text + key, equals - key) &&
	       (key == 0 || is_one_of(text[key - 1], " \t,;|[({")) && !is_in_address(text, key);
}

/* [error], [error ], [ error], <Error>, (ERROR); no more of a sentence in them. */
static bool is_bracketed(const struct word *word)
{
	size_t at = skip_blanks(word->text, word->end, word->len);
	char before = word->before, after = char_at(word, at);
	if (before == ' ' && word->start > 1)
		before = word->text[word->start - 2] == '[' && after == ']' ? '[' : ' ';
	switch (before) {
	case '[':
		return is_one_of(after, "]:,|-") || level_is_digit(after);
	case '<':
		return after == '>';
	case '(':
		return after == ')';
	default:
		return false;
	}
}

/* error: at the beginning or behind a stamp; Error: behind anything. */
static bool ends_in_colon(const struct word *word)
{
	size_t at = word->start;
	if (word->after != ':' || (word->start > 0 && word->before != ' ' && word->before != '\t'))
		return false;
	while (at > 0 && (word->text[at - 1] == ' ' || word->text[at - 1] == '\t'))
		at--;
	return at == 0 || !word->lower || !level_is_letter(word->text[at - 1]) ||
	       (at >= 5 && strncasecmp(word->text + at - 5, "fatal", 5) == 0);
}

/* Part of a longer name, an address, an assignment. */
static bool is_within_name(const struct word *word)
{
	char next = char_at(word, word->end + 1);
	if (word->before == ' ' && word->after == ' ')
		return false;
	if (is_one_of(word->before, "/_?&%$@\\+#") || is_one_of(word->after, "_=$@\\"))
		return true;
	if (word->after == '-' && !word->capitals)
		return true;
	if (word->after == '.' && (level_is_letter(next) || level_is_digit(next)))
		return true;
	/* Celery: [2026-11-23 16:00:00,123: INFO/MainProcess] */
	return word->after == '/' && !(word->capitals && word->text[0] == '[' && word->start > 1 &&
				       word->text[word->start - 2] == ':');
}

/* Monolog's channel.ERROR: and Apache's [module:error] put the source before the level. */
static bool follows_channel(const struct word *word)
{
	if (word->start < 2 || !is_key_character(word->text[word->start - 2]))
		return false;
	return word->before == '.' ? word->capitals && word->after == ':'
				   : word->before == ':' && word->after == ']';
}

/* Erlang's =ERROR REPORT====, Rust's error[E0308], a column between two tabs. */
static bool stands_alone(const struct word *word)
{
	if (word->before == '=')
		return word->start == 1 && word->capitals;
	return (word->start == 0 && word->after == '[') ||
	       (word->before == '\t' && word->after == '\t');
}

/* A word as log libraries set it, not as prose does. */
static bool is_marked(const struct word *word)
{
	if (stands_alone(word))
		return true;
	if (word->before == '=' || word->before == '"')
		return follows_level_key(word);
	if (is_within_name(word) || level_is_digit(word->after) ||
	    is_in_address(word->text, word->start))
		return false;
	if (word->before == '.' || word->before == ':')
		return follows_channel(word) || (word->capitals && word->before == ':');
	return word->capitals || word->before == '|' || is_bracketed(word) || ends_in_colon(word);
}

/* PostgreSQL's LOG and MySQL's Note are what others call info; trace1 to trace8 are Apache's;
 * PHP and Go have fatal errors. */
static const char *by_own_words(const struct word *word)
{
	const char *text = word->text + word->start;
	size_t len = word->end - word->start;
	if (len == 3 && memcmp(text, "LOG", 3) == 0 && word->before == ' ' && word->after == ':' &&
	    char_at(word, word->end + 1) == ' ' && char_at(word, word->end + 2) == ' ')
		return level_info;
	if (len == 4 && memcmp(text, "Note", 4) == 0 && word->before == '[' && word->after == ']')
		return level_info;
	if (len == 5 && memcmp(text, "trace", 5) == 0 && word->before == ':' &&
	    level_is_digit(word->after) && char_at(word, word->end + 1) == ']')
		return level_trace;
	if (len == 5 && strncasecmp(text, "fatal", 5) == 0 &&
	    (word->start == 0 || word->before == ' ') && word->len - word->end > 6 &&
	    strncasecmp(text + 5, " error:", 7) == 0)
		return level_critical;
	return NULL;
}

/* The index at which to go on after a quote.  Quoted text is not the line's own, unless it is a
 * single word, as the value of a field is. */
static size_t behind_quote(const char *text, size_t at, size_t len)
{
	size_t end = skip_quoted(text, at, len), letter = at + 1;
	bool is_closed = end - at >= 2 && text[end - 1] == '"';
	bool is_value = at > 0 && text[at - 1] == '=';
	while (letter < len && level_is_letter(text[letter]))
		letter++;
	if (letter + 1 == end || (!is_closed && !is_value))
		return at + 1;
	return end;
}

static const char *by_word(const char *text, size_t start, size_t end, size_t len)
{
	const char *level = level_by_word(text + start, end - start);
	if (!level && text[start] != 'L' && text[start] != 'N')
		return NULL;
	const struct word word = make_word(text, start, end, len);
	const char *own = by_own_words(&word);
	if (own)
		return own;
	return level && is_marked(&word) ? level : NULL;
}

/* What words are made of, and what hides them. */
enum { OTHER, QUOTE, LETTER };
static const unsigned char classes[256] = {
	['"'] = QUOTE, ['A' ... 'Z'] = LETTER, ['a' ... 'z'] = LETTER};

static unsigned char class_of(char c)
{
	return classes[(unsigned char)c];
}

static const char *by_words(const char *text, size_t len)
{
	for (size_t start = 0, end; start < len; start = end) {
		while (start < len && class_of(text[start]) == OTHER)
			start++;
		if (start < len && class_of(text[start]) == QUOTE) {
			end = behind_quote(text, start, len);
			continue;
		}
		for (end = start; end < len && class_of(text[end]) == LETTER;)
			end++;
		const char *level = end - start >= 3 && end - start <= LEVEL_WORD
					    ? by_word(text, start, end, len)
					    : NULL;
		if (level)
			return level;
	}
	return NULL;
}

/* ---- All of it ---- */

/* Where an object begins that goes on to the end of the line; len: nowhere near the beginning. */
static size_t find_json(const char *text, size_t len, size_t reach)
{
	size_t end = len, first = skip_blanks(text, 1, len);
	if (text[0] == '{' && first < len && text[first] == '"')
		return 0;
	while (end > 0 && is_one_of(text[end - 1], " \t\r\n"))
		end--;
	if (end == 0 || text[end - 1] != '}')
		return len;
	for (size_t at = 0; at < reach; at++) {
		const char *brace = memchr(text + at, '{', reach - at);
		if (!brace)
			return len;
		at = (size_t)(brace - text);
		size_t next = skip_blanks(text, at + 1, len);
		if ((at == 0 || is_one_of(text[at - 1], " \t:|]>")) && next < len &&
		    text[next] == '"')
			return at;
	}
	return len;
}

/* The first byte says which of the formats it may be. */
static const char *by_front(const char *text, size_t len, size_t reach)
{
	if (text[0] == '<')
		return by_syslog(text, reach);
	if (level_is_digit(text[0]))
		return by_redis(text, reach);
	const char *level = level_is_letter(text[0]) ? by_klog(text, reach) : NULL;
	return level ? level : by_logfmt(text, len);
}

/* Without escape sequences. */
static const char *by_plain_text(const char *text, size_t len)
{
	size_t start = skip_blanks(text, 0, len);
	text += start;
	len -= start;
	if (len == 0)
		return NULL;
	size_t reach = len < LEVEL_REACH ? len : LEVEL_REACH;
	size_t json = find_json(text, len, reach);
	const char *level = json > 0 ? by_front(text, len, reach) : NULL;
	if (!level && json > 0)
		level = by_words(text, json < reach ? json : reach);
	if (!level && json < len)
		level = level_by_json(text + json, len - json);
	return !level && json > 0 && json < reach ? by_words(text, reach) : level;
}

const char *log_level(const char *text, size_t len)
{
	char plain[PLAIN_SIZE];
	if (!memchr(text, ESCAPE, len < LEVEL_REACH ? len : LEVEL_REACH))
		return by_plain_text(text, len);
	return by_plain_text(plain, strip_escapes(text, len, plain));
}
