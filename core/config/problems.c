/*
 * A growing list of lines.  Called wherever a configuration is read or checked, on the main thread.
 * A problem that there is no memory for is counted in `lost`: a configuration with problems must
 * never pass for one without.
 */
#include "config/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

void problems_init(struct problems *problems)
{
	*problems = (struct problems){0};
}

void problems_done(struct problems *problems)
{
	for (size_t i = 0; i < problems->n; i++)
		free(problems->texts[i]);
	free(problems->texts);
	problems_init(problems);
}

/* In the form of compilers, FILE:LINE: TEXT, so that editors jump to it. */
static char *problems_line(const char *file, unsigned line, const char *text)
{
	char *whole = NULL;
	int len;
	if (file && line)
		len = asprintf(&whole, "%s:%u: %s", file, line, text);
	else if (file)
		len = asprintf(&whole, "%s: %s", file, text);
	else
		len = asprintf(&whole, "%s", text);
	return len < 0 ? NULL : whole;
}

/* Never fails: a problem that cannot be kept is counted in `lost`. */
void problems_add(struct problems *problems, const char *file, unsigned line, const char *fmt, ...)
{
	auto_free char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	int len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		text = NULL;
	char *whole = text ? problems_line(file, line, text) : NULL;
	char **texts = realloc(problems->texts, (problems->n + 1) * sizeof(*texts));
	if (!texts || !whole) {
		if (texts)
			problems->texts = texts;
		problems->lost++;
		free(whole);
		return;
	}
	texts[problems->n++] = whole;
	problems->texts = texts;
}
