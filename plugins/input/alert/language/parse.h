/*
 * Reads a rule:
 *
 *	avg|min|max|sum|rate(COLUMN [over DURATION] [where CONDITIONS]) OPERATOR VALUE
 *	count(TABLE [over DURATION] [where CONDITIONS]) OPERATOR VALUE
 *	CONDITIONS [over DURATION] of the newest row
 *	no TABLE                   no rows come
 *
 * each with [for DURATION] [by container|service|project|host] behind it.  CONDITIONS are
 * COLUMN OPERATOR VALUE [and …]; a COLUMN may be written TABLE.COLUMN.
 */
#ifndef TALLYD_ALERT_PARSE_H
#define TALLYD_ALERT_PARSE_H

#include "base/error.h"
#include "language/names.h"
#include "language/rule.h"

/* clear: OPERATOR VALUE [for DURATION], the end of what `when` found; NULL: when it is no longer
 * true.  *ret: rule_destroy() it.  -EINVAL: the text begins with "when: " or "clear: "; -ENOENT:
 * likewise, and all that is wrong is that no table has the name; -ENOMEM. */
int parse_rule(const char *when, const char *clear, const struct names *names, struct rule **ret,
	       struct error *error);

/* column: a text of its table's rows that messages end with; NULL: none.  -EINVAL: the text begins
 * with "tell: ". */
int parse_tell(const char *column, const struct names *names, struct rule *rule,
	       struct error *error);

#endif
