/*
 * A time that no setting of a clock changes: that since boot, suspended time included.  A file of
 * its own, so that tests can replace it.  From any thread.
 */
#ifndef TALLYD_PLUGINS_COMMON_STORE_UPTIME_H
#define TALLYD_PLUGINS_COMMON_STORE_UPTIME_H

#include <stdint.h>

#include "base/boot.h"

struct store_uptime {
	char boot[BOOT_ID_SIZE]; /* which boot of which machine; "": not known */
	int64_t ns;
};
void store_uptime_read(struct store_uptime *ret);

#endif
