/*
 * What an instance tells in numbers: the metrics its plugin declares, and that it is there at all.
 * Main thread, when an instance is made.
 */
#ifndef TALLYD_CORE_PLUGIN_METRICS_H
#define TALLYD_CORE_PLUGIN_METRICS_H

#include <tallyd/plugin.h>

#include "process/metrics.h"

/* One series per declared metric, in that order; free() the array only. */
int plugin_metrics_create(struct metrics *metrics, const struct tally_plugin *plugin,
			  const char *instance_name, struct metric ***ret, uint32_t *ret_n);

/* tallyd_instance_info, and tallyd_instance_up (returned, 0 as yet). */
struct metric *plugin_metrics_announce(struct metrics *metrics, const struct tally_plugin *plugin,
				       const char *instance_name, const char *kind);

/* tallyd_instance_failing, 0 as yet. */
struct metric *plugin_metrics_failing(struct metrics *metrics, const char *instance_name);

#endif
