/*
 * Called by config_parse.c for each value, before anything knows the option's type: so a variable
 * may hold any part of a value, and a secret may come from the environment.  What a variable holds
 * is not expanded again, and must not contain a line break, or it could bring keys of its own.
 * The syntax is that of the shell (POSIX.1-2017, XCU 2.6.2), a part of it.
 */
#include "config/expand.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

enum { EXPAND_NAME_MAX = 128 };

struct expand {
	FILE *out;
	size_t written;
	struct error *error;
};

/* Bounded, since a short text may name a long variable many times. */
static int expand_put(struct expand *expand, const char *text, size_t len)
{
	expand->written += len;
	if (expand->written > EXPAND_MAX)
		return error_set(expand->error, E2BIG, "is longer than %d bytes", EXPAND_MAX);
	return fwrite(text, 1, len, expand->out) == len ? 0 : -ENOMEM;
}

/* rest: what stands between the name and the brace. */
static int expand_variable(struct expand *expand, const char *name, const char *rest, size_t len)
{
	const char *value = getenv(name);
	bool colon = len >= 2 && rest[0] == ':';
	char what = '\0';
	if (len)
		what = colon ? rest[1] : '!';
	if (value && (*value || !what)) {
		/* The variable's text may come from anywhere: it must not break a line of `config
		 * dump`. */
		if (strpbrk(value, "\r\n"))
			return error_set(expand->error, EINVAL, "${%s} contains a line break",
					 name);
		if (!utf8_valid(value, strlen(value)))
			return error_set(expand->error, EINVAL, "${%s} is not UTF-8", name);
		return expand_put(expand, value, strlen(value));
	}
	if (what == '-')
		return expand_put(expand, rest + 2, len - 2);
	if (what == '?' && len > 2)
		return error_set(expand->error, EINVAL, "${%s}: %.*s", name, (int)len - 2,
				 rest + 2);
	return error_set(expand->error, EINVAL,
			 "${%s} is not set in the environment (${%s:-…} gives a default)", name,
			 name);
}

/* text stands behind "${". */
static int expand_braces(struct expand *expand, const char *text, const char **ret_rest)
{
	const char *end = strchr(text, '}');
	if (!end)
		return error_set(expand->error, EINVAL, "${ without } (write $$ for a plain $)");
	size_t n = 0; /* of the name */
	while (isalpha((unsigned char)text[n]) || text[n] == '_' ||
	       (n && isdigit((unsigned char)text[n])))
		n++;
	const char *rest = text + n;
	size_t len = (size_t)(end - rest);
	bool operator= len >= 2 && rest[0] == ':' &&(rest[1] == '-' || rest[1] == '?');
	if (n == 0 || n > EXPAND_NAME_MAX || (len && !operator))
		return error_set(
			expand->error, EINVAL,
			"${%.*s} is not one of ${NAME}, ${NAME:-default}, ${NAME:?message}",
			(int)(end - text), text);
	char name[EXPAND_NAME_MAX + 1] = "";
	memcpy(name, text, n);
	*ret_rest = end + 1;
	return expand_variable(expand, name, rest, len);
}

/* Text between variables is copied as it is; what a variable gives is not expanded again, so a
 * value from the environment cannot pull in another.  Nothing is returned when a part fails: half a
 * value would be worse than none. */
int expand_text(const char *text, char **ret, struct error *error)
{
	auto_free char *whole = NULL;
	size_t size = 0;
	struct expand expand = {.out = open_memstream(&whole, &size), .error = error};
	if (!expand.out)
		return error_set(error, ENOMEM, "out of memory");
	int r = 0;
	while (*text && r == 0) {
		if (text[0] == '$' && text[1] == '{') {
			r = expand_braces(&expand, text + 2, &text);
		} else if (text[0] == '$' && text[1] == '$') {
			r = expand_put(&expand, "$", 1);
			text += 2;
		} else {
			/* Skips one byte unseen: a dollar before anything else stays. */
			size_t n = 1 + strcspn(text + 1, "$");
			r = expand_put(&expand, text, n);
			text += n;
		}
	}
	if (fclose(expand.out) < 0 || r == -ENOMEM)
		return error_set(error, ENOMEM, "out of memory");
	if (r == 0)
		*ret = TAKE(whole);
	return r;
}
