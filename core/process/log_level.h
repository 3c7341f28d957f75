/* Levels of messages by name, as log_level and the head of a line have them.  Any thread. */
#ifndef TALLYD_CORE_LOG_LEVEL_H
#define TALLYD_CORE_LOG_LEVEL_H

#include <tallyd/host.h> /* enum tally_level */

int log_parse_level(const char *text); /* -EINVAL */
const char *log_level_name(int level); /* "error" for a level that does not exist */

#endif
