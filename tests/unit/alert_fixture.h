/*
 * Tables as the shipped inputs have them, cut to what rules need, and rows of them for the engine.
 */
#ifndef TALLYD_TESTS_ALERT_FIXTURE_H
#define TALLYD_TESTS_ALERT_FIXTURE_H

#include <tallyd/testing/fake_host.h>

#include "language/names.h"
#include "language/rule.h"

extern const struct tally_table fixture_stats, fixture_info, fixture_events, fixture_logs,
	fixture_patterns, fixture_disk;
extern const struct tally_table *const fixture_tables[];

/* Ends the test unless the rule is sound. */
struct rule *fixture_rule(const char *when, const char *clear);
void fixture_names(struct names *ret);

/* One row, of a container whose id is made of its name. */
struct tally_batch *fixture_stats_row(struct tally_ctx *ctx, int64_t time, const char *name,
				      double cpu, int64_t mem, int64_t rx);
struct tally_batch *fixture_info_row(struct tally_ctx *ctx, int64_t time, const char *name,
				     const char *state, const char *health, const char *service);
struct tally_batch *fixture_logs_row(struct tally_ctx *ctx, int64_t time, const char *name,
				     const char *level, const char *message);

#endif
