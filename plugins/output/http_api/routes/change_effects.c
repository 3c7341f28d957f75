/*
 * The rows of change_effects that belong to a page of changes: each that the store gives looks for
 * its change.  On a worker's thread.
 *
 * What is asked for are the effects of the page's services between its first and its last change.
 * Among them may be any number that belong to no change of the page (another kind, another host),
 * so none is kept but in the cell of its change: what this takes is bounded by the page.
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

enum { EFFECT_SERVICES = 64 }; /* that are asked for by name at once */

/* The longest window there is, and the time that its rows have to come. */
#define EFFECT_LATEST (CLOCK_DAY + CLOCK_HOUR)

/* A change of the page. */
struct change {
	const struct tally_cell *row;
	int64_t window;          /* of the effect in its cell */
	struct tally_cell *cell; /* of the page */
};

struct changes {
	struct table_page *page;
	struct change *sorted; /* by time, host, service */
	uint32_t n;
	uint32_t host, service, kind; /* in rows of the page */
};

/* A store may keep the one time to the microsecond and the other to the nanosecond. */
static int compare_times(int64_t a, int64_t b)
{
	return (a / 1000 > b / 1000) - (a / 1000 < b / 1000);
}

static int compare_changes(const void *left, const void *right, void *arg)
{
	const struct change *a = left, *b = right;
	const struct changes *changes = arg;
	int order = compare_times(a->row[0].i, b->row[0].i);
	if (order == 0)
		order = cell_compare(&a->row[changes->host], &b->row[changes->host]);
	return order ? order : cell_compare(&a->row[changes->service], &b->row[changes->service]);
}

static int compare_effect(const struct changes *changes, const struct change *change,
			  const struct tally_cell *effect)
{
	int order = compare_times(change->row[0].i, effect[EFFECT_CHANGED].i);
	if (order == 0)
		order = cell_compare(&change->row[changes->host], &effect[EFFECT_HOST]);
	return order ? order
		     : cell_compare(&change->row[changes->service], &effect[EFFECT_SERVICE]);
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

/* ---- The column -------------------------------------------------------------- */

static int write_cell(struct table_page *page, const struct tally_cell *effect,
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

/* Copied first, since that cuts what no answer has room for. */
static int make_cell(struct table_page *page, const struct tally_batch *batch, uint32_t row,
		     struct tally_cell *ret)
{
	const struct tally_batch one = {.table = batch->table,
					.cells = batch->cells +
						 (size_t)row * batch->table->n_columns,
					.n_rows = 1};
	struct result_set effect auto_result_set;
	result_set_init(&effect, EFFECT_COLUMNS);
	effect.bounded = true;
	int r = result_set_add(&effect, &one);
	return r < 0 ? r : write_cell(page, result_set_row(&effect, 0), ret);
}

/* ---- Whose an effect is ------------------------------------------------------ */

/* The first change that is not before it. */
static uint32_t find_change(const struct changes *changes, const struct tally_cell *effect)
{
	uint32_t low = 0, high = changes->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (compare_effect(changes, &changes->sorted[middle], effect) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int take_effect(struct changes *changes, const struct tally_batch *batch, uint32_t row)
{
	const struct tally_cell *effect = batch->cells + (size_t)row * EFFECT_COLUMNS;
	int r = 0;
	for (uint32_t i = find_change(changes, effect); r == 0 && i < changes->n; i++) {
		struct change *change = &changes->sorted[i];
		if (compare_effect(changes, change, effect) != 0)
			break;
		if (!has_kind(&effect[EFFECT_KINDS], &change->row[changes->kind]) ||
		    (change->cell->set && effect[EFFECT_WINDOW].i <= change->window))
			continue;
		change->window = effect[EFFECT_WINDOW].i;
		r = make_cell(changes->page, batch, row, change->cell);
	}
	return r;
}

static int take_effects(void *arg, const struct tally_batch *batch)
{
	int r = batch->table->n_columns == EFFECT_COLUMNS ? 0 : -EPROTO;
	for (uint32_t i = 0; r == 0 && i < batch->n_rows; i++)
		r = take_effect(arg, batch, i);
	return r;
}

/* ---- Reading ----------------------------------------------------------------- */

/* From the first to the last change of the page: to the microsecond, as stores may keep them. */
static void begin_query(const struct changes *changes, const struct tally_table *table,
			struct query *ret)
{
	const struct tally_column *changed = table_column(table, "changed");
	int64_t from = changes->sorted[0].row[0].i;
	int64_t to = changes->sorted[changes->n - 1].row[0].i + 1000;
	query_init(ret, changes->page->context, table);
	for (int i = EFFECT_HOST; i < EFFECT_COLUMNS; i++)
		query_select(ret, table_column(table, effect_columns[i]), TALLY_RAW);
	query_filter(ret, changed, TALLY_GREATER, &(struct tally_cell){.i = from - 1, .set = 1});
	query_filter(ret, changed, TALLY_LESS, &(struct tally_cell){.i = to, .set = 1});
	ret->spec.from = from;
	ret->spec.to = to + EFFECT_LATEST;
	ret->spec.limit = INT32_MAX; /* none is kept */
}

static int run_query(struct changes *changes, struct query *query)
{
	int r = query_stream(query, take_effects, changes);
	return r == -ETIMEDOUT ? query_timed_out(changes->page->context) : r;
}

static int compare_cells(const void *left, const void *right)
{
	return cell_compare(*(const struct tally_cell *const *)left,
			    *(const struct tally_cell *const *)right);
}

/* Those of the changes' services only, so many at a time: the effects of all others would take
 * longer to read than those that are wanted.  Markers have no service. */
static int read_of_services(struct changes *changes, const struct tally_table *table,
			    const struct tally_cell **services)
{
	const struct tally_column *column = table_column(table, "service");
	struct query query;
	uint32_t n_asked = 0;
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < changes->n; i++) {
		bool last = i + 1 == changes->n;
		if (!last && cell_compare(services[i], services[i + 1]) == 0)
			continue;
		if (!n_asked)
			begin_query(changes, table, &query);
		query_filter(&query, column, services[i]->set ? TALLY_EQUALS : TALLY_IS_NULL,
			     services[i]);
		n_asked++;
		if (!last && services[i]->set && n_asked < EFFECT_SERVICES)
			continue;
		r = run_query(changes, &query);
		n_asked = 0;
	}
	return r;
}

static int read_effects(struct changes *changes)
{
	struct context *context = changes->page->context;
	const struct tally_table *table;
	int r = context_table(context, "change_effects", &table);
	if (r < 0 || !table)
		return r;
	for (int i = EFFECT_HOST; i < EFFECT_COLUMNS; i++)
		if (!table_column(table, effect_columns[i]))
			return 0;
	const struct tally_cell **services = calloc(changes->n, sizeof(*services));
	if (!services)
		return response_unavailable(context->builder, "out of memory");
	for (uint32_t i = 0; i < changes->n; i++)
		services[i] = &changes->sorted[i].row[changes->service];
	qsort(services, changes->n, sizeof(*services), compare_cells);
	r = read_of_services(changes, table, services);
	free(services);
	return r;
}

/* ---- The page ---------------------------------------------------------------- */

/* Where a column of the list stands in its rows; 0: nowhere. */
static uint32_t place_of(const struct table_page *page, const char *name)
{
	for (uint32_t i = 0; i < page->n; i++)
		if (strcmp(page->columns[i]->name, name) == 0)
			return 1 + i;
	return 0;
}

static int make_all(struct changes *changes)
{
	struct table_page *page = changes->page;
	for (uint32_t i = 0; i < changes->n; i++)
		changes->sorted[i] = (struct change){.row = result_set_row(&page->rows, i),
						     .cell = &page->made_cells[i]};
	if (!changes->n || !changes->host || !changes->service || !changes->kind)
		return 0;
	qsort_r(changes->sorted, changes->n, sizeof(*changes->sorted), compare_changes, changes);
	return read_effects(changes);
}

int change_effects_make(struct table_page *page)
{
	uint32_t n = paging_rows(&page->paging, &page->rows);
	struct change *sorted = calloc((size_t)n + 1, sizeof(*sorted));
	struct changes changes = {.page = page,
				  .sorted = sorted,
				  .n = n,
				  .host = place_of(page, "host"),
				  .service = place_of(page, "service"),
				  .kind = place_of(page, "kind")};
	page->made_cells = calloc((size_t)n + 1, sizeof(*page->made_cells));
	int r = sorted && page->made_cells
			? make_all(&changes)
			: response_unavailable(page->context->builder, "out of memory");
	free(sorted);
	return r;
}
