/*
 * See pattern_text.h.  A word is what stands between blanks.  Within it, each run of letters and
 * digits that has a digit is blanked, and so is the sign before it; blanks that only marks of
 * numbers join (. : - / + % ,) become one: an address, a time, a version.
 */
#include "patterns/pattern_text.h"

#include <stdbool.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "logs/log_level_word.h"

enum { HEAD_WORDS = 8, PATTERN_LINE = 4096 };

/* Of a byte.  Those beyond ASCII are of letters. */
enum { OTHER, LETTER, HEX, DIGIT, SPACE, ESCAPE };

static const unsigned char classes[256] = {
	[' '] = SPACE,       ['\t'] = SPACE,         ['\n'] = SPACE,         ['\r'] = SPACE,
	['\033'] = ESCAPE,   ['0' ... '9'] = DIGIT,  ['a' ... 'f'] = HEX,    ['g' ... 'z'] = LETTER,
	['A' ... 'F'] = HEX, ['G' ... 'Z'] = LETTER, [128 ... 255] = LETTER,
};

static unsigned class_of(char c)
{
	return classes[(unsigned char)c];
}

static bool is_letter(char c)
{
	return class_of(c) == LETTER || class_of(c) == HEX;
}

/* A letter or a digit. */
static bool is_of_word(char c)
{
	return class_of(c) >= LETTER && class_of(c) <= DIGIT;
}

/* The index behind an escape sequence that begins at `at`. */
static size_t skip_escape(const char *line, size_t len, size_t at)
{
	if (at + 1 >= len || line[at + 1] != '[')
		return at + 1;
	for (at += 2; at < len && !(line[at] >= '@' && line[at] <= '~');)
		at++;
	return at < len ? at + 1 : len;
}

/* ---- One word ------------------------------------------------------------ */

struct word {
	char text[3 * PATTERN_WORD]; /* a digit becomes a blank */
	size_t len;
};

static const size_t blank_len = sizeof(PATTERN_BLANK) - 1;

static bool ends_with_blank(const struct word *word, size_t len)
{
	return len >= blank_len &&
	       memcmp(&word->text[len - blank_len], PATTERN_BLANK, blank_len) == 0;
}

static void put(struct word *word, const char *text, size_t len)
{
	if (len > sizeof(word->text) - word->len)
		len = sizeof(word->text) - word->len;
	memcpy(word->text + word->len, text, len);
	word->len += len;
}

/* Behind a blank, and a mark that numbers have within them: the same blank goes on. */
static void put_blank(struct word *word)
{
	size_t len = word->len;
	while (len > 0 && strchr(".:-/+,_", word->text[len - 1]))
		len--;
	if (ends_with_blank(word, len)) {
		word->len = len;
		return;
	}
	if (word->len == 1 && (word->text[0] == '-' || word->text[0] == '+'))
		word->len = 0;
	put(word, PATTERN_BLANK, blank_len);
}

/* Of hexadecimal digits, and long: an identifier, with or without a digit. */
static bool is_identifier(const char *text, size_t len)
{
	bool digit = false, hex = true;
	for (size_t i = 0; i < len; i++) {
		unsigned class = class_of(text[i]);
		digit |= class == DIGIT;
		hex &= class == DIGIT || class == HEX;
	}
	return digit || (hex && len >= 8);
}

/* Of a UUID the groups of four may lack a digit. */
static bool is_group(const char *text, size_t len, size_t at, size_t end)
{
	if (end - at != 4 || at == 0 || text[at - 1] != '-' || end == len || text[end] != '-')
		return false;
	for (; at < end; at++)
		if (!strchr("abcdefABCDEF", text[at]))
			return false;
	return true;
}

/* Jan, Mon, as dates have them. */
static bool is_date_word(const char *text, size_t len)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDecMonTueWedThuFriSatSun";
	for (size_t i = 0; len == 3 && i + 3 < sizeof(names); i += 3)
		if (memcmp(text, names + i, 3) == 0)
			return true;
	return false;
}

static void mask(const char *text, size_t len, struct word *ret)
{
	ret->len = 0;
	for (size_t at = 0; at < len;) {
		size_t end = at;
		if (text[at] == '/' && (at == 0 || strchr("\"'([<=:", text[at - 1])) &&
		    len - at > 1) {
			put_blank(ret);
			while (at < len && !strchr("\"')]>,;", text[at]) &&
			       !(text[at] == ':' && at + 1 == len))
				at++;
			continue;
		}
		while (end < len && is_of_word(text[end]))
			end++;
		if (end == at)
			put(ret, text + at++, 1);
		else if (is_identifier(text + at, end - at) || is_group(text, len, at, end) ||
			 is_date_word(text + at, end - at))
			put_blank(ret);
		else
			put(ret, text + at, end - at);
		at = end > at ? end : at;
	}
}

/* ---- Words --------------------------------------------------------------- */

/* See pattern_text.h. */
static uint64_t key_of(const char *word, size_t len)
{
	const char *mark = memchr(word, '=', len);
	if (!mark || mark == word)
		return 0;
	size_t key = (size_t)(mark - word), rest = len - key - 1;
	bool blank = rest == blank_len && memcmp(mark + 1, PATTERN_BLANK, blank_len) == 0;
	return (hash_bytes(1, word, key) & ~UINT64_C(1)) | blank;
}

bool pattern_words_add(struct pattern_words *words, const char *word, size_t len)
{
	uint32_t at = words->at[words->n];
	if (words->n == PATTERN_WORDS || len + 1 > sizeof(words->text) - at)
		return false;
	memcpy(words->text + at, word, len);
	words->text[at + len] = ' ';
	words->key[words->n] = key_of(word, len);
	words->hash[words->n++] = hash_bytes(0, word, len);
	words->at[words->n] = at + (uint32_t)len + 1;
	return true;
}

void pattern_words_split(const char *text, size_t len, struct pattern_words *ret)
{
	ret->n = ret->at[0] = 0;
	for (size_t at = 0; at < len;) {
		const char *space = memchr(text + at, ' ', len - at);
		size_t end = space ? (size_t)(space - text) : len;
		if (!pattern_words_add(ret, text + at, end - at))
			return;
		at = end + 1;
	}
}

/* ---- Lines --------------------------------------------------------------- */

/* The text of the member that JSON log libraries put the message into, as it stands there. */
static bool json_message(const char **line, size_t *len)
{
	static const char *const keys[] = {"\"message\"", "\"msg\"", "\"event\"", "\"log\"",
					   "\"error\""};
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const char *at = memmem(*line, *len, keys[i], strlen(keys[i]));
		const char *end = *line + *len;
		if (!at)
			continue;
		for (at += strlen(keys[i]); at < end && (*at == ' ' || *at == ':');)
			at++;
		if (at == end || *at != '"')
			continue;
		const char *begin = ++at;
		while (at < end && *at != '"')
			at += *at == '\\' && at + 1 < end ? 2 : 1;
		*line = begin;
		*len = (size_t)(at - begin);
		return true;
	}
	return false;
}

/* A time, a number or a level, as lines begin: [<*>] INFO: */
static bool is_head(const struct word *word)
{
	size_t at = 0, end = word->len;
	while (at < end && !is_letter(word->text[at]) && word->text[at] != '<')
		at++;
	while (end > at && !is_letter(word->text[end - 1]) && word->text[end - 1] != '>')
		end--;
	if (at == end)
		return true;
	if (level_by_word(word->text + at, end - at))
		return true;
	for (; at < end; at++)
		if (is_letter(word->text[at]) && end - at > 1)
			return false;
	return true;
}

/* A word of a line, and the index behind it.  plain: room for one that has escape sequences in it.
 */
static size_t next_word(const char *line, size_t len, size_t at, char plain[PATTERN_WORD],
			const char **ret, size_t *ret_len)
{
	size_t n = 0;
	while (at < len && class_of(line[at]) == SPACE)
		at++;
	*ret = line + at;
	while (at < len && class_of(line[at]) < SPACE)
		at++;
	*ret_len = (size_t)(line + at - *ret);
	if (at == len || line[at] != '\033')
		return at;
	n = *ret_len < PATTERN_WORD ? *ret_len : PATTERN_WORD;
	memcpy(plain, *ret, n);
	while (at < len && class_of(line[at]) != SPACE) {
		if (line[at] == '\033')
			at = skip_escape(line, len, at);
		else if (n < PATTERN_WORD)
			plain[n++] = line[at++];
		else
			at++;
	}
	*ret = plain;
	*ret_len = n;
	return at;
}

void pattern_words_read(const char *line, size_t len, struct pattern_words *ret)
{
	char plain[PATTERN_WORD];
	struct word word;
	const char *text;
	uint32_t n_head = 0;
	size_t n;
	ret->n = ret->at[0] = 0;
	len = utf8_bound(line, len, PATTERN_LINE);
	if (len && line[0] == '{')
		json_message(&line, &len);
	for (size_t at = 0; at < len;) {
		at = next_word(line, len, at, plain, &text, &n);
		if (n == 0)
			continue;
		mask(text, n < PATTERN_WORD ? n : PATTERN_WORD, &word);
		if (ret->n == 0 && ++n_head <= HEAD_WORDS && is_head(&word))
			continue;
		if (!pattern_words_add(ret, word.text, word.len))
			return;
	}
	if (ret->n == 0 && n_head)
		pattern_words_add(ret, word.text, word.len);
}
