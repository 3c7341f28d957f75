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

/* ---- The newest ---------------------------------------------------------- */

static const struct tally_column latest_columns[LATEST_FIELDS] = {
	[LATEST_TIME] = TABLE_COLUMN("time", TALLY_TIME, TALLY_FIELD),
	[LATEST_HOST] = TABLE_COLUMN("host", TALLY_TEXT, TALLY_TAG),
	[LATEST_ID] = TABLE_COLUMN("container_id", TALLY_TEXT, TALLY_TAG),
	[LATEST_NAME] = TABLE_COLUMN("name", TALLY_TEXT, TALLY_TAG),
};

static void write_position(struct context *context, const void *arg)
{
	position_write_readings(context, arg);
}

static int latest_rows(const struct latest *latest, struct result_set *ret)
{
	size_t n_columns = LATEST_FIELDS + latest->fields.n;
	int r = result_set_make(ret, (uint32_t)n_columns, latest->n);
	for (uint32_t i = 0; r == 0 && i < latest->n; i++)
		memcpy(ret->cells + i * n_columns, latest_row(latest, i),
		       n_columns * sizeof(*ret->cells));
	return r;
}

/* A table of one row a container: fields= has chosen its columns. */
int stats_latest(struct context *context)
{
	struct tally_column columns[LATEST_FIELDS + FIELDS_MAX];
	struct tally_table table = {.name = "container_stats", .kind = TALLY_STATE};
	struct latest latest auto_latest = {.n = 0};
	struct table_page page auto_table_page = {.context = context,
						  .table = &table,
						  .paging = {.whole = true},
						  .head = write_position,
						  .head_arg = &latest};
	int r = latest_read(context, NULL, &latest);
	/* Before there are readings their fields are not known, and CSV has no header line. */
	if (r == 0 && latest.fields.n) {
		memcpy(columns, latest_columns, sizeof(latest_columns));
		for (uint32_t i = 0; i < latest.fields.n; i++)
			columns[LATEST_FIELDS + i] = *latest.fields.columns[i];
		table.columns = columns;
		table.n_columns = LATEST_FIELDS + latest.fields.n;
		table_page_open(&page);
		r = paging_read_whole(context, &table, NULL, false, &page.paging);
	}
	if (r == 0 && latest_rows(&latest, &page.rows) < 0)
		r = response_unavailable(context->builder, "out of memory");
	return r < 0 ? r : table_page_answer(&page);
}

/* ---- On a grid ----------------------------------------------------------- */

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
