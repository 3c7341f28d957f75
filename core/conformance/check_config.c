/*
 * Values that an operator may write: what the core lets through must not crash create() or check(),
 * and what they refuse they refuse with a reason.  Nothing is started: a value may be any path or
 * address.  In a child of its own, on its main thread; one that crashes is followed by another
 * child, which goes on with the next value.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/checks.h"

enum { CONFIG_VALUES = 8, CONFIG_LONG = 3000, CONFIG_WHAT_SIZE = 120, CONFIG_SECTION = 32 * 1024 };

/* NULL: no more.  Beside these, the ends of its range. */
static const char *const config_texts[CONFIG_VALUES] = {
	"",        "long",       "%s%n%d%s", "/nonexistent/folder/file", "\xff\xfe\x80",
	"unix://", "http://[::", "0"};
static const char *const config_numbers[CONFIG_VALUES] = {"0", "1", "-1", "2147483648",
							  "9223372036854775807"};
static const char *const config_sizes[CONFIG_VALUES] = {"0", "1", "1Ki", "4Gi", "8191Pi"};
static const char *const config_durations[CONFIG_VALUES] = {"0s", "1ms", "1s", "365d", "100000d"};
static const char *const config_lists[CONFIG_VALUES] = {"", "a", "a, b, c", "long", "*, ?", ",,,"};
static const char *const config_bools[CONFIG_VALUES] = {"yes", "no"};

static const char *const *config_values(uint32_t type)
{
	switch (type) {
	case TALLY_OPT_BOOL:
		return config_bools;
	case TALLY_OPT_INT:
		return config_numbers;
	case TALLY_OPT_SIZE:
		return config_sizes;
	case TALLY_OPT_DURATION:
		return config_durations;
	case TALLY_OPT_STRING:
		return config_texts;
	case TALLY_OPT_LIST:
		return config_lists;
	default: /* words and names, which the core knows all of */
		return NULL;
	}
}

/* Value i of an option: the ends of its range come first.  False: there are no more. */
static bool config_value(const struct tally_option *option, unsigned i, char *ret, size_t size)
{
	const char *const *values = config_values(option->type);
	const char *dots = option->accepts ? strstr(option->accepts, "..") : NULL;
	if (i < 2) {
		ret[0] = '\0';
		if (dots && i == 0)
			snprintf(ret, size, "%.*s", (int)(dots - option->accepts), option->accepts);
		else if (dots)
			snprintf(ret, size, "%s", dots + 2);
		return true;
	}
	i -= 2;
	if (!values || i >= CONFIG_VALUES || !values[i])
		return false;
	snprintf(ret, size, "%s", values[i]);
	if (strcmp(values[i], "long") != 0)
		return true;
	for (size_t at = 0; at + 3 < size && at < CONFIG_LONG; at += 3)
		memcpy(ret + at, option->type == TALLY_OPT_LIST ? "x, " : "xxx", 4);
	return true;
}

/* The section as it is, but for one option. */
static void config_section_with(const struct subject *subject, const struct tally_option *option,
				const char *value, char *ret, size_t size)
{
	size_t len = (size_t)snprintf(ret, size, "[%s]\n", subject->section->name);
	for (size_t i = 0; i < subject->section->n_entries && len < size; i++) {
		const struct config_entry *entry = &subject->section->entries[i];
		if (entry->value && strcmp(entry->key, option->name) != 0)
			len += (size_t)snprintf(ret + len, size - len, "%s = %s\n", entry->key,
						entry->value);
	}
	if (len < size)
		snprintf(ret + len, size - len, "%s = %s\n", option->name, value);
}

/* What the core refuses itself never comes to the plugin. */
static void config_try(struct subject *subject, const struct tally_option *option,
		       const char *value)
{
	static char text[CONFIG_SECTION];
	const struct tally_plugin *plugin = subject->plugin;
	struct config *config;
	struct options *options;
	char what[CONFIG_WHAT_SIZE];
	config_section_with(subject, option, value, text, sizeof(text));
	void *filled = subject_parse_text(subject, text, &config, &options);
	if (!filled)
		return;
	struct tally_ctx *ctx = plugin_api_ctx(subject->api);
	void *self = NULL;
	plugin_api_set_options(subject->api, options);
	snprintf(what, sizeof(what), "create() with %s = %.60s", option->name,
		 *value ? value : "(nothing)");
	int r = SUBJECT_CALL(subject, what, plugin->create(ctx, filled, &self));
	if (r >= 0)
		SUBJECT_DO(subject, "destroy()", plugin->destroy(self));
	snprintf(what, sizeof(what), "check() with %s = %.60s", option->name,
		 *value ? value : "(nothing)");
	if (r >= 0 && plugin->check)
		SUBJECT_CALL(subject, what, plugin->check(ctx, filled));
	plugin_api_set_options(subject->api, subject->options);
	options_destroy(options);
	config_destroy(config);
	free(filled);
}

void check_config_values(struct subject *subject)
{
	const struct tally_option *option = subject->plugin->options;
	unsigned step = 0, from = atomic_load(&subject->shared->step);
	char value[CONFIG_LONG + 8];
	if (!option || !option->name)
		subject_not_for(subject, "it has no options");
	for (; option && option->name; option++)
		for (unsigned i = 0; config_value(option, i, value, sizeof(value)); i++) {
			if (step++ < from)
				continue;
			atomic_store(&subject->shared->step, step);
			if (i >= 2 || *value)
				config_try(subject, option, value);
		}
}
