/*
 * The level a line of a log tells of itself, if it does: a member of a JSON object (level, lvl,
 * severity, log.level, @l; words or pino's numbers), level=… of logfmt, a syslog <3>, klog's E0102,
 * or one of the usual words near the beginning, in capitals or with brackets or a colon.
 */
#ifndef TALLYD_LOG_LEVEL_H
#define TALLYD_LOG_LEVEL_H

#include <stddef.h>

/* One of trace, debug, info, notice, warning, error, critical; NULL: it does not say. */
const char *log_level(const char *text, size_t len);

#endif
