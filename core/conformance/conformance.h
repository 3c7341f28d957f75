/*
 * Does a plugin keep to the rules of the ABI?  It is tried as the daemon uses it, and as the daemon
 * might one day: each check in a child process of its own, with a deadline, so that one that
 * crashes, hangs or ends the process is a finding like any other.  Main thread, of a process that
 * has no other.  Nothing outside of a folder for the run is written by us; what the plugin does
 * with the configuration it is given is its own affair.
 */
#ifndef TALLYD_CORE_CONFORMANCE_H
#define TALLYD_CORE_CONFORMANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct conformance_settings {
	const char *path;        /* the plugin's file */
	const char *config_path; /* its section is in there; NULL: an empty section */
	const char *kind;        /* "input", …: what it is meant to be; NULL: whatever it is */
	int64_t timeout;         /* ns, for one check */
};

struct conformance_finding {
	const char *check;
	bool warning;     /* not against a rule, but a user would not like it */
	char *text;       /* one line: what, why, what instead */
	const char *read; /* where more is said */
};

enum conformance_outcome {
	CONFORMANCE_PASSED,
	CONFORMANCE_FOUND,
	CONFORMANCE_SKIPPED,
	CONFORMANCE_INAPPLICABLE
};

struct conformance_check {
	const char *name, *help;
	enum conformance_outcome outcome;
	char *skipped; /* why; NULL */
};

struct conformance_result {
	struct conformance_finding *findings;
	size_t n_findings;
	struct conformance_check *checks;
	size_t n_checks;
};

/* -ECANCELED: a signal came; -errno: it could not be done, error says why.  Else see the result. */
int conformance_run(const struct conformance_settings *settings, struct conformance_result *ret,
		    struct error *error);
void conformance_done(struct conformance_result *result);
size_t conformance_errors(const struct conformance_result *result); /* without warnings */

#endif
