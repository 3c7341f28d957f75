/*
 * The filters for containers: `include` and `exclude` lists of globs on name, image, label and
 * state, as configured.  Checked once in create(); matching allocates nothing.
 *
 *	include = name=web*, label=env=prod     exclude = image=*:debug, label=tally.skip
 *
 * A bare pattern is one on the name.  A container passes if no exclude matches and, of every kind
 * that include has, at least one pattern matches.
 */
#ifndef TALLYD_PLUGINS_COMMON_CONTAINER_MATCH_H
#define TALLYD_PLUGINS_COMMON_CONTAINER_MATCH_H

#include <stdbool.h>
#include <stddef.h>

struct match {
	const char *const *include, *const *exclude; /* NULL-terminated, or NULL; borrowed */
};

/* The container to be matched.  Any text may be "". */
struct match_subject {
	const char *name, *image, *state;
	/* Copies a label's value, cut to fit; false: no such label. */
	bool (*label)(const void *arg, const char *key, char *ret, size_t size);
	const void *arg;
};

/* NULL, or the first pattern of an unknown kind. */
const char *match_check(const struct match *match);
bool match_passes(const struct match *match, const struct match_subject *subject);

#define MATCH_SYNTAX                                                                               \
	"patterns KIND=GLOB (* and ?) where KIND is name, image, label or state: name=web*, "      \
	"label=env=prod, "                                                                         \
	"label=team (any value); a bare GLOB is a name's"

#endif
