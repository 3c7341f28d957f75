#include "fake_store.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/query.h>
#include <time.h>

#include "base/text_match.h"
#include "base/clock.h"
#include "pipeline/batch.h"

enum { FAKE_TABLES = 16, FAKE_COLUMNS = 128 };

struct fake_rows {
	const struct tally_table *table;
	struct tally_cell *cells;
	uint32_t n;
};

struct fake_store {
	struct fake_rows tables[FAKE_TABLES];
	uint32_t n_tables;
	struct tally_cell *last; /* row handed out, and of which table */
	const struct tally_table *last_table;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	int error;
	int64_t in_time; /* from when on */
	bool hang;
	unsigned hanging, queries;
};

static void *fake_memory(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

struct fake_store *fake_store_create(void)
{
	struct fake_store *store = fake_memory(calloc(1, sizeof(*store)));
	pthread_mutex_init(&store->lock, NULL);
	pthread_cond_init(&store->changed, NULL);
	return store;
}

static bool fake_is_text(const struct tally_column *column)
{
	return column->type == TALLY_TEXT || column->type == TALLY_JSON;
}

void fake_store_destroy(struct fake_store *store)
{
	for (uint32_t t = 0; t < store->n_tables; t++) {
		struct fake_rows *rows = &store->tables[t];
		size_t n = (size_t)rows->n * rows->table->n_columns;
		for (size_t i = 0; i < n; i++)
			if (rows->cells[i].set &&
			    fake_is_text(&rows->table->columns[i % rows->table->n_columns]))
				free((void *)(uintptr_t)rows->cells[i].text);
		free(rows->cells);
	}
	pthread_cond_destroy(&store->changed);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

/* ---- Filling ------------------------------------------------------------- */

void fake_store_table(struct fake_store *store, const struct tally_table *table)
{
	if (store->n_tables == FAKE_TABLES || table->n_columns > FAKE_COLUMNS)
		abort();
	store->tables[store->n_tables++] = (struct fake_rows){.table = table};
}

void fake_store_drop(struct fake_store *store, const char *table)
{
	for (uint32_t i = 0; i < store->n_tables; i++)
		if (strcmp(store->tables[i].table->name, table) == 0 && store->tables[i].n == 0)
			store->tables[i] = store->tables[--store->n_tables];
}

static struct fake_rows *fake_find(struct fake_store *store, const char *table)
{
	for (uint32_t i = 0; i < store->n_tables; i++)
		if (strcmp(store->tables[i].table->name, table) == 0)
			return &store->tables[i];
	return NULL;
}

struct tally_cell *fake_store_row(struct fake_store *store, const char *table)
{
	struct fake_rows *rows = fake_memory(fake_find(store, table));
	size_t width = rows->table->n_columns;
	if ((rows->n & (rows->n - 1)) == 0) /* full: 0, 1, 2, 4 … */
		rows->cells = fake_memory(reallocarray(
			rows->cells, (rows->n ? 2 * rows->n : 1) * width, sizeof(*rows->cells)));
	struct tally_cell *row = rows->cells + rows->n++ * width;
	memset(row, 0, width * sizeof(*row));
	store->last = row;
	store->last_table = rows->table;
	return row;
}

/* -1: no such column. */
static int fake_column(const struct tally_table *table, const char *name)
{
	for (uint32_t i = 0; i < table->n_columns; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return (int)i;
	return -1;
}

static struct tally_cell *fake_cell_of(struct fake_store *store, struct tally_cell *row,
				       const char *column)
{
	int i = fake_column(store->last_table, column);
	if (row != store->last || i < 0) {
		fprintf(stderr, "no column %s in %s\n", column, store->last_table->name);
		abort();
	}
	row[i].set = 1;
	return &row[i];
}

void fake_store_int(struct fake_store *store, struct tally_cell *row, const char *column,
		    int64_t value)
{
	fake_cell_of(store, row, column)->i = value;
}

void fake_store_real(struct fake_store *store, struct tally_cell *row, const char *column,
		     double value)
{
	fake_cell_of(store, row, column)->f = value;
}

void fake_store_bytes(struct fake_store *store, struct tally_cell *row, const char *column,
		      const char *text, size_t len)
{
	struct tally_cell *cell = fake_cell_of(store, row, column);
	char *copy = fake_memory(malloc(len + 1));
	memcpy(copy, text, len);
	cell->text = copy;
	cell->len = (uint32_t)len;
}

void fake_store_text(struct fake_store *store, struct tally_cell *row, const char *column,
		     const char *text)
{
	fake_store_bytes(store, row, column, text, strlen(text));
}

/* ---- Failing and hanging ------------------------------------------------- */

void fake_store_fail(struct fake_store *store, int error)
{
	pthread_mutex_lock(&store->lock);
	store->error = error;
	pthread_mutex_unlock(&store->lock);
}

void fake_store_hang(struct fake_store *store, bool hang)
{
	pthread_mutex_lock(&store->lock);
	store->hang = hang;
	pthread_cond_broadcast(&store->changed);
	pthread_mutex_unlock(&store->lock);
}

void fake_store_time_out_before(struct fake_store *store, int64_t time)
{
	pthread_mutex_lock(&store->lock);
	store->in_time = time;
	pthread_mutex_unlock(&store->lock);
}

static unsigned fake_get(struct fake_store *store, const unsigned *value)
{
	pthread_mutex_lock(&store->lock);
	unsigned copy = *value;
	pthread_mutex_unlock(&store->lock);
	return copy;
}

unsigned fake_store_hanging(struct fake_store *store)
{
	return fake_get(store, &store->hanging);
}

unsigned fake_store_queries(struct fake_store *store)
{
	return fake_get(store, &store->queries);
}

/* query: that may be cancelled; NULL: none. */
static int fake_enter(struct fake_store *store, const struct tally_query *query)
{
	bool cancelled = false;
	pthread_mutex_lock(&store->lock);
	store->queries++;
	store->hanging++;
	while (store->hang && !cancelled) {
		const struct timespec soon = clock_timespec(clock_now() + 5 * CLOCK_MS);
		pthread_cond_timedwait(&store->changed, &store->lock, &soon);
		pthread_mutex_unlock(&store->lock);
		cancelled = query && query->cancelled && query->cancelled(query->cancelled_arg);
		pthread_mutex_lock(&store->lock);
	}
	store->hanging--;
	int error = cancelled ? -ECANCELED : store->error;
	if (!error && query && query->from && query->from < store->in_time)
		error = -ETIMEDOUT;
	pthread_mutex_unlock(&store->lock);
	return error;
}

/* ---- Matching ------------------------------------------------------------ */

static int fake_compare(const struct tally_column *column, const struct tally_cell *a,
			const struct tally_cell *b)
{
	if (!a->set || !b->set)
		return (int)b->set - (int)a->set; /* NULL comes last */
	if (column->type == TALLY_REAL)
		return (a->f > b->f) - (a->f < b->f);
	if (!fake_is_text(column))
		return (a->i > b->i) - (a->i < b->i);
	uint32_t len = a->len < b->len ? a->len : b->len;
	int order = memcmp(a->text, b->text, len);
	return order ? order : (a->len > b->len) - (a->len < b->len);
}

static bool fake_glob(const struct tally_cell *pattern, const struct tally_cell *cell)
{
	return text_glob(cell->text, cell->len, pattern->text, pattern->len);
}

static bool fake_contains(const struct tally_cell *value, const struct tally_cell *cell)
{
	for (uint32_t i = 0; i + value->len <= cell->len; i++)
		if (strncasecmp(cell->text + i, value->text, value->len) == 0)
			return true;
	return false;
}

/* Good enough for objects of texts without escapes. */
static bool fake_has(const struct tally_cell *cell, const struct tally_cell *value)
{
	char wanted[512], key[256], text[4096];
	snprintf(key, sizeof(key), "%.*s", (int)value->len, value->text);
	snprintf(text, sizeof(text), "%.*s", (int)cell->len, cell->text);
	char *equals = strchr(key, '=');
	if (equals)
		*equals++ = '\0';
	snprintf(wanted, sizeof(wanted), "\"%s\":\"%s%s", key, equals ? equals : "",
		 equals ? "\"" : "");
	return strstr(text, wanted) != NULL;
}

static bool fake_matches(const struct tally_column *column, const struct tally_filter *filter,
			 const struct tally_cell *cell)
{
	const struct tally_cell *value = &filter->value;
	if (filter->match == TALLY_IS_NULL || !cell->set)
		return filter->match == TALLY_IS_NULL && !cell->set;
	switch (filter->match) {
	case TALLY_EQUALS:
		return fake_compare(column, cell, value) == 0;
	case TALLY_DIFFERS:
		return fake_compare(column, cell, value) != 0;
	case TALLY_LESS:
		return fake_compare(column, cell, value) < 0;
	case TALLY_GREATER:
		return fake_compare(column, cell, value) > 0;
	case TALLY_PREFIX:
		return cell->len >= value->len && memcmp(cell->text, value->text, value->len) == 0;
	case TALLY_CONTAINS:
		return fake_contains(value, cell);
	case TALLY_GLOB:
		return fake_glob(value, cell);
	case TALLY_HAS:
		return fake_has(cell, value);
	default:
		return filter->match == TALLY_NOT_NULL;
	}
}

/* EQUALS on one column are alternatives, all else must hold. */
static bool fake_passes(const struct tally_table *table, const struct tally_query *query,
			const struct tally_cell *row)
{
	for (uint32_t i = 0; i < query->n_filters; i++) {
		const struct tally_filter *filter = &query->filters[i];
		int column = fake_column(table, filter->column);
		bool any = false;
		for (uint32_t k = 0; k < query->n_filters && !any; k++) {
			const struct tally_filter *other = &query->filters[k];
			bool alternative = filter->match == TALLY_EQUALS &&
					   other->match == TALLY_EQUALS &&
					   strcmp(other->column, filter->column) == 0;
			if (k == i || alternative)
				any = fake_matches(&table->columns[column], other, &row[column]);
		}
		if (!any)
			return false;
	}
	return table->kind == TALLY_STATE || (row[0].i >= query->from && row[0].i < query->to);
}

/* ---- Answering ----------------------------------------------------------- */

/* A query under way. */
struct fake_query {
	const struct tally_table *table;
	const struct tally_query *query;
	const struct tally_cell **rows;
	uint32_t n;
	struct tally_column columns[FAKE_COLUMNS];
	struct tally_table answer;
	int source[FAKE_COLUMNS]; /* column of the table */
};

static bool fake_is_key(const struct tally_table *table, uint32_t column)
{
	if (column == 0)
		return table->kind != TALLY_STATE;
	return table->columns[column].role == TALLY_TAG ||
	       table->columns[column].role == TALLY_ORDER;
}

static int fake_order(const void *left, const void *right, void *arg)
{
	const struct tally_table *table = arg;
	const struct tally_cell *a = *(const struct tally_cell *const *)left;
	const struct tally_cell *b = *(const struct tally_cell *const *)right;
	int order = 0;
	for (uint32_t i = 0; i < table->n_columns && order == 0; i++)
		if (fake_is_key(table, i))
			order = fake_compare(&table->columns[i], &a[i], &b[i]);
	return order;
}

static int fake_collect(struct fake_rows *rows, struct fake_query *q)
{
	q->rows = fake_memory(calloc(rows->n + 1, sizeof(struct tally_cell *)));
	for (uint32_t i = 0; i < rows->n; i++) {
		const struct tally_cell *row = rows->cells + (size_t)i * rows->table->n_columns;
		if (fake_passes(rows->table, q->query, row))
			q->rows[q->n++] = row;
	}
	qsort_r(q->rows, q->n, sizeof(*q->rows), fake_order, (void *)(uintptr_t)rows->table);
	return 0;
}

static int fake_add_column(struct fake_query *q, const char *name, uint32_t aggregate)
{
	int column = fake_column(q->table, name);
	if (column < 0 || q->answer.n_columns == FAKE_COLUMNS)
		return -EINVAL;
	struct tally_column *to = &q->columns[q->answer.n_columns];
	*to = q->table->columns[column];
	if (aggregate == TALLY_AVG || aggregate == TALLY_RATE)
		to->type = TALLY_REAL;
	if (aggregate == TALLY_COUNT)
		to->type = TALLY_INT;
	q->source[q->answer.n_columns++] = column;
	return 0;
}

static int fake_describe(struct fake_query *q)
{
	const struct tally_query *query = q->query;
	int r = 0;
	q->answer = (struct tally_table){
		.name = q->table->name, .columns = q->columns, .kind = q->table->kind};
	r = fake_add_column(q, q->table->columns[0].name, TALLY_RAW);
	for (uint32_t i = 0; r == 0 && i < query->n_group_by; i++)
		r = fake_add_column(q, query->group_by[i], TALLY_RAW);
	for (uint32_t i = 0; r == 0 && i < query->n_select; i++)
		r = fake_add_column(q, query->select[i].column, query->select[i].aggregate);
	for (uint32_t i = 0; r == 0 && i < query->n_filters; i++)
		if (fake_column(q->table, query->filters[i].column) < 0)
			r = -EINVAL;
	if (query->limit == 0 || query->deadline == 0)
		r = -EINVAL;
	return r;
}

/* Is the row after the page's last one? */
static bool fake_is_after(const struct fake_query *q, const struct tally_cell *row)
{
	uint32_t key = 0;
	for (uint32_t i = 0; i < q->table->n_columns && q->query->after; i++) {
		if (!fake_is_key(q->table, i))
			continue;
		int order = fake_compare(&q->table->columns[i], &row[i], &q->query->after[key++]);
		if (order)
			return q->query->newest_first ? order < 0 : order > 0;
	}
	return !q->query->after;
}

static void fake_raw(const struct fake_query *q, struct tally_batch *batch)
{
	for (uint32_t i = 0; i < q->n && batch->n_rows < q->query->limit; i++) {
		const struct tally_cell *row = q->rows[q->query->newest_first ? q->n - 1 - i : i];
		if (!fake_is_after(q, row))
			continue;
		struct tally_cell *out = batch_row(batch);
		for (uint32_t c = 0; c < q->answer.n_columns; c++)
			out[c] = row[q->source[c]];
	}
}

static int64_t fake_bucket(const struct fake_query *q, const struct tally_cell *row)
{
	return q->query->bucket ? row[0].i - row[0].i % q->query->bucket : 0;
}

static bool fake_same_group(const struct fake_query *q, const struct tally_cell *a,
			    const struct tally_cell *b)
{
	if (fake_bucket(q, a) != fake_bucket(q, b))
		return false;
	for (uint32_t i = 0; i < q->query->n_group_by; i++) {
		int column = q->source[1 + i];
		if (fake_compare(&q->table->columns[column], &a[column], &b[column]) != 0)
			return false;
	}
	return true;
}

struct fake_sum {
	double sum, min, max, increase, last_value;
	int64_t first, last;
	uint32_t n;
};

static void fake_sum_add(struct fake_sum *sum, int64_t time, double value)
{
	if (sum->n == 0)
		*sum = (struct fake_sum){.min = value, .max = value, .first = time};
	else
		sum->increase += value < sum->last_value ? value : value - sum->last_value;
	sum->sum += value;
	sum->min = value < sum->min ? value : sum->min;
	sum->max = value > sum->max ? value : sum->max;
	sum->last = time;
	sum->last_value = value;
	sum->n++;
}

static void fake_put_number(struct tally_cell *cell, uint16_t type, double value)
{
	cell->set = 1;
	if (type == TALLY_REAL)
		cell->f = value;
	else
		cell->i = (int64_t)value;
}

static void fake_aggregate(const struct fake_query *q, uint32_t first, uint32_t column,
			   uint32_t aggregate, struct tally_cell *out)
{
	int source = q->source[column];
	bool real = q->table->columns[source].type == TALLY_REAL;
	struct fake_sum sum = {.n = 0};
	int64_t newest = INT64_MIN;
	for (uint32_t i = 0; i < q->n; i++) {
		const struct tally_cell *cell = &q->rows[i][source];
		if (!fake_same_group(q, q->rows[first], q->rows[i]))
			continue;
		if (aggregate == TALLY_LAST && q->rows[i][0].i >= newest) {
			newest = q->rows[i][0].i;
			*out = *cell;
		}
		if (cell->set)
			fake_sum_add(&sum, q->rows[i][0].i, real ? cell->f : (double)cell->i);
	}
	if (aggregate == TALLY_LAST || (sum.n == 0 && aggregate != TALLY_COUNT))
		return;
	double seconds = (double)(sum.last - sum.first) / 1e9;
	double values[] = {[TALLY_AVG] = sum.sum / sum.n,
			   [TALLY_MIN] = sum.min,
			   [TALLY_MAX] = sum.max,
			   [TALLY_SUM] = sum.sum,
			   [TALLY_RATE] = seconds > 0 ? sum.increase / seconds : 0,
			   [TALLY_COUNT] = sum.n};
	if (aggregate == TALLY_RATE && seconds <= 0)
		return;
	fake_put_number(out, q->columns[column].type, values[aggregate]);
}

static int64_t fake_group_time(const struct fake_query *q, uint32_t first)
{
	int64_t time = q->rows[first][0].i;
	if (q->query->bucket)
		return fake_bucket(q, q->rows[first]);
	for (uint32_t i = 0; i < q->n; i++)
		if (fake_same_group(q, q->rows[first], q->rows[i]) && q->rows[i][0].i > time)
			time = q->rows[i][0].i;
	return time;
}

/* Does a group begin here, in the order of the answer? */
static bool fake_is_new_group(const struct fake_query *q, uint32_t row)
{
	uint32_t from = q->query->newest_first ? row + 1 : 0;
	uint32_t to = q->query->newest_first ? q->n : row;
	for (uint32_t k = from; k < to; k++)
		if (fake_same_group(q, q->rows[k], q->rows[row]))
			return false;
	return true;
}

static void fake_grouped(const struct fake_query *q, struct tally_batch *batch)
{
	for (uint32_t n = 0; n < q->n && batch->n_rows < q->query->limit; n++) {
		uint32_t i = q->query->newest_first ? q->n - 1 - n : n;
		if (!fake_is_new_group(q, i))
			continue;
		struct tally_cell *out = batch_row(batch);
		out[0] = (struct tally_cell){.i = fake_group_time(q, i), .set = 1};
		uint32_t c = 1;
		for (; c <= q->query->n_group_by; c++)
			out[c] = q->rows[i][q->source[c]];
		for (uint32_t s = 0; s < q->query->n_select; s++, c++)
			fake_aggregate(q, i, c, q->query->select[s].aggregate, &out[c]);
	}
}

static int fake_answer(struct fake_rows *rows, struct fake_query *q, tally_rows_fn *each, void *arg)
{
	bool raw = q->query->n_select == 0 || q->query->select[0].aggregate == TALLY_RAW;
	int r = fake_describe(q);
	if (r < 0)
		return r;
	fake_collect(rows, q);
	struct tally_batch *batch = fake_memory(batch_create(&q->answer));
	if (raw)
		fake_raw(q, batch);
	else
		fake_grouped(q, batch);
	r = batch->n_rows ? each(arg, batch) : 0;
	batch_drop(batch);
	free(q->rows);
	return r;
}

static int fake_query_store(void *self, const struct tally_query *query, tally_rows_fn *each,
			    void *arg)
{
	struct fake_store *store = self;
	struct fake_rows *rows = fake_find(store, query->table);
	int r = fake_enter(store, query);
	if (r < 0)
		return r;
	if (!rows)
		return -ENOENT;
	struct fake_query *q = fake_memory(calloc(1, sizeof(*q)));
	q->table = rows->table;
	q->query = query;
	r = fake_answer(rows, q, each, arg);
	free(q);
	return r;
}

static int fake_tables(void *self, tally_table_fn *each, void *arg)
{
	struct fake_store *store = self;
	int r = fake_enter(store, NULL);
	for (uint32_t i = 0; r == 0 && i < store->n_tables; i++)
		r = each(arg, store->tables[i].table);
	return r;
}

const struct tally_store_ops *fake_store_reader(void)
{
	static const struct tally_store_ops reader = {
		.size = sizeof(reader), .query = fake_query_store, .tables = fake_tables};
	return &reader;
}
