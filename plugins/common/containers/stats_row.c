/* See stats_row.h. */
#include "containers/stats_row.h"

#include <errno.h>
#include <string.h>

/* ---- CPU percent ---- */

/* Percent of one core.  The divisor is the time between the samples: system_cpu_usage, by which
 * docker stats divides, advances in steps of 10 ms.  The two agree within 2 %. */
int64_t stats_cpu_advance(struct stats_cpu *previous, const struct stats *stats,
			  double *ret_percent)
{
	const struct json_int *usage = &stats->slots[STATS_CPU_USAGE_NS];
	int64_t time = stats->slots[STATS_READ_TIME].value, elapsed = 0, used = 0;
	/* The engine may send any number, so even a difference may overflow. */
	bool comparable = previous->time && usage->set &&
			  !__builtin_sub_overflow(time, previous->time, &elapsed) &&
			  !__builtin_sub_overflow(usage->value, previous->usage, &used) &&
			  elapsed > 0 && used >= 0;
	*previous = (struct stats_cpu){.time = usage->set ? time : 0, .usage = usage->value};
	if (!comparable)
		return 0;
	*ret_percent = (double)used * 100 / (double)elapsed;
	return elapsed;
}

/* ---- Rows ---- */

/* Source: calculateMemUsageUnixNoCache() of the docker command: total_inactive_file is subtracted
 * on cgroup v1 and inactive_file on v2, if it is less than the usage. */
static void put_memory(struct tally_cell *row, const struct stats *stats)
{
	const struct json_int *usage = &stats->slots[STATS_MEM_USAGE_BYTES];
	const struct json_int *limit = &stats->slots[STATS_MEM_LIMIT_BYTES];
	const struct json_int *inactive = &stats->slots[STATS_INACTIVE_FILE];
	if (!usage->set)
		return;
	int64_t used = usage->value;
	if (inactive->set && inactive->value > 0 && inactive->value < used)
		used -= inactive->value;
	tally_put_int(row, STATS_MEM_USED_BYTES, used);
	if (limit->set && limit->value > 0)
		tally_put_real(row, STATS_MEM_PERCENT, (double)used * 100 / (double)limit->value);
}

int stats_rows_begin(struct stats_rows *rows, struct tally_ctx *ctx)
{
	const char *host = tally_hostname(ctx);
	*rows = (struct stats_rows){.ctx = ctx, .host_len = strlen(host)};
	rows->batch = tally_batch_new(ctx, &stats_table);
	if (rows->batch)
		rows->host = tally_batch_copy(ctx, rows->batch, host, rows->host_len);
	return rows->host ? 0 : -ENOMEM;
}

/* A text of which there is none stays NULL. */
static void put_text(struct stats_rows *rows, struct tally_cell *row, uint32_t column,
		     const char *text)
{
	if (text)
		rows->no_memory |=
			tally_put_text(rows->ctx, rows->batch, row, column, text, strlen(text)) < 0;
}

void stats_rows_put(struct stats_rows *rows, const struct stats_subject *subject,
		    const struct stats *stats)
{
	struct tally_cell *row = tally_batch_row(rows->ctx, rows->batch);
	rows->no_memory |= !row;
	if (!row)
		return;
	tally_put_int(row, STATS_TIME, stats->slots[STATS_READ_TIME].value);
	tally_put_text_borrowed(row, STATS_HOST, rows->host, rows->host_len);
	put_text(rows, row, STATS_CONTAINER_ID, subject->id);
	put_text(rows, row, STATS_NAME, subject->name);
	for (uint32_t i = STATS_CPU_USAGE_NS; i < STATS_COLUMNS; i++)
		if (stats->slots[i].set)
			tally_put_int(row, i, stats->slots[i].value);
	put_memory(row, stats);
	if (subject->cpu_percent)
		tally_put_real(row, STATS_CPU_PERCENT, *subject->cpu_percent);
}
