/*
 * A text of fixed size in the caller's frame: explaining a failure needs no memory, so "no memory"
 * can be explained, too.  What does not fit is cut, and marked as cut.  Any thread, each with its
 * own.
 */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

static void error_mark_cut(char *text)
{
	static const char mark[] = "…";
	memcpy(text + ERROR_TEXT_SIZE - sizeof(mark), mark, sizeof(mark));
}

int error_vset(struct error *error, int code, const char *fmt, va_list ap)
{
	if (!error)
		return -code;
	error->code = code;
	int len = vsnprintf(error->text, sizeof(error->text), fmt, ap);
	if (len >= (int)sizeof(error->text))
		error_mark_cut(error->text);
	return -code;
}

void error_prefix(struct error *error, const char *fmt, ...)
{
	if (!error)
		return;
	char whole[2 * ERROR_TEXT_SIZE];
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(whole, ERROR_TEXT_SIZE, fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	if (len > ERROR_TEXT_SIZE - 1)
		len = ERROR_TEXT_SIZE - 1;
	memcpy(whole + len, error->text, strlen(error->text) + 1);
	error_set(error, error->code, "%s", whole);
}
