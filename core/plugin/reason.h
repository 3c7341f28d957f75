/*
 * Why the last call into a plugin failed, in its own words: what tally_fail() said on this thread.
 * A text belongs to one call.  PLUGIN_CALL() is the one way into a plugin's code: it forgets what
 * an earlier call said, so whoever reads the reason afterwards never shows somebody else's.  Kept
 * per thread, so that a reason crosses from a store to the instance that queries it.  Any thread.
 */
#ifndef TALLYD_CORE_REASON_H
#define TALLYD_CORE_REASON_H

#include <stdarg.h>

#include "base/error.h"

/* r = PLUGIN_CALL(plugin->start(self)); */
#define PLUGIN_CALL(call) (reason_clear(), (call))

void reason_clear(void);
const struct error *reason_last(void); /* code 0: nothing was said since reason_clear() */
void reason_vset(int code, const char *fmt, va_list ap);
/* Puts back what was kept of reason_last() while another plugin was called in between. */
void reason_restore(const struct error *kept);

/* For what a plugin's call returned: fills error with what it said, or with errno's text if it said
 * nothing.  Returns r. */
int reason_explain(int r, struct error *error);

#endif
