/*
 * What an alert about one subject goes through:
 *
 *	quiet --true--> pending --true for long enough--> firing --clear for long enough--> quiet
 *
 * A step is one look at whether the rule's condition is true.  No clock of its own, no memory.
 */
#ifndef TALLYD_ALERT_PHASE_H
#define TALLYD_ALERT_PHASE_H

#include <stdbool.h>
#include <stdint.h>

#include "language/rule.h"

enum phase_name { PHASE_QUIET, PHASE_PENDING, PHASE_FIRING };
enum phase_truth { PHASE_FALSE, PHASE_TRUE, PHASE_UNKNOWN };

struct phase {
	enum phase_name name;
	int64_t since;       /* when the condition became true; quiet: 0 */
	int64_t clear_since; /* when it was found to be over; 0: it is not */
	bool told;           /* of a firing one: not muted when it was last reported */
};

struct phase_look {
	enum phase_truth truth;
	bool has_value;
	double value;  /* what was compared */
	int64_t since; /* when the condition became true, if that is known; 0: now */
	int64_t now;
};

/* True: its name changed. */
bool phase_step(struct phase *phase, const struct rule *rule, const struct phase_look *look);

const char *phase_text(enum phase_name name); /* quiet is "resolved" */

#endif
