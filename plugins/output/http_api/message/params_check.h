/*
 * Whether the parameters of a request are among those that its endpoint has, and their values among
 * those that make sense.  All return 0, or -EINVAL with a problem written that names the parameter
 * and guesses what was meant.
 */
#ifndef TALLYD_HTTP_PARAMS_CHECK_H
#define TALLYD_HTTP_PARAMS_CHECK_H

#include "message/context.h"

/* Names: `allowed` is "from to label+", where + may be repeated, and `more` has n further names
 * that may be repeated, too. */
int params_check(struct context *context, const char *allowed, const char *const *more, size_t n);

/* One of "a|b|c", by its place among them; *ret stays as it is if the parameter is not there. */
int param_read_choice(struct context *context, const char *param, const char *choices, int *ret);
/* yes or no. */
int param_read_flag(struct context *context, const char *param, bool *ret);
/* The same of a value that is at hand; choices NULL: anything goes. */
int param_check_choice(struct context *context, const char *param, const char *choices,
		       const char *value);

#endif
