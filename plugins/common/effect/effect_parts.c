/* See effect.h: what its files share. */
#include "effect/effect.h"

#include "ask/table.h"

const struct effect_metric effect_metrics[EFFECT_METRICS] = {
	{"cpu", "percent", TALLY_AVG, {"cpu_percent"}, 0.1},
	{"memory", "bytes", TALLY_AVG, {"mem_used_bytes"}, 1 << 20},
	{"network", "bytes/s", TALLY_RATE, {"net_rx_bytes", "net_tx_bytes"}, 1024},
	{"disk", "bytes/s", TALLY_RATE, {"blk_read_bytes", "blk_write_bytes"}, 1024},
	{"throttling", "ns/s", TALLY_RATE, {"throttled_ns"}, 1e6},
	{"lines_error", "lines/min", TALLY_SUM, {NULL}, 0.1},
	{"lines_warning", "lines/min", TALLY_SUM, {NULL}, 0.1},
	{"lines", "lines/min", TALLY_SUM, {NULL}, 1},
};

void effect_narrow(const struct effect *effect, struct query *query)
{
	const struct tally_column *id = table_column(query->table, "container_id");
	const struct tally_column *host = table_column(query->table, "host");
	for (uint32_t i = 0; id && i < effect->n_containers; i++)
		query_filter(query, id, TALLY_EQUALS,
			     &result_set_row(&effect->containers, i)[EFFECT_ID]);
	if (host && !effect->everywhere)
		query_filter(query, host, TALLY_EQUALS, effect->host);
}

void effect_grid_range(const struct effect_grid *grid, int range, struct query *query)
{
	query->spec.from = grid->from[range];
	query->spec.to = grid->from[range] + (grid->n + grid->n_after + 2) * grid->step;
	query->spec.limit = INT32_MAX;
}

int effect_grid_point(const struct effect_grid *grid, int range, int64_t time)
{
	int64_t at = (time - grid->from[range]) / grid->step;
	return time < grid->from[range] || at > grid->n + grid->n_after + 1 ? -1 : (int)at;
}

struct effect_input effect_grid_input(const struct effect_grid *grid, const double *now,
				      const double *day, bool known)
{
	return (struct effect_input){.before = {now, grid->n},
				     .after = {now + grid->n + 1, grid->n_after},
				     .day_before = {day, known ? grid->n : 0},
				     .day_after = {day + grid->n + 1, grid->n_after},
				     .step = (double)grid->step / 1e9};
}
