/*
 * The level that a line states itself, if any.  Tried in this order:
 *
 * - A JSON object, also behind a stamp or a prefix without a level of its own: the member level,
 *   severity, log.level and so on (log_level_json.c), also level within log, wherever it stands.
 * - A number or letter in front: syslog's <3>, klog's and glog's E0102 15:04:05, Redis's sign.
 * - logfmt, a line that begins with a key: its level=… wherever it stands.
 * - Else one of the usual words within the first 120 bytes, set off as log libraries do it:
 *   ERROR, [error], error:, core:error], |INFO|, level=error.
 *
 * Escape sequences (colours) do not count as text, nor do a query's ?level= or quoted text.
 * Called by log_rows.c for each row, on the input's thread.
 */
#ifndef TALLYD_LOG_LEVEL_H
#define TALLYD_LOG_LEVEL_H

#include <stddef.h>

/* One of trace, debug, info, notice, warning, error, critical; NULL: it does not say. */
const char *log_level(const char *text, size_t len);

#endif
