/*
 * Both stores' maintenance asks this once a round and per table and level; the deleting itself is
 * theirs.  Nothing here can fail.
 */
#include "store/retention_age.h"

#include "base/clock.h"

int64_t retention_age_of_rows(const struct retention_age *age, const struct tally_table *table)
{
	bool longer = (table->flags & TALLY_KEPT_LONG) && age->daily > age->raw;
	return longer ? age->daily : age->raw;
}

int64_t retention_age_of_level(const struct retention_age *age, const struct tally_table *table,
			       enum schema_level level)
{
	return level == LEVEL_ROWS  ? retention_age_of_rows(age, table)
	       : level == LEVEL_DAY ? age->daily
				    : age->rollup;
}

int64_t retention_age_cut(const struct retention_age *age, const struct store_clock *clock,
			  const struct stored_table *stored, const struct watermarks *watermarks,
			  enum schema_level level)
{
	int64_t keep = retention_age_of_level(age, &stored->table, level);
	int64_t cut = store_clock_cut(clock, keep);
	/* INT64_MIN, where nothing is rolled up yet, lets nothing go.  A rollup from rows that are
	 * partly deleted would replace right numbers by smaller ones: with continuous aggregates
	 * that is a known loss (https://github.com/timescale/timescaledb/issues/2198). */
	if (stored->n_numbers && level < LEVEL_DAY && watermarks->rolled_to[level + 1] < cut)
		cut = watermarks->rolled_to[level + 1];
	return cut;
}

void retention_age_advance(const struct retention_age *age, struct store_clock *clock,
			   struct tally_ctx *ctx, int64_t now, struct retention_warning *warning)
{
	struct store_uptime uptime;
	int64_t longest = age->raw > age->rollup ? age->raw : age->rollup;
	store_uptime_read(&uptime);
	store_clock_advance(clock, now, &uptime, longest > age->daily ? longest : age->daily);

	int64_t held = store_clock_held(clock, age->raw), monotonic = tally_monotonic(ctx);
	tally_gauge(ctx, warning->metric, held);
	if (held < STORE_CLOCK_BOUND) {
		warning->logged = 0;
		return;
	}
	if (warning->logged && monotonic - warning->logged < schema_levels[LEVEL_HOUR].bucket)
		return;
	warning->logged = monotonic;
	tally_log(ctx, TALLY_WARNING,
		  "%s is %lld s ahead of the time that has passed since the last maintenance: rows "
		  "are kept that much longer, until it has run evenly for a whole retention; if it "
		  "is right, run tallyd db confirm-clock",
		  warning->whose, (long long)(held / CLOCK_SECOND));
}
