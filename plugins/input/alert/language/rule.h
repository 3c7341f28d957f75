/*
 * A rule as it was understood: what is measured, of which rows, per which subject, and when that is
 * a reason to say so.  Made by parse.h, immutable afterwards, and read by the engine on any thread
 * that holds its lock (a regular expression belongs to one thread at a time).
 */
#ifndef TALLYD_ALERT_RULE_H
#define TALLYD_ALERT_RULE_H

#include <stdbool.h>
#include <stdint.h>
#include <tallyd/plugin.h>

struct pattern;

enum { RULE_NAME_SIZE = 49, RULE_CONDITIONS = 8, RULE_TEXT_SIZE = 256 };

enum rule_function {
	RULE_NEWEST, /* the newest row fulfils the conditions, unless it is older than the window */
	RULE_SILENCE, /* no rows come */
	RULE_AVG,
	RULE_MIN,
	RULE_MAX,
	RULE_SUM,    /* of the newest value of each container */
	RULE_RATE,   /* of a counter, per second */
	RULE_COUNT,  /* rows */
	RULE_FULL_IN /* until what is used reaches the size, by a line through the window */
};

enum rule_operator {
	RULE_GREATER,
	RULE_AT_LEAST,
	RULE_LESS,
	RULE_AT_MOST,
	RULE_EQUAL,
	RULE_UNEQUAL,
	RULE_CONTAINS,
	RULE_MATCHES,
	RULE_NEWER, /* of a time: less than so long ago when the row comes */
	RULE_OLDER,
	RULE_OPERATORS
};

enum rule_subject { RULE_BY_CONTAINER, RULE_BY_SERVICE, RULE_BY_PROJECT, RULE_BY_HOST };

/* A column's value compared with one that the rule names. */
struct rule_condition {
	char column[RULE_NAME_SIZE];
	uint32_t type; /* enum tally_type of the column */
	enum rule_operator op;
	double number;
	char *text;
	struct pattern *pattern; /* of RULE_MATCHES */
};

/* An aggregate's value compared with a threshold. */
struct rule_threshold {
	enum rule_operator op;
	double number;
};

struct rule {
	enum rule_function function;
	enum rule_subject by;
	char table[RULE_NAME_SIZE];
	char column[RULE_NAME_SIZE]; /* what is aggregated; "": rows */
	char size[RULE_NAME_SIZE];   /* of RULE_FULL_IN: what there is at most; else "" */
	char tell[RULE_NAME_SIZE];   /* a text of a row, for messages; "": none */
	const char *unit;            /* of what is compared, as declared; NULL: none */
	int64_t window;
	bool ages; /* of RULE_NEWEST: there is a window, beyond which a row says nothing */
	struct rule_threshold when;
	int64_t when_for;
	bool has_clear;
	struct rule_threshold clear;
	int64_t clear_for;
	struct rule_condition conditions[RULE_CONDITIONS];
	unsigned n_conditions;
	char text[RULE_TEXT_SIZE]; /* the condition as it was written, for messages */
};

void rule_destroy(struct rule *rule); /* NULL is fine */

/* Of the value that it compares; NULL: none. */
const char *rule_unit(const struct rule *rule);
/* Does it look at rows within a window, and not at the newest ones, however old? */
bool rule_has_window(const struct rule *rule);
/* Does it go by what container_info says of containers besides its own table? */
bool rule_needs_info(const struct rule *rule);
bool rule_compare(double value, enum rule_operator op, double with);
const char *rule_operator_text(enum rule_operator op);
const char *rule_subject_text(enum rule_subject by);

#endif
