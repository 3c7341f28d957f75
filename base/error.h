/*
 * Why something failed, in words for the operator.  Whoever can explain fills one in and
 * returns -errno in the same statement; whoever is at the top of a thread logs it once.
 */
#ifndef TALLYD_BASE_ERROR_H
#define TALLYD_BASE_ERROR_H

#include <stdarg.h>

enum { ERROR_TEXT_SIZE = 512 };

struct error {
	int code; /* errno, positive */
	char text[ERROR_TEXT_SIZE];
};

/* Returns -code.  error may be NULL; a text that is too long ends in "…". */
int error_vset(struct error *error, int code, const char *fmt, va_list ap);

/* Here and not in error.c, so that whoever analyzes a caller knows what it returns. */
__attribute__((format(printf, 3, 4))) static inline int error_set(struct error *error, int code,
								  const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	error_vset(error, code, fmt, ap);
	va_end(ap);
	return -code;
}

/* Puts something before the text: error_prefix(error, "%s:%u: ", file, line). */
__attribute__((format(printf, 2, 3))) void error_prefix(struct error *error, const char *fmt, ...);

#endif
