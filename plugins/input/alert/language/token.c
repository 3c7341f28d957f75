/*
 * One token at a time.  A word may hold dots, for TABLE.COLUMN, and what names of containers hold;
 * a number takes its unit along, as in 64Mi, 5min or 90%.  In quotes, a backslash stands before a
 * quote that is meant.
 */
#include "language/token.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-' || c == '/';
}

static bool starts_number(const char *at)
{
	if (*at == '-' || *at == '+' || *at == '.')
		at++;
	return isdigit((unsigned char)*at);
}

int tokens_fail(const struct tokens *tokens, struct error *error, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	error_vset(error, EINVAL, fmt, ap);
	va_end(ap);
	if (tokens->kind == TOKEN_END)
		error_prefix(error, "at the end: ");
	else
		error_prefix(error, "at character %u, \"%.40s\": ", tokens->column, tokens->text);
	return -EINVAL;
}

static int take(struct tokens *tokens, enum token_kind kind, size_t len, struct error *error)
{
	tokens->kind = kind;
	size_t kept = len < TOKEN_SIZE ? len : TOKEN_SIZE - 1;
	memcpy(tokens->text, tokens->at, kept);
	tokens->text[kept] = '\0';
	tokens->at += len;
	if (kept < len)
		return tokens_fail(tokens, error, "is longer than %d bytes", TOKEN_SIZE - 1);
	return 0;
}

static int take_quoted(struct tokens *tokens, struct error *error)
{
	char quote = *tokens->at++;
	size_t len = 0;
	tokens->kind = TOKEN_TEXT;
	for (; *tokens->at && *tokens->at != quote; tokens->at++) {
		if (tokens->at[0] == '\\' && tokens->at[1] == quote)
			tokens->at++;
		if (len + 1 < TOKEN_SIZE)
			tokens->text[len++] = *tokens->at;
		else
			return tokens_fail(tokens, error, "is longer than %d bytes",
					   TOKEN_SIZE - 1);
	}
	tokens->text[len] = '\0';
	if (*tokens->at != quote)
		return tokens_fail(tokens, error, "has no closing %c", quote);
	tokens->at++;
	return 0;
}

static size_t sign_length(const char *at)
{
	if (strchr("><!", *at) && at[1] == '=')
		return 2;
	return strchr("><=(),", *at) ? 1 : 0;
}

int tokens_next(struct tokens *tokens, struct error *error)
{
	tokens->at += strspn(tokens->at, " \t");
	const char *at = tokens->at;
	size_t len = 0;
	tokens->column = (unsigned)(at - tokens->start) + 1;
	tokens->text[0] = '\0';
	if (!*at)
		return take(tokens, TOKEN_END, 0, error);
	if (*at == '"' || *at == '\'')
		return take_quoted(tokens, error);
	if (starts_number(at)) {
		len = strspn(at, "+-.");
		while (is_word(at[len]) || at[len] == '%')
			len++;
		return take(tokens, TOKEN_NUMBER, len, error);
	}
	while (is_word(at[len]))
		len++;
	if (len)
		return take(tokens, TOKEN_WORD, len, error);
	len = sign_length(at);
	take(tokens, TOKEN_SIGN, len ? len : 1, error);
	return len ? 0 : tokens_fail(tokens, error, "means nothing here; texts stand in quotes");
}

int tokens_init(struct tokens *tokens, const char *text, struct error *error)
{
	*tokens = (struct tokens){.start = text, .at = text};
	if (strlen(text) > TOKENS_MAX_TEXT)
		return error_set(error, EINVAL, "is longer than %d bytes", TOKENS_MAX_TEXT);
	return tokens_next(tokens, error);
}

bool tokens_is(const struct tokens *tokens, const char *text)
{
	return (tokens->kind == TOKEN_WORD || tokens->kind == TOKEN_SIGN) &&
	       strcmp(tokens->text, text) == 0;
}
