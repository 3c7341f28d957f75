/*
 * Turns a section's text into a typed struct by a table of declared options, and keeps what
 * each option's effective value is and where it came from, for `config dump|explain`.
 */
#ifndef TALLYD_CORE_OPTIONS_H
#define TALLYD_CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <tallyd/plugin.h>

#include "config.h"
#include "util/problems.h"

/* Several tables may share a section: those common to its kind, and the plugin's own. */
struct options_target {
	const struct tally_option *options; /* NULL: none */
	void *base;                         /* the struct that their offsets are in */
};

/* Finds what a STORE or CACHE option names; NULL: there is none (and *ret_hint may say what
 * there is, for a "did you mean"). */
typedef void *options_bind_fn(void *arg, enum tally_option_type type, const char *name,
			      const char **ret_hint);

struct options_value {
	const struct tally_option *option;
	const char *text; /* effective, as it would be written; NULL: unset; secrets unmasked */
	const char *file; /* NULL: the default */
	unsigned line;
};

struct options {
	struct options_value *values;
	size_t n;
	void *memory; /* owns the texts, and the strings and lists in the targets */
};

/*
 * Fills the targets.  Every problem is added with its file and line: unknown key (with a "did
 * you mean"), wrong type, out of range, missing and required, no such instance, unreadable
 * secret file.  section may be NULL: all defaults.  bind NULL: references are only parsed and
 * stay NULL.  Returns -EINVAL on any problem; then *ret is untouched and the targets are
 * undefined.
 */
int options_parse(const struct config_section *section, const struct options_target *targets,
		  size_t n_targets, options_bind_fn *bind, void *bind_arg, struct options **ret,
		  struct problems *problems);
void options_destroy(struct options *options);

/* The same effective values?  (Not the same places.) */
bool options_equal(const struct options *a, const struct options *b);

/* "********" for a secret that is set. */
const char *options_shown(const struct options_value *value);

#endif
