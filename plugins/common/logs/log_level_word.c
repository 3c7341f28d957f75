/* See log_level_word.h: tables, and how they are looked up.  Pure functions. */
#include "logs/log_level_word.h"

#include <string.h>
#include <strings.h>

const char level_trace[] = "trace", level_debug[] = "debug", level_info[] = "info",
	   level_notice[] = "notice", level_warning[] = "warning", level_error[] = "error",
	   level_critical[] = "critical";

enum { WORDS_OF_LETTER = 6, LETTERS = 26, LOWER = 0x20 };

struct level_word {
	const char *word, *level;
};

/* By the first letter. */
static const struct level_word words[LETTERS][WORDS_OF_LETTER] = {
	['a' - 'a'] = {{"alert", level_critical}},
	['c' - 'a'] = {{"critical", level_critical}, {"crit", level_critical}},
	['d' - 'a'] = {{"debug", level_debug},
		       {"dbg", level_debug},
		       {"dbug", level_debug},
		       {"debu", level_debug}},
	['e' - 'a'] = {{"error", level_error},
		       {"err", level_error},
		       {"eror", level_error},
		       {"erro", level_error},
		       {"emerg", level_critical},
		       {"emergency", level_critical}},
	['f' - 'a'] = {{"fatal", level_critical},
		       {"fata", level_critical},
		       {"ftl", level_critical},
		       {"fail", level_error},
		       {"finer", level_trace},
		       {"finest", level_trace}},
	['i' - 'a'] = {{"info", level_info},
		       {"inf", level_info},
		       {"information", level_info},
		       {"informational", level_info}},
	['n' - 'a'] = {{"notice", level_notice}},
	['p' - 'a'] = {{"panic", level_critical},
		       {"pani", level_critical},
		       {"pnc", level_critical}},
	['s' - 'a'] = {{"severe", level_error}, {"silly", level_trace}},
	['t' - 'a'] = {{"trace", level_trace},
		       {"trc", level_trace},
		       {"trce", level_trace},
		       {"trac", level_trace}},
	['v' - 'a'] = {{"verbose", level_trace}, {"vrb", level_trace}},
	['w' - 'a'] = {{"warning", level_warning}, {"warn", level_warning}, {"wrn", level_warning}},
};

const char *level_by_word(const char *text, size_t len)
{
	if (len < 3 || len > LEVEL_WORD || !level_is_letter(text[0]))
		return NULL;
	const struct level_word *word = words[(text[0] | LOWER) - 'a'];
	for (int i = 0; i < WORDS_OF_LETTER && word[i].word; i++)
		if (strncasecmp(word[i].word, text, len) == 0 && word[i].word[len] == '\0')
			return word[i].level;
	return NULL;
}

/* Monolog's go by hundreds, with 250 and 550 between. */
static const char *by_hundreds(unsigned number)
{
	static const char *const levels[] = {level_debug, level_info,     level_warning,
					     level_error, level_critical, level_critical};
	if (number == 250)
		return level_notice;
	if (number == 550)
		return level_critical;
	return number % 100 == 0 && number >= 100 && number <= 600 ? levels[number / 100 - 1]
								   : NULL;
}

const char *level_by_value(const char *text, size_t len)
{
	static const char *const levels[] = {level_trace,   level_debug, level_info,
					     level_warning, level_error, level_critical};
	unsigned number = 0;
	if (len < 2 || len > 3 || !level_is_digit(text[0]))
		return level_by_word(text, len);
	for (size_t i = 0; i < len; i++) {
		if (!level_is_digit(text[i]))
			return NULL;
		number = number * 10 + (unsigned)(text[i] - '0');
	}
	if (len == 3)
		return by_hundreds(number);
	return number % 10 == 0 && number >= 10 && number <= 60 ? levels[number / 10 - 1] : NULL;
}

const char *level_by_severity(unsigned severity)
{
	static const char *const levels[] = {level_critical, level_critical, level_critical,
					     level_error,    level_warning,  level_notice,
					     level_info,     level_debug};
	return severity < sizeof(levels) / sizeof(levels[0]) ? levels[severity] : NULL;
}

const char *level_by_letter(char letter)
{
	switch (letter) {
	case 'F':
		return level_critical;
	case 'E':
		return level_error;
	case 'W':
		return level_warning;
	case 'I':
		return level_info;
	case 'D':
		return level_debug;
	default:
		return NULL;
	}
}

bool level_is_key(const char *key, size_t len)
{
	static const char *const keys[] = {
		"level",         "lvl",          "severity",      "log.level",    "@l",
		"levelname",     "loglevel",     "log_level",     "level_name",   "severity_text",
		"severitytext",  "@level",       "log.severity",  "log_severity", "error_severity",
		"severity_name", "severityname", "severity_label"};
	if (len < 2 || len > 14)
		return false;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if ((key[0] | LOWER) == (keys[i][0] | LOWER) &&
		    strncasecmp(keys[i], key, len) == 0 && keys[i][len] == '\0')
			return true;
	return false;
}
