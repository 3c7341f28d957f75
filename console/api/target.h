/*
 * Which API a command asks, and with what: from the command line, the environment, or else the
 * configuration of the daemon on this machine.  Read once, by the main thread.
 */
#ifndef TALLYD_CONSOLE_TARGET_H
#define TALLYD_CONSOLE_TARGET_H

#include <stdbool.h>

#include "base/error.h"

struct target_options {
	const char *config_path; /* of the daemon */
	const char *url;         /* --url; NULL: TALLYD_URL, then the configuration */
	const char *token_file;  /* --token-file; NULL: TALLYD_TOKEN_FILE */
	const char *ca_file;     /* --cacert; NULL: TALLYD_CACERT */
};

struct target {
	char *url;   /* without a slash at its end */
	char *token; /* NULL: none */
	char *ca_file;
	bool own; /* from the configuration: certificates are compared, names are not, no proxy */
};

/* -EINVAL: there is no address, or it is none; other errors: a file cannot be read. */
int target_find(const struct target_options *options, struct target *ret, struct error *error);
void target_done(struct target *target);

#endif
