/* /api/v1/stats…: readings of many containers. */
#include <cleanup.h>
#include <errno.h>
#include <string.h>

#include "latest.h"
#include "series.h"

enum { STATS_MAX_IDS = 100 };

static void write_container(const struct latest *latest, const struct tally_cell *row,
			    struct json_writer *json)
{
	json_begin_object(json);
	json_write_key(json, "host");
	rowset_write_cell(json, TALLY_TEXT, &row[LATEST_HOST]);
	json_write_key(json, "container_id");
	rowset_write_cell(json, TALLY_TEXT, &row[LATEST_ID]);
	json_write_key(json, "name");
	rowset_write_cell(json, TALLY_TEXT, &row[LATEST_NAME]);
	latest_write_fields(latest, row, json);
	json_end_object(json);
}

int stats_latest(struct call *call)
{
	struct latest latest auto_latest = {.n = 0};
	struct json_writer *json = &call->reply->body;
	int r = latest_read(call, &latest);
	if (r < 0)
		return r;
	json_begin_object(json);
	json_write_key(json, "data");
	json_begin_array(json);
	for (uint32_t i = 0; i < latest.n; i++)
		write_container(&latest, latest_row(&latest, i), json);
	json_end_array(json);
	json_write_key(json, "next_cursor");
	json_write_null(json);
	json_end_object(json);
	return 0;
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
