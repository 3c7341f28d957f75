/* /api/v1/stats…: readings of many containers. */
#include "base/cleanup.h"
#include <errno.h>
#include <string.h>

#include "latest.h"
#include "series.h"
#include "records.h"

enum { STATS_MAX_IDS = 100 };

/* Before there are readings nobody knows their fields. */
static void learn_columns(const struct latest *latest, struct records *records)
{
	if (latest->fields.n == 0)
		return;
	records_add(records, "host", TALLY_TEXT, LATEST_HOST);
	records_add(records, "container_id", TALLY_TEXT, LATEST_ID);
	records_add(records, "name", TALLY_TEXT, LATEST_NAME);
	records_add(records, "time", TALLY_TIME, LATEST_TIME);
	for (uint32_t i = 0; i < latest->fields.n; i++)
		records_add(records, latest->fields.columns[i]->name,
			    latest->rows.types[LATEST_FIELDS + i], LATEST_FIELDS + i);
}

static void write_latest(struct reply *reply, const struct latest *latest, enum list_format format)
{
	struct records records = {.format = format};
	learn_columns(latest, &records);
	records_open(&records, reply);
	records_begin(&records, reply);
	for (uint32_t i = 0; i < latest->n; i++)
		records_write(&records, reply, latest_row(latest, i));
	records_close(&records, reply);
}

int stats_latest(struct call *call)
{
	struct latest latest auto_latest = {.n = 0};
	enum list_format format;
	int r = list_read_format(call, &format);
	if (r == 0)
		r = latest_read(call, &latest);
	if (r == 0)
		write_latest(call->reply, &latest, format);
	return r;
}

static bool is_among(const struct container *containers, uint32_t n, const struct container *one)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(containers[i].id, one->id) == 0)
			return true;
	return false;
}

static int find_all(struct call *call, char *words, struct container *containers, uint32_t *ret_n)
{
	uint32_t n = 0;
	while (words) {
		struct container one;
		const char *word = strsep(&words, ",");
		if (n == STATS_MAX_IDS)
			return reply_problem(call->reply, 400, "ids", "more than %d containers",
					     STATS_MAX_IDS);
		int r = container_find(call, word, "ids", &one);
		if (r < 0)
			return r;
		if (!is_among(containers, n, &one))
			containers[n++] = one;
	}
	*ret_n = n;
	return 0;
}

int stats_many(struct call *call)
{
	const char *ids = target_param(call->target, "ids");
	uint32_t n = 0;
	if (!ids || !*ids)
		return reply_problem(call->reply, 400, "ids",
				     "say which containers: ids=ID,ID (ids, beginnings of ids, or "
				     "names)");
	auto_free char *words = strdup(ids);
	auto_free struct container *containers = malloc(STATS_MAX_IDS * sizeof(*containers));
	if (!words || !containers)
		return reply_unavailable(call->reply, "out of memory");
	int r = find_all(call, words, containers, &n);
	return r < 0 ? r : series_answer(call, containers, n, true);
}
