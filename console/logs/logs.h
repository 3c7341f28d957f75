/* What the files of `tallyd logs` share: what was asked for, and whose lines they are. */
#ifndef TALLYD_CONSOLE_LOGS_H
#define TALLYD_CONSOLE_LOGS_H

#include <stdbool.h>

#include "base/error.h"
#include "api/client.h"

struct logs_options {
	struct target_options target;
	const char *const *names;
	int n_names;
	const char *project, *since, *host;
	const char *levels[16], *searches[16];
	int n_levels, n_searches;
	long tail; /* -1: not said */
	bool follow, json, plain, colours;
};

/* Whose lines: parameters of the API that say so. */
struct logs_source {
	struct strbuf parameters;
	bool several; /* names are shown */
	bool grows;   /* by project: containers that start later belong to it */
};

/* Finds containers and projects by what was given.  -ENOENT: there is no such thing; else the API
 * failed. */
int logs_source_find(struct client *client, const struct logs_options *options,
		     struct logs_source *ret, struct error *error);
void logs_source_done(struct logs_source *source);

/* ---- Lines out ------------------------------------------------------------------ */

struct logs_printer;

struct logs_printer *logs_printer_create(const struct logs_options *options, bool several);
/* row: one of the API's, and is changed. */
void logs_print(struct logs_printer *printer, char *row, size_t len);
/* False: nobody reads any more (then quiet), or it cannot be written, which was said. */
bool logs_flush(struct logs_printer *printer);
bool logs_closed(const struct logs_printer *printer); /* nobody reads */
void logs_printer_destroy(struct logs_printer *printer);

/* ---- The two ways ------------------------------------------------------------------ */

/* Both return the exit code. */
int logs_show(struct client *client, const struct logs_options *options,
	      const struct logs_source *source, struct logs_printer *printer);
int logs_follow(struct client *client, const struct logs_options *options,
		struct logs_source *source, struct logs_printer *printer);

/* Appends what narrows down lines: host, level, search. */
void logs_filters(struct strbuf *path, const struct logs_options *options);

#endif
