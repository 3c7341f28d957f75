/* Values in messages.  Any thread. */
#ifndef TALLYD_PLUGINS_COMMON_VALUE_SHOW_H
#define TALLYD_PLUGINS_COMMON_VALUE_SHOW_H

#include <stddef.h>

/* A value as a person would write it: 97.3%, 1.5Gi, 2.5s; of a rate: 1.5Gi/h.  unit: as a column
 * declares it, NULL: none. */
void value_show(double value, const char *unit, char *ret, size_t size);

#endif
