/*
 * Counting: a plugin's own metrics, by their place in its declaration, and the samples of all of
 * them for those that show them.  Any thread.  A wrong index or kind is logged and counts nothing.
 */
#include "instance/plugin_api_parts.h"

#include <errno.h>
#include <stdio.h>

#include "process/log.h"
#include "process/process.h"

/* NULL: the plugin declares none of that number and kind, which is logged. */
static struct metric *plugin_api_metric(struct api *api, uint32_t metric, uint32_t kind)
{
	if (metric >= api->n_metrics)
		log_message(TALLY_ERROR, api->ctx.name,
			    "plugin bug: it counts metric %u but declares %u metrics", metric,
			    api->n_metrics);
	else if (api->plugin->metrics[metric].kind != kind)
		log_message(TALLY_ERROR, api->ctx.name, "plugin bug: metric %s is %s",
			    api->plugin->metrics[metric].name,
			    kind == TALLY_METRIC_GAUGE ? "a counter, but it sets it"
						       : "a gauge, but it adds to it");
	else
		return api->metrics[metric];
	return NULL;
}

void plugin_api_count(struct tally_ctx *ctx, uint32_t metric, uint64_t n)
{
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return;
	struct metric *counter = plugin_api_metric(api, metric, TALLY_METRIC_COUNTER);
	if (counter)
		metric_add(counter, n);
	plugin_api_leave(api);
}

void plugin_api_gauge(struct tally_ctx *ctx, uint32_t metric, int64_t value)
{
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return;
	struct metric *gauge = plugin_api_metric(api, metric, TALLY_METRIC_GAUGE);
	if (gauge)
		metric_set(gauge, value);
	plugin_api_leave(api);
}

/* Counted in the log itself, which does not depend on the metrics. */
static int plugin_api_log_samples(tally_sample_fn *each, void *arg)
{
	int r = 0;
	for (int level = TALLY_ERROR; level <= TALLY_DEBUG && r == 0; level++) {
		char labels[32];
		snprintf(labels, sizeof(labels), "level=\"%s\"", log_level_name(level));
		struct tally_sample sample = {
			.name = "tallyd_log_messages_total",
			.labels = labels,
			.help = "Messages logged, including suppressed repetitions.",
			.kind = TALLY_METRIC_COUNTER,
			.value = (double)log_counted(level)};
		r = each(arg, &sample);
	}
	return r;
}

int plugin_api_samples(struct tally_ctx *ctx, tally_sample_fn *each, void *arg)
{
	if (!each)
		return plugin_api_refuse("it reads metrics without a callback");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	int r = metrics_each(api->services->metrics, each, arg);
	if (r == 0)
		r = plugin_api_log_samples(each, arg);
	if (r == 0)
		r = process_samples(each, arg);
	plugin_api_leave(api);
	return r;
}
