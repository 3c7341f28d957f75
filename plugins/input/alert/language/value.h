/*
 * The values of a rule: numbers in the unit of their column, and texts.  Any thread.
 */
#ifndef TALLYD_ALERT_VALUE_H
#define TALLYD_ALERT_VALUE_H

#include <stdbool.h>

#include "language/rule.h"
#include "language/token.h"

/* Takes an operator; texts: also contains and matches. */
int value_operator(struct tokens *tokens, bool texts, enum rule_operator *ret, struct error *error);

/* Takes a number of that unit; NULL: without one.  what: what is compared, for messages. */
int value_number(struct tokens *tokens, const char *unit, const char *what, double *ret,
		 struct error *error);

/* Takes a duration of at least 1 s and at most 7 d. */
int value_duration(struct tokens *tokens, int64_t *ret, struct error *error);

/* Takes the operator and the value that a column is compared with. */
int value_condition(struct tokens *tokens, const struct tally_column *column,
		    struct rule_condition *ret, struct error *error);

#endif
