/*
 * regex= of logs, and `matches` of a rule.  PCRE2 goes back and tries again, so an expression such
 * as (a+)+$ can take longer than the universe has: each match has limits on steps, depth and
 * memory, and whoever meets one is told so instead of "no match".  Its compiler makes machine code
 * where the system allows that (a service with MemoryDenyWriteExecute= does not); else it
 * interprets.
 *
 * pattern_literal() looks for plain text that every match must hold: the longest run outside of
 * groups and alternatives.  It errs towards none: a wrong one would lose rows.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "pattern.h"

#include <errno.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PATTERN_STEPS = 500000, /* some 2 ms, or interpreted 90 */
	PATTERN_DEPTH = 20000,
	PATTERN_HEAP = 4 << 10, /* KiB */
	PATTERN_LEAST = 3       /* shorter text leaves hardly a row out */
};

struct pattern {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
	char literal[PATTERN_MAX_LENGTH + 1];
};

/* ---- A text that each match holds ------------------------------------------ */

/* Bytes that stand for themselves. */
static bool pattern_is_plain(char c)
{
	return c && !strchr("\\^$.[]|()?*+{}", c);
}

/* After `[`: where the class ends; a ] that comes first is one of its characters. */
static const char *pattern_class_end(const char *at)
{
	if (*at == '^')
		at++;
	if (*at == ']')
		at++;
	while (*at && *at != ']') {
		if (at[0] == '[' && (at[1] == ':' || at[1] == '.' || at[1] == '='))
			return NULL; /* a named class: not worth reading */
		at += at[0] == '\\' && at[1] ? 2 : 1;
	}
	return *at ? at : NULL;
}

/* Whether it has something that changes what plain characters mean, or what is required. */
static bool pattern_is_odd(const char *text)
{
	if (strstr(text, "(*") || strstr(text, "\\Q") || strstr(text, "\\E"))
		return true;
	for (const char *at = strstr(text, "(?"); at; at = strstr(at + 1, "(?"))
		if (!strchr(":=!<>P", at[2]) || !at[2])
			return true;
	return false;
}

struct pattern_run {
	const char *from;
	size_t len, best_len;
	const char *best;
	int depth;
};

static void pattern_run_end(struct pattern_run *run)
{
	if (run->len > run->best_len) {
		run->best = run->from;
		run->best_len = run->len;
	}
	run->len = 0;
}

/* A character that may be missing, or come again, is no part of the run.  Bytes of UTF-8 make one
 * character together, so all of them go. */
static void pattern_run_drop(struct pattern_run *run)
{
	while (run->len && ((unsigned char)run->from[run->len - 1] & 0xc0) == 0x80)
		run->len--;
	if (run->len)
		run->len--;
	pattern_run_end(run);
}

static bool pattern_is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* After `\`: a character of its own, or \d, \x41, \p{L}, with the word that may belong to it. NULL:
 * one that takes more behind it, \k<name> or \c[. */
static const char *pattern_escape_end(const char *at)
{
	if (strchr("cgk", *at))
		return NULL;
	if (!pattern_is_word(*at)) {
		while ((*++at & 0xc0) == 0x80)
			;
		return at;
	}
	while (pattern_is_word(*at))
		at++;
	return at;
}

/* `{2,3}`, or what is in the braces of an escape; any other brace is a character. */
static const char *pattern_braces_end(const char *at)
{
	size_t len =
		strspn(at + 1, "0123456789,ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			       "^+_&=");
	return at[1 + len] == '}' ? at + len + 2 : at + 1;
}

/* One element of the expression; NULL: give up. */
static const char *pattern_element(struct pattern_run *run, const char *at)
{
	if (pattern_is_plain(*at)) {
		if (run->depth)
			return at + 1;
		if (!run->len)
			run->from = at;
		run->len++;
		return at + 1;
	}
	if (strchr("?*{", *at)) {
		pattern_run_drop(run);
		return *at == '{' ? pattern_braces_end(at) : at + 1;
	}
	pattern_run_end(run);
	switch (*at) {
	case '|':
		return run->depth ? at + 1 : NULL;
	case '(':
		run->depth++;
		return at + 1;
	case ')':
		run->depth--;
		return at + 1;
	case '[':
		at = pattern_class_end(at + 1);
		return at ? at + 1 : NULL;
	case '\\':
		return pattern_escape_end(at + 1);
	default:
		return at + 1;
	}
}

static void pattern_find_literal(struct pattern *pattern, const char *text)
{
	struct pattern_run run = {.best = ""};
	if (pattern_is_odd(text))
		return;
	for (const char *at = text; *at;) {
		at = pattern_element(&run, at);
		if (!at)
			return;
	}
	pattern_run_end(&run);
	if (run.best_len >= PATTERN_LEAST)
		memcpy(pattern->literal, run.best, run.best_len);
}

/* ---- Compiling and matching ------------------------------------------------ */

int pattern_create(const char *text, struct pattern **ret, char why[PATTERN_WHY_SIZE])
{
	size_t len = strlen(text), at = 0;
	int error = 0;
	if (len > PATTERN_MAX_LENGTH) {
		snprintf(why, PATTERN_WHY_SIZE, "is longer than %d bytes", PATTERN_MAX_LENGTH);
		return -EINVAL;
	}
	struct pattern *pattern = calloc(1, sizeof(*pattern));
	if (!pattern)
		return -ENOMEM;
	pattern->code = pcre2_compile((PCRE2_SPTR)text, len,
				      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
				      &error, &at, NULL);
	if (!pattern->code) {
		unsigned char message[120] = "";
		pcre2_get_error_message(error, message, sizeof(message));
		snprintf(why, PATTERN_WHY_SIZE, "is not a regular expression: %s, at byte %zu",
			 (const char *)message, at + 1);
		pattern_destroy(pattern);
		return -EINVAL;
	}
	/* Without machine code it is slower, and says the same. */
	(void)pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
	pattern->data = pcre2_match_data_create(1, NULL);
	pattern->limits = pcre2_match_context_create(NULL);
	if (!pattern->data || !pattern->limits) {
		pattern_destroy(pattern);
		return -ENOMEM;
	}
	pcre2_set_match_limit(pattern->limits, PATTERN_STEPS);
	pcre2_set_depth_limit(pattern->limits, PATTERN_DEPTH);
	pcre2_set_heap_limit(pattern->limits, PATTERN_HEAP);
	pattern_find_literal(pattern, text);
	*ret = pattern;
	return 0;
}

void pattern_destroy(struct pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_match_context_free(pattern->limits);
	pcre2_match_data_free(pattern->data);
	pcre2_code_free(pattern->code);
	free(pattern);
}

int pattern_match(const struct pattern *pattern, const char *text, size_t len)
{
	int r = pcre2_match(pattern->code, (PCRE2_SPTR)text, len, 0, 0, pattern->data,
			    pattern->limits);
	if (r == PCRE2_ERROR_JIT_STACKLIMIT)
		r = pcre2_match(pattern->code, (PCRE2_SPTR)text, len, 0, PCRE2_NO_JIT,
				pattern->data, pattern->limits);
	if (r == PCRE2_ERROR_NOMATCH)
		return 0;
	return r >= 0 ? 1 : -E2BIG;
}

const char *pattern_literal(const struct pattern *pattern)
{
	return pattern->literal;
}
