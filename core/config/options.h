/*
 * Turns a section's text into a typed struct by a table of declared options, and keeps what
 * each option's effective value is and where it came from, for `config dump|explain`.
 */
#ifndef TALLYD_CORE_OPTIONS_H
#define TALLYD_CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <tallyd/plugin.h>

#include "config/config.h"
#include "base/error.h"
#include "config/problems.h"

/* Several tables may share a section: those common to its kind, and the plugin's own. */
struct options_target {
	const struct tally_option *options; /* NULL: none */
	void *base;                         /* the struct that their offsets are in */
};

/* Finds what a STORE or CACHE option names, or one name of CACHES.  Returns 0 and a handle (which
 * may be NULL, when only checking), or -errno with why in error. */
typedef int options_bind_fn(void *arg, const struct tally_option *option, const char *name,
			    void **ret, struct error *error);

struct options_value {
	const struct tally_option *option;
	const char *text; /* effective, as it would be written; NULL: unset; secrets unmasked */
	const char *secret_file; /* the text was read from this file, by the key `<name>_file` */
	const char *file;        /* where it is set; NULL: the default */
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

/* NULL if no option has that name. */
const struct options_value *options_find(const struct options *options, const char *name);

/* What a secret is now: its file is read again if it is from one.  ret: a copy to be freed, NULL:
 * unset. Else -errno, and error says why the file cannot be read. */
int options_secret(const struct options *options, const char *name, char **ret,
		   struct error *error);

/* The same effective values?  (Not the same places.) */
bool options_equal(const struct options *a, const struct options *b);

/* "********" for a secret that is set; NULL: unset. */
const char *options_shown(const struct options_value *value);

/* The text for an option that is unset or empty and whose default is only known at run time.
 * Returns the value in effect, which lives as long as the options; NULL: no memory. */
const char *options_default(struct options *options, const char *name, const char *text);

/* Is this declaration sound: its name, type, range, place in a struct of that size, and does its
 * own fallback fit? */
int options_check(const struct tally_option *option, size_t config_size, struct error *error);

#endif
