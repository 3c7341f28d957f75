/*
 * Why something failed, in words for the operator.  Whoever can explain fills one in and
 * returns -errno in the same statement; whoever is at the top of a thread logs it once.
 */
#ifndef TALLYD_CORE_UTIL_ERROR_H
#define TALLYD_CORE_UTIL_ERROR_H

#include <stdarg.h>

enum { ERROR_TEXT_SIZE = 512 };

struct error {
	int code; /* errno, positive */
	char text[ERROR_TEXT_SIZE];
};

/* Returns -code.  error may be NULL; a text that is too long ends in "…". */
__attribute__((format(printf, 3, 4))) int error_set(struct error *error, int code, const char *fmt,
						    ...);
int error_vset(struct error *error, int code, const char *fmt, va_list ap);

/* Puts something before the text: error_prefix(error, "%s:%u: ", file, line). */
__attribute__((format(printf, 2, 3))) void error_prefix(struct error *error, const char *fmt, ...);

#endif
