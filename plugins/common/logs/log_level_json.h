/*
 * The level that a JSON object says of itself.  Members of the outermost object count, and level
 * within its member log, as ECS nests it; the first that names a level.  Nothing is decoded,
 * nothing checked: text that is no JSON has no level, or one that a member of it says.
 */
#ifndef TALLYD_LOG_LEVEL_JSON_H
#define TALLYD_LOG_LEVEL_JSON_H

#include <stddef.h>

/* text begins with its brace. */
const char *level_by_json(const char *text, size_t len);

#endif
