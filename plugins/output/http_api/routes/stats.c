/*
 * /api/v1/stats and /stats/latest: readings of many containers, or of groups of them.  On a
 * worker's thread; query/latest.c and series.c read them, this file finds out of which containers.
 *
 * ids= takes ids, their beginnings and names, each looked up by itself (container_lookup.c), so
 * their number is bounded.  Two words for one container are one series.
 */
#include "base/cleanup.h"
#include <errno.h>
#include <string.h>

#include "query/latest.h"
#include "routes/series.h"
#include "message/row_writer.h"
#include "routes/endpoint.h"
#include "routes/list_endpoint.h"
#include "routes/position.h"

enum { STATS_MAX_IDS = 100 };

int stats_latest(struct context *context)
{
	struct response_builder *builder = context->builder;
	struct row_writer records = {.format = list_format_of(context->args)};
	struct latest latest auto_latest = {.n = 0};
	int r = latest_read(context, NULL, &latest);
	if (r < 0)
		return r;
	/* Before there are readings their fields are not known, and CSV has no header line. */
	if (latest.fields.n) {
		row_writer_add(&records, "host", TALLY_TEXT, LATEST_HOST);
		row_writer_add(&records, "container_id", TALLY_TEXT, LATEST_ID);
		row_writer_add(&records, "name", TALLY_TEXT, LATEST_NAME);
		row_writer_add(&records, "time", TALLY_TIME, LATEST_TIME);
	}
	for (uint32_t i = 0; i < latest.fields.n; i++)
		row_writer_add(&records, latest.fields.columns[i]->name,
			       latest.rows.types[LATEST_FIELDS + i], LATEST_FIELDS + i);
	row_writer_open(&records, builder);
	if (records.format == LIST_JSON)
		position_write_readings(context, &latest);
	row_writer_begin(&records, builder);
	for (uint32_t i = 0; i < latest.n; i++)
		row_writer_write(&records, builder, latest_row(&latest, i));
	row_writer_close(&records, builder);
	return 0;
}

/* In the order of ids=, which is the order of the answer.  `words` is taken apart in place. */
static int find_all(struct context *context, char *words, struct container *containers,
		    uint32_t *ret_n)
{
	uint32_t n = 0;
	while (words) {
		struct container one;
		const char *word = strsep(&words, ",");
		if (n == STATS_MAX_IDS)
			return response_problem(
				context->builder, 400, "ids",
				"more than %d containers; ask for them in several requests",
				STATS_MAX_IDS);
		int r = container_find(context, word, "ids", &one);
		if (r < 0)
			return r;
		uint32_t same = 0;
		while (same < n && strcmp(containers[same].id, one.id) != 0)
			same++;
		if (same == n)
			containers[n++] = one;
	}
	*ret_n = n;
	return 0;
}

/* What narrows a list down besides ids=, which names each container. */
static int refuse_both(struct context *context)
{
	static const char *const names[] = {"project", "service", "name", "label", "image"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (target_param(context->target, names[i]))
			return response_problem(context->builder, 400, names[i],
						"give either ids or %s", names[i]);
	return 0;
}

static int find_ids(struct context *context, const char *ids, struct container **ret,
		    uint32_t *ret_n)
{
	auto_free char *words = strdup(ids);
	*ret = malloc(STATS_MAX_IDS * sizeof(**ret));
	if (!words || !*ret)
		return response_unavailable(context->builder, "out of memory");
	int r = refuse_both(context);
	return r < 0 ? r : find_all(context, words, *ret, ret_n);
}

int stats_many(struct context *context)
{
	const char *ids = target_param(context->target, "ids");
	int64_t by = context->args->group_by;
	uint32_t n = 0;
	auto_free struct container *containers = NULL;
	int r = ids ? find_ids(context, ids, &containers, &n) : 0;
	if (r < 0)
		return r;
	if (ids && by == ARGUMENT_NONE)
		return series_answer(context, containers, n, true);
	return series_answer_groups(context, by == ARGUMENT_NONE ? GROUP_CONTAINER : by, containers,
				    n);
}
