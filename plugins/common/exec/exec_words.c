/*
 * Pointers first and the words behind them, in one allocation: there are at most half as many words
 * as bytes.  Called by create() of the exec plugins and when a program is started.
 */
#include "exec/exec_words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool words_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Between quotes, without them.  NULL: no end. */
static const char *words_quoted(const char *at, char **out)
{
	char quote = *at++;
	while (*at && *at != quote) {
		if (quote == '"' && at[0] == '\\' && (at[1] == '"' || at[1] == '\\'))
			at++;
		*(*out)++ = *at++;
	}
	return *at ? at + 1 : NULL;
}

/* NULL: a quote does not end. */
static const char *words_one(const char *at, char **out)
{
	while (at && *at && !words_is_blank(*at)) {
		if (*at == '\'' || *at == '"') {
			at = words_quoted(at, out);
			continue;
		}
		if (at[0] == '\\' && at[1])
			at++;
		*(*out)++ = *at++;
	}
	*(*out)++ = '\0';
	return at;
}

int exec_words_split(const char *text, char ***ret)
{
	size_t len = strlen(text), n = 0;
	char **words = malloc((len / 2 + 2) * sizeof(*words) + len + 2);
	if (!words)
		return -ENOMEM;
	char *out = (char *)(words + len / 2 + 2);
	const char *at = text + strspn(text, " \t\n");
	while (at && *at) {
		words[n++] = out;
		at = words_one(at, &out);
		at = at ? at + strspn(at, " \t\n") : NULL;
	}
	words[n] = NULL;
	if (at && n) {
		*ret = words;
		return 0;
	}
	free(words);
	return -EINVAL;
}
