/*
 * Tells the service manager how we are: READY, RELOADING, STOPPING, STATUS, WATCHDOG.  A datagram
 * to $NOTIFY_SOCKET as sd_notify(3) has it; without one all of this does nothing.  Main thread
 * only.
 */
#ifndef TALLYD_CORE_SD_NOTIFY_H
#define TALLYD_CORE_SD_NOTIFY_H

#include <stdint.h>

/* text: "READY=1\nSTATUS=…" */
__attribute__((format(printf, 1, 2))) int sd_notify_send(const char *fmt, ...);
int sd_notify_reloading(void); /* with the clock that systemd asks for */

/* ns between two WATCHDOG=1, half of what $WATCHDOG_USEC allows; 0: nobody watches us. */
int64_t sd_notify_watchdog_interval(void);

#endif
