/* What the files of the engine share; for nobody else. */
#ifndef TALLYD_ALERT_ENGINE_PARTS_H
#define TALLYD_ALERT_ENGINE_PARTS_H

#include "evaluate/columns.h"
#include "evaluate/engine.h"
#include "evaluate/identities.h"
#include "evaluate/subjects.h"

enum { ENGINE_TABLES = 4 }; /* revisions of one table that may pass in turn */

struct engine {
	struct engine_setup setup;
	const struct rule *rule;
	struct subjects subjects;
	struct identities identities;
	bool wants_identities, wants_running;
	bool keeps_series; /* rows of its table come when something changes, and not all the time */
	struct columns tables[ENGINE_TABLES];
	unsigned n_tables, next_table;
	bool past;           /* the rows that come are from the store */
	int64_t whole_since; /* since when no row was missed */
	int64_t last_change; /* times of changes only grow */
	int64_t expired;     /* when what is idle was last forgotten */
	struct engine_counts counts;
};

/* How long a subject stays without rows. */
int64_t engine_idle(const struct rule *rule);

/* What can be said about a subject now (engine_value.c). */
void engine_judge(const struct engine *engine, const struct subject *subject, int64_t now,
		  struct phase_look *ret);

#endif
