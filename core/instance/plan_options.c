/*
 * The options that are the core's own: those of [tallyd], and those common to a kind.
 *
 * Read by plan.c, which parses them like a plugin's, and by the reference page.
 */
#include <errno.h>
#include <string.h>

#include "instance/plan.h"

#include "base/text.h"

#define GLOBAL(field) offsetof(struct plan_globals, field)
#define COMMON(field) offsetof(struct plan_common, field)

const struct tally_option plan_global_options[] = {
	{.name = "host",
	 .help = "Name of this machine in every table; default: its host name, or in a "
		 "container whose host name is its id, the name that the engine has",
	 .type = TALLY_OPT_STRING,
	 .offset = GLOBAL(host)},
	{.name = "plugin_dir",
	 .help = "Plugin directories, separated by colons; default: where they were installed",
	 .type = TALLY_OPT_STRING,
	 .offset = GLOBAL(plugin_dir)},
	{.name = "state_dir",
	 .fallback = "/var/lib/tallyd",
	 .help = "Where the daemon keeps its files, including the SQLite store",
	 .type = TALLY_OPT_STRING,
	 .flags = TALLY_OPT_REQUIRED,
	 .offset = GLOBAL(state_dir)},
	{.name = "log_level",
	 .fallback = "info",
	 .accepts = "error|warning|notice|info|debug",
	 .help = "Log messages of this level and above",
	 .type = TALLY_OPT_CHOICE,
	 .offset = GLOBAL(log_level)},
	{.name = "drain_timeout",
	 .fallback = "10s",
	 .accepts = "0s..10min",
	 .help = "How long outputs may go on writing waiting rows after SIGTERM",
	 .type = TALLY_OPT_DURATION,
	 .offset = GLOBAL(drain_timeout)},
	{.name = NULL},
};

#define PLAN_ENABLED                                                                               \
	{                                                                                          \
		.name = "enabled", .fallback = "yes", .help = "no: ignore this section",           \
		.type = TALLY_OPT_BOOL, .offset = COMMON(enabled)                                  \
	}

static const struct tally_option plan_any_options[] = {PLAN_ENABLED, {.name = NULL}};

static const struct tally_option plan_gather_options[] = {
	PLAN_ENABLED,
	{.name = "interval",
	 .accepts = "100ms..",
	 .help = "How often to gather, aligned to whole multiples on the wall clock",
	 .type = TALLY_OPT_DURATION,
	 .offset = COMMON(interval)},
	{.name = "jitter",
	 .fallback = "0s",
	 .accepts = "0s..",
	 .help = "Delay gathers by a fixed part of this, different for each instance and machine",
	 .type = TALLY_OPT_DURATION,
	 .offset = COMMON(jitter)},
	{.name = NULL},
};

static const struct tally_option plan_write_options[] = {
	PLAN_ENABLED,
	{.name = "buffer",
	 .fallback = "batch",
	 .help = "Buffer to read from: batch means [buffer.batch]; outputs may share one; without "
		 "inputs none is needed",
	 .type = TALLY_OPT_STRING,
	 .offset = COMMON(buffer)},
	{.name = "tables",
	 .fallback = "*",
	 .help = "Tables to write: patterns such as container_*; !pattern excludes",
	 .type = TALLY_OPT_LIST,
	 .offset = COMMON(tables)},
	{.name = NULL},
};

const char *plan_kind_name(enum plan_kind kind)
{
	static const char *const names[] = {"input", "buffer", "output"};
	return names[kind];
}

/* A plugin without any facet is a service, like http_api; it stands among the outputs. */
bool plan_kind_fits(enum plan_kind kind, const struct tally_plugin *plugin)
{
	switch (kind) {
	case PLAN_INPUT:
		return plugin->input;
	case PLAN_BUFFER:
		return plugin->buffer;
	default:
		return plugin->output || plugin->store || plugin->cache ||
		       (!plugin->input && !plugin->buffer);
	}
}

/* The core's options come first, so that a plugin's own are always the last table. */
size_t plan_targets(enum plan_kind kind, const struct tally_plugin *plugin,
		    struct plan_common *common, void *config,
		    struct options_target ret[PLAN_TABLES])
{
	size_t n = 0;
	const struct tally_option *options = plan_any_options;
	if (kind == PLAN_INPUT && plugin->input->gather)
		options = plan_gather_options;
	else if (kind == PLAN_OUTPUT && plugin->output)
		options = plan_write_options;
	ret[n++] = (struct options_target){options, common};
	if (kind == PLAN_BUFFER)
		ret[n++] =
			(struct options_target){journal_options, common ? &common->journal : NULL};
	ret[n++] = (struct options_target){plugin->options, config};
	return n;
}

static const char *plan_output_tables(const struct tally_output *output)
{
	return output->size > offsetof(struct tally_output, tables) ? output->tables : NULL;
}

/* `interval` has no default of the core's: how often is sensible depends on what is gathered, so
 * each input declares its own.  An output may declare which tables it has a use for. */
const char *plan_fallback(enum plan_kind kind, const struct tally_plugin *plugin,
			  const struct tally_option *option, char scratch[PLAN_FALLBACK_SIZE])
{
	bool gathers = kind == PLAN_INPUT && plugin->input->gather;
	if (kind == PLAN_OUTPUT && plugin->output && strcmp(option->name, "tables") == 0 &&
	    plan_output_tables(plugin->output))
		return plan_output_tables(plugin->output);
	if (!gathers || strcmp(option->name, "interval") != 0)
		return option->fallback;
	text_format_duration(plugin->input->interval, scratch, PLAN_FALLBACK_SIZE);
	return scratch;
}

/* Checked per kind of section, since the core's options differ between them. */
const char *plan_taken_option(enum plan_kind kind, const struct tally_plugin *plugin)
{
	struct options_target targets[PLAN_TABLES];
	size_t n = plan_targets(kind, plugin, NULL, NULL, targets);
	for (const struct tally_option *own = plugin->options; own && own->name; own++) {
		for (size_t i = 0; i + 1 < n; i++) {
			const struct tally_option *core = targets[i].options;
			while (core->name && strcmp(core->name, own->name) != 0)
				core++;
			if (core->name)
				return own->name;
		}
	}
	return NULL;
}
