/*
 * The target of a request, taken apart: path segments and query parameters, percent-decoded
 * strictly.  A '+' in a query is a space, as in forms.  All strings point into one copy.
 */
#ifndef TALLYD_HTTP_PARAMS_H
#define TALLYD_HTTP_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TARGET_MAX_SEGMENTS = 8, PARAMS_MAX = 64 };

enum request_method { METHOD_GET, METHOD_POST, METHOD_DELETE }; /* HEAD is a GET here */

struct param {
	const char *name, *value;
};

struct target {
	char *memory;
	const char *segments[TARGET_MAX_SEGMENTS]; /* "/api/v1/" gives "api", "v1", "" */
	uint32_t n_segments, n_params;
	struct param params[PARAMS_MAX];
};

/* Of a target as it came, in place: brings the parts of the query into one order, so that whoever
 * asks the same gets the same answer, and shares it, in whatever order he writes it; empty ones go.
 */
void target_sort(char *raw);

/* raw: "/path?query".  -EINVAL: no such thing, a bad escape, a NUL; -E2BIG: too many parts;
 * -ENOMEM.  On success owes target_done(). */
int target_parse(const char *raw, struct target *ret);
void target_done(struct target *target);

/* Whether all of it is UTF-8; else *ret_param is the name of the parameter that is not, NULL: the
 * path. */
bool target_is_utf8(const struct target *target, const char **ret_param);

/* The first value; NULL: not given. */
const char *target_param(const struct target *target, const char *name);

#endif
