/*
 * The rows of change_effects that belong to a page of changes: one more query, then each change
 * looks for its own.  On a worker's thread.
 *
 * A row of change_effects is about all changes of a service at one time, but for the kinds that are
 * effects themselves (restart, oom, health); its kinds= says which.  Where several windows were
 * judged the longest counts.  A store without the table, or with one from before a column, has no
 * verdicts, which is no error.
 */
#include "routes/change_effects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ask/table.h"
#include "base/clock.h"
#include "base/json_cell.h"
#include "query/query_builder.h"

/* Where the columns of the answer are. */
enum {
	EFFECT_TIME,
	EFFECT_HOST,
	EFFECT_SERVICE,
	EFFECT_WINDOW,
	EFFECT_VERDICT,
	EFFECT_SUMMARY,
	EFFECT_MEASURES,
	EFFECT_KINDS,
	EFFECT_CHANGED,
	EFFECT_COLUMNS
};
static const char *const effect_columns[EFFECT_COLUMNS] = {
	"time", "host", "service", "window", "verdict", "summary", "measures", "kinds", "changed"};

enum { EFFECT_SERVICES = 64 }; /* that are asked for by name */

/* The longest window there is, and the time that its rows have to come. */
#define EFFECT_LATEST (CLOCK_DAY + CLOCK_HOUR)

/* ---- Reading ----------------------------------------------------------------- */

/* The times of the changes on the page, [from, to): to the microsecond, as stores may keep them. */
static void page_range(const struct table_page *page, int64_t *ret_from, int64_t *ret_to)
{
	*ret_from = INT64_MAX;
	*ret_to = 0;
	for (uint32_t i = 0; i < paging_rows(&page->paging, &page->rows); i++) {
		int64_t time = result_set_row(&page->rows, i)[0].i;
		*ret_from = time < *ret_from ? time : *ret_from;
		*ret_to = time + 1000 > *ret_to ? time + 1000 : *ret_to;
	}
}

/* Where a column of the list stands in its rows; 0: nowhere. */
static uint32_t place_of(const struct table_page *page, const char *name)
{
	for (uint32_t i = 0; i < page->n; i++)
		if (strcmp(page->columns[i]->name, name) == 0)
			return 1 + i;
	return 0;
}

static bool is_among(const struct tally_cell *const *cells, uint32_t n,
		     const struct tally_cell *cell)
{
	uint32_t i = 0;
	while (i < n && cell_compare(cells[i], cell) != 0)
		i++;
	return i < n;
}

/* Those of the changes' services only: a page about one of them, or of markers, which have none,
 * may reach over the whole retention, and the effects of all others would not fit into memory.  Not
 * where there are many, or both kinds. */
static void filter_services(const struct table_page *page, struct query *query,
			    const struct tally_column *column)
{
	const struct tally_cell *services[EFFECT_SERVICES] = {NULL};
	uint32_t place = place_of(page, "service"), n = 0, n_null = 0;
	uint32_t n_rows = place ? paging_rows(&page->paging, &page->rows) : 0;
	for (uint32_t i = 0; i < n_rows; i++) {
		const struct tally_cell *service = &result_set_row(&page->rows, i)[place];
		if (is_among(services, n, service))
			continue;
		if (n == EFFECT_SERVICES)
			return;
		n_null += !service->set;
		services[n++] = service;
	}
	if (n_null && n > 1)
		return;
	for (uint32_t i = 0; i < n; i++)
		query_filter(query, column, n_null ? TALLY_IS_NULL : TALLY_EQUALS, services[i]);
}

/* Of the changes between the first and the last of the page. */
static int read_effects(struct table_page *page, struct result_set *ret)
{
	const struct tally_table *table;
	struct query query;
	int64_t from, to;
	int r = context_table(page->context, "change_effects", &table);
	if (r < 0 || !table)
		return r;
	query_init(&query, page->context, table);
	query.bounded = true;
	for (int i = EFFECT_HOST; i < EFFECT_COLUMNS; i++) {
		const struct tally_column *column = table_column(table, effect_columns[i]);
		if (!column)
			return 0;
		query_select(&query, column, TALLY_RAW);
	}
	page_range(page, &from, &to);
	const struct tally_column *changed = table_column(table, "changed");
	query_filter(&query, changed, TALLY_GREATER, &(struct tally_cell){.i = from - 1, .set = 1});
	query_filter(&query, changed, TALLY_LESS, &(struct tally_cell){.i = to, .set = 1});
	filter_services(page, &query, table_column(table, "service"));
	query.spec.from = from;
	query.spec.to = to + EFFECT_LATEST;
	query.spec.limit = INT32_MAX; /* what they may take is bounded in bytes */
	return query_run(&query, ret);
}

/* ---- Whose they are ---------------------------------------------------------- */

/* A store may keep the one time to the microsecond and the other to the nanosecond. */
static int compare_times(int64_t a, int64_t b)
{
	return (a / 1000 > b / 1000) - (a / 1000 < b / 1000);
}

static int compare_services(int64_t time, const struct tally_cell *host,
			    const struct tally_cell *service, const struct tally_cell *effect)
{
	int order = compare_times(time, effect[EFFECT_CHANGED].i);
	if (order == 0)
		order = cell_compare(host, &effect[EFFECT_HOST]);
	return order ? order : cell_compare(service, &effect[EFFECT_SERVICE]);
}

/* By service and time; of several windows the longest first. */
static int compare_effects(const void *left, const void *right)
{
	const struct tally_cell *a = *(const struct tally_cell *const *)left;
	const struct tally_cell *b = *(const struct tally_cell *const *)right;
	int order = compare_services(a[EFFECT_CHANGED].i, &a[EFFECT_HOST], &a[EFFECT_SERVICE], b);
	if (order)
		return order;
	return (a[EFFECT_WINDOW].i < b[EFFECT_WINDOW].i) -
	       (a[EFFECT_WINDOW].i > b[EFFECT_WINDOW].i);
}

/* "image, limits" has "limits". */
static bool has_kind(const struct tally_cell *kinds, const struct tally_cell *kind)
{
	const char *at = kinds->text, *end = at + kinds->len;
	if (!kinds->set || !kind->set)
		return false;
	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		size_t len = (size_t)((comma ? comma : end) - at);
		if (len == kind->len && memcmp(at, kind->text, len) == 0)
			return true;
		at += len + 1;
		while (at < end && *at == ' ')
			at++;
	}
	return false;
}

struct effects {
	const struct tally_cell **sorted;
	uint32_t n;
	uint32_t host, service, kind; /* in rows of the page */
};

/* NULL: it was not judged, or not yet. */
static const struct tally_cell *find_effect(const struct effects *effects,
					    const struct tally_cell *change)
{
	const struct tally_cell *host = &change[effects->host];
	const struct tally_cell *service = &change[effects->service];
	uint32_t low = 0, high = effects->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (compare_services(change[0].i, host, service, effects->sorted[middle]) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < effects->n; low++) {
		const struct tally_cell *effect = effects->sorted[low];
		if (compare_services(change[0].i, host, service, effect) != 0)
			return NULL;
		if (has_kind(&effect[EFFECT_KINDS], &change[effects->kind]))
			return effect;
	}
	return NULL;
}

/* ---- The column -------------------------------------------------------------- */

static int make_cell(struct table_page *page, const struct tally_cell *effect,
		     struct tally_cell *ret)
{
	static const struct {
		int column;
		uint16_t type;
	} members[] = {{EFFECT_VERDICT, TALLY_TEXT},
		       {EFFECT_WINDOW, TALLY_INT},
		       {EFFECT_SUMMARY, TALLY_TEXT},
		       {EFFECT_MEASURES, TALLY_JSON}};
	struct json_writer json;
	json_writer_init(&json, HTTP_MAX_BODY);
	json_begin_object(&json);
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		json_write_key(&json, effect_columns[members[i].column]);
		json_write_cell(&json, members[i].type, &effect[members[i].column]);
	}
	json_end_object(&json);
	const char *text = json.error ? NULL : arena_copy(&page->made_texts, json.data, json.len);
	if (text)
		*ret = (struct tally_cell){.text = text, .len = (uint32_t)json.len, .set = 1};
	json_writer_done(&json);
	return text ? 0 : -ENOMEM;
}

static int make_cells(struct table_page *page, const struct result_set *rows)
{
	struct effects effects = {.n = rows->n_rows,
				  .host = place_of(page, "host"),
				  .service = place_of(page, "service"),
				  .kind = place_of(page, "kind")};
	int r = 0;
	if (!effects.n || !effects.host || !effects.service || !effects.kind)
		return 0;
	effects.sorted = calloc(effects.n, sizeof(const struct tally_cell *));
	if (!effects.sorted)
		return -ENOMEM;
	for (uint32_t i = 0; i < effects.n; i++)
		effects.sorted[i] = result_set_row(rows, i);
	qsort(effects.sorted, effects.n, sizeof(*effects.sorted), compare_effects);
	for (uint32_t i = 0; r == 0 && i < paging_rows(&page->paging, &page->rows); i++) {
		const struct tally_cell *change = result_set_row(&page->rows, i);
		const struct tally_cell *effect = find_effect(&effects, change);
		if (effect)
			r = make_cell(page, effect, &page->made_cells[i]);
	}
	free(effects.sorted);
	return r;
}

int change_effects_make(struct table_page *page)
{
	struct result_set rows auto_result_set = {.n_rows = 0};
	uint32_t n = paging_rows(&page->paging, &page->rows);
	page->made_cells = calloc((size_t)n + 1, sizeof(*page->made_cells));
	if (!page->made_cells)
		return response_unavailable(page->context->builder, "out of memory");
	int r = n ? read_effects(page, &rows) : 0;
	if (r < 0)
		return r;
	return make_cells(page, &rows) == 0
		       ? 0
		       : response_unavailable(page->context->builder, "out of memory");
}
