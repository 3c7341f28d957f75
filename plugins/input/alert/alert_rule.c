/*
 * From the options of an instance to its rule.  In create(), and in check(), which knows the tables
 * of all plugins that are installed, so that `tallyd check` explains every mistake.
 */
#include <errno.h>
#include <stdlib.h>

#include "alert.h"
#include "alert_table.h"
#include "base/cleanup.h"
#include "base/globs.h"
#include "language/parse.h"

static int add_table(void *arg, const struct tally_table *table)
{
	names_add(arg, table, alerts_table.name);
	return 0;
}

static int parse(struct tally_ctx *ctx, const struct alert_config *config,
		 const struct names *names, struct rule **ret)
{
	struct error error;
	struct rule *rule = NULL;
	int r = parse_rule(config->when, config->clear, names, &rule, &error);
	if (r == 0)
		r = parse_tell(config->tell, names, rule, &error);
	if (r == 0) {
		*ret = rule;
		return 0;
	}
	rule_destroy(rule);
	return tally_fail(ctx, error.code, "%s", error.text);
}

int alert_read_rule(struct tally_ctx *ctx, const struct alert_config *config, struct rule **ret,
		    struct quiet *ret_quiet)
{
	struct error error;
	auto_free struct names *names = calloc(1, sizeof(*names));
	if (!names || tally_tables(ctx, add_table, names) < 0)
		return tally_fail(ctx, ENOMEM, "out of memory");
	int r = quiet_parse(config->quiet, ret_quiet, &error);
	if (r < 0)
		return tally_fail(ctx, error.code, "quiet: %s", error.text);
	return parse(ctx, config, names, ret);
}

int alert_read_rule_of_store(struct tally_ctx *ctx, const struct alert_config *config,
			     struct rule **ret)
{
	auto_free struct names *names = calloc(1, sizeof(*names));
	if (!names)
		return tally_fail(ctx, ENOMEM, "out of memory");
	int r = tally_store_tables(ctx, config->store, add_table, names);
	return r < 0 ? r : parse(ctx, config, names, ret);
}

bool alert_is_muted(const struct alert_config *config, const struct quiet *quiet,
		    const char *subject, int64_t now)
{
	if (config->silence && config->silence[0] && globs_match(config->silence, subject))
		return true;
	return quiet_is(quiet, now);
}
