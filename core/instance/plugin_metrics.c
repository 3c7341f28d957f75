/*
 * Makes the series of an instance from its plugin's declaration when the instance is made, so that
 * all are there at 0 from the start: Prometheus's rate() and increase() miss the first count of a
 * series that begins with it.  After that tally_count() finds a metric by its index, without any
 * lookup.  Main thread; without memory metrics.c gives a series that nobody sees.
 */
#include "instance/plugin_metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_LABELS_SIZE = 512, HOST_NAME_SIZE = 160 };

/* A plugin's series carry its instance, so that two instances of one plugin never count into the
 * same one. */
static struct metric *plugin_metrics_make(struct metrics *metrics,
					  const struct tally_plugin *plugin,
					  const char *instance_name,
					  const struct tally_metric *metric)
{
	char name[HOST_NAME_SIZE], labels[HOST_LABELS_SIZE] = "";
	metrics_declared_name(plugin->name, metric, name, sizeof(name));
	metrics_label(labels, sizeof(labels), "instance", instance_name);
	size_t len = strlen(labels);
	if (metric->labels && *metric->labels)
		snprintf(labels + len, sizeof(labels) - len, ",%s", metric->labels);
	const char *help = metric->help ? metric->help : "";
	if (metric->kind == TALLY_METRIC_COUNTER)
		return metrics_counter(metrics, name, labels, metric->unit, help);
	return metrics_gauge(metrics, name, labels, metric->unit, help);
}

/* One place more than metrics, since calloc() of nothing may return NULL. */
int plugin_metrics_create(struct metrics *metrics, const struct tally_plugin *plugin,
			  const char *instance_name, struct metric ***ret, uint32_t *ret_n)
{
	uint32_t n = 0;
	while (plugin->metrics && plugin->metrics[n].name)
		n++;
	struct metric **made = calloc(n + 1, sizeof(struct metric *));
	if (!made)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		made[i] = plugin_metrics_make(metrics, plugin, instance_name, &plugin->metrics[i]);
	*ret = made;
	*ret_n = n;
	return 0;
}

/* The info series is a constant 1 whose labels are the information, as Prometheus has it: it is
 * joined in queries and keeps other series short. */
struct metric *plugin_metrics_announce(struct metrics *metrics, const struct tally_plugin *plugin,
				       const char *instance_name, const char *kind)
{
	char labels[HOST_LABELS_SIZE] = "";
	metrics_label(labels, sizeof(labels), "instance", instance_name);
	struct metric *up = metrics_gauge(metrics, "tallyd_instance_up", labels, NULL,
					  "1 while the instance runs, 0 while it is starting.");
	metrics_label(labels, sizeof(labels), "kind", kind);
	metrics_label(labels, sizeof(labels), "plugin", plugin->name);
	metrics_label(labels, sizeof(labels), "version", plugin->version ? plugin->version : "");
	metric_set(metrics_gauge(metrics, "tallyd_instance_info", labels, NULL,
				 "Plugin, kind and version of the instance."),
		   1);
	metric_set(up, 0);
	return up;
}

struct metric *plugin_metrics_failing(struct metrics *metrics, const char *instance_name)
{
	char labels[HOST_LABELS_SIZE] = "";
	metrics_label(labels, sizeof(labels), "instance", instance_name);
	return metrics_gauge(metrics, "tallyd_instance_failing", labels, NULL,
			     "1 while it cannot start, gather, follow or write.");
}
