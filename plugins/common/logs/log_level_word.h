/*
 * The words and numbers by which log libraries name their levels, and the names they give the
 * field.  Called by log_level.c and log_level_json.c.
 */
#ifndef TALLYD_LOG_LEVEL_WORD_H
#define TALLYD_LOG_LEVEL_WORD_H

#include <stdbool.h>
#include <stddef.h>

enum { LEVEL_WORD = 13 }; /* letters of the longest */

extern const char level_trace[], level_debug[], level_info[], level_notice[], level_warning[],
	level_error[], level_critical[];

static inline bool level_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool level_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* In letters of either case.  NULL: it names none. */
const char *level_by_word(const char *text, size_t len);
/* Of a field by name: also pino's and bunyan's 10 to 60 and Monolog's 100 to 600. */
const char *level_by_value(const char *text, size_t len);
/* 0 to 7 as syslog numbers them; anything else: NULL. */
const char *level_by_severity(unsigned severity);
/* F, E, W, I, D, as klog, glog and MongoDB write them; anything else: NULL. */
const char *level_by_letter(char letter);
/* Is it what a library calls the field of its level? */
bool level_is_key(const char *key, size_t len);

#endif
