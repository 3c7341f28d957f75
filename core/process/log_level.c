/*
 * The names, for log.c and log_line.c alike.  The numbers are those of syslog(3) (RFC 5424, 6.2.1),
 * so that a level is its own <priority> in front of a line for systemd.  A level may come from a
 * plugin, hence the bounds.
 */
#include "process/log_level.h"

#include <errno.h>
#include <string.h>

static const char *const log_names[] = {
	[TALLY_ERROR] = "error", [TALLY_WARNING] = "warning", [TALLY_NOTICE] = "notice",
	[TALLY_INFO] = "info",   [TALLY_DEBUG] = "debug",
};

const char *log_level_name(int level)
{
	if (level < TALLY_ERROR || level > TALLY_DEBUG)
		return "error";
	return log_names[level];
}

int log_parse_level(const char *text)
{
	for (int level = TALLY_ERROR; level <= TALLY_DEBUG; level++)
		if (strcmp(text, log_names[level]) == 0)
			return level;
	return -EINVAL;
}
