/* Declarations in words, for `plugins info` and the reference page. */
#ifndef TALLYD_CORE_COMMANDS_DESCRIBE_H
#define TALLYD_CORE_COMMANDS_DESCRIBE_H

#include <stddef.h>
#include <tallyd/plugin.h>

/* "duration, at least 100ms": what may be written. */
void describe_option(const struct tally_option *option, char *ret, size_t size);
/* "input", "output, store": what the plugin can be. */
void describe_plugin(const struct tally_plugin *plugin, char *ret, size_t size);
const char *describe_table_kind(uint32_t kind);
const char *describe_column_type(uint32_t type);
const char *describe_column_role(uint32_t role); /* "" for a field */

#endif
