/*
 * From a word in a URL to one container: a whole id, a name, or the beginning of an id.  On a
 * worker's thread; each try is a query to the store, and the first that finds something ends it.
 *
 * A name may have belonged to many containers, one after the other.  Those that still exist win,
 * then the newest of those that are gone; if more than one is left, the answer is a 409 that lists
 * a few of them, because guessing would show the readings of the wrong one.
 *
 * Who shows the container itself gets its row from the same query, wherever only one that exists
 * fits: a round trip less.
 */
#include "query/container_lookup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "query/catalog_cache.h"

enum { FIND_LIMIT = 100, FIND_ID_LENGTH = 64, FIND_SHOWN = 5 };

/* Of all that fit: as many as the limit lets through; of these, those that exist; or the newest. */
enum find_which { FIND_ANY, FIND_EXISTING, FIND_NEWEST };

/* Where the columns of the answer are. */
enum { FIND_TIME, FIND_HOST, FIND_ID, FIND_NAME, FIND_GONE };

struct search {
	struct context *context;
	const struct tally_table *table;
	const struct tally_column *host, *id, *name, *gone;
	bool state;               /* of container_info; else names are taken from the readings */
	bool like_id;             /* the word may be one, or its beginning */
	struct result_set *whole; /* where a row with all its columns goes; NULL: not wanted */
};

static bool search_learn(struct search *search, const struct tally_table *table)
{
	search->table = table;
	search->state = table->kind == TALLY_STATE;
	search->host = table_column(table, "host");
	search->id = table_column(table, "container_id");
	search->name = table_column(table, "name");
	search->gone = table_gone(table);
	return search->host && search->id && search->name;
}

/* container_info; where no input collects it, the tags of container_stats will do. */
static int search_open(struct search *search, struct context *context)
{
	static const char *const names[] = {"container_info", "container_stats"};
	*search = (struct search){.context = context};
	for (int i = 0; i < 2; i++) {
		const struct tally_table *table;
		int r = context_table(context, names[i], &table);
		if (r < 0)
			return r;
		if (table && search_learn(search, table))
			return 0;
		search->table = NULL;
	}
	return 0;
}

static void select_state(const struct search *search, uint32_t aggregate, struct query *query)
{
	query_select(query, search->host, aggregate);
	query_select(query, search->id, aggregate);
	query_select(query, search->name, aggregate);
	if (search->gone)
		query_select(query, search->gone, aggregate);
}

/* Limited only by what a result set may hold: stores refuse groups beyond a limit.  Only the names
 * matter here, not what was measured, so one field is enough. */
static void select_readings(const struct search *search, struct query *query)
{
	query_group(query, search->host);
	query_group(query, search->id);
	query_group(query, search->name);
	query->spec.from =
		search->context->now - search->context->config->max_query_range_days * CLOCK_DAY;
	query->spec.newest_first = 1;
	query->spec.limit = INT32_MAX;
	for (uint32_t i = 1; i < search->table->n_columns; i++) {
		if (!column_is_number(&search->table->columns[i]))
			continue;
		query_select(query, &search->table->columns[i], TALLY_LAST);
		return;
	}
}

/* One try: what is looked for, and where. */
struct attempt {
	const struct search *search;
	const struct tally_column *column;
	uint32_t match;
	const char *word;
};

static void attempt_filter(const struct attempt *attempt, enum find_which which,
			   struct query *query)
{
	static const struct tally_cell none = {.set = 0};
	const struct search *search = attempt->search;
	const char *host = target_param(search->context->target, "host");
	query_text(query, attempt->column, attempt->match, attempt->word);
	if (host)
		query_text(query, search->host, TALLY_EQUALS, host);
	if (which == FIND_EXISTING)
		query_filter(query, search->gone, TALLY_IS_NULL, &none);
}

static int attempt_run(const struct attempt *attempt, enum find_which which, struct result_set *ret)
{
	const struct search *search = attempt->search;
	struct query query;
	query_init(&query, search->context, search->table);
	query.spec.limit = FIND_LIMIT;
	if (search->state)
		select_state(search, which == FIND_NEWEST ? TALLY_LAST : TALLY_RAW, &query);
	else
		select_readings(search, &query);
	attempt_filter(attempt, which, &query);
	return query_run(&query, ret);
}

static int attempt_again(const struct attempt *attempt, enum find_which which,
			 struct result_set *rows)
{
	result_set_done(rows);
	return attempt_run(attempt, which, rows);
}

/*
 * Rows come in the order of their keys.  So of a name that was recreated often, the one container
 * that exists may lie beyond the limit, and so may the newest of those that are gone.
 */
static int attempt_find(const struct attempt *attempt, struct result_set *rows)
{
	const struct search *search = attempt->search;
	int r = attempt_run(attempt, FIND_ANY, rows);
	if (r < 0 || !search->state || !search->gone || rows->n_rows < FIND_LIMIT)
		return r;
	r = attempt_again(attempt, FIND_EXISTING, rows);
	if (r < 0 || rows->n_rows > 0)
		return r;
	bool by_name = attempt->column == search->name;
	return attempt_again(attempt, by_name ? FIND_NEWEST : FIND_ANY, rows);
}

/* Readings do not say which containers are gone; then all count as existing. */
static bool row_is_gone(const struct search *search, const struct result_set *rows, uint32_t row)
{
	return search->state && search->gone && result_set_row(rows, row)[FIND_GONE].set;
}

static void copy_cell(char ret[CONTAINER_TEXT_SIZE], const struct tally_cell *cell)
{
	size_t room = CONTAINER_TEXT_SIZE - 1;
	size_t len = cell->set ? strnlen(cell->text, cell->len < room ? cell->len : room) : 0;
	*(char *)mempcpy(ret, cell->set ? cell->text : "", len) = '\0';
}

static void copy_row(const struct result_set *rows, uint32_t row, struct container *ret)
{
	const struct tally_cell *cells = result_set_row(rows, row);
	copy_cell(ret->host, &cells[FIND_HOST]);
	copy_cell(ret->id, &cells[FIND_ID]);
	copy_cell(ret->name, &cells[FIND_NAME]);
}

/* Different names of one id, as the readings of a renamed container have, are one container. */
static bool same_container(const struct result_set *rows, uint32_t a, uint32_t b)
{
	const struct tally_cell *left = &result_set_row(rows, a)[FIND_ID];
	const struct tally_cell *right = &result_set_row(rows, b)[FIND_ID];
	return left->set && right->set && left->len == right->len &&
	       memcmp(left->text, right->text, left->len) == 0;
}

struct candidates {
	uint32_t newest, n; /* n: different containers */
};

static struct candidates count_candidates(const struct search *search,
					  const struct result_set *rows, bool gone)
{
	struct candidates found = {0, 0};
	for (uint32_t i = 0; i < rows->n_rows; i++) {
		if (row_is_gone(search, rows, i) != gone)
			continue;
		if (found.n == 0 || !same_container(rows, found.newest, i))
			found.n++;
		if (found.n == 1 || result_set_row(rows, i)[FIND_TIME].i >
					    result_set_row(rows, found.newest)[FIND_TIME].i)
			found.newest = i;
	}
	return found;
}

/* The first of them, so that the next request can say which one is meant. */
static int say_ambiguous(const struct search *search, const struct result_set *rows,
			 const char *word, const char *parameter, bool gone)
{
	char list[768] = "";
	size_t len = 0;
	unsigned shown = 0;
	for (uint32_t i = 0; i < rows->n_rows && shown < FIND_SHOWN; i++) {
		struct container one;
		if (row_is_gone(search, rows, i) != gone)
			continue;
		copy_row(rows, i, &one);
		if (len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len,
						"%s%.12s (%.64s on %.64s)", shown++ ? ", " : "",
						one.id, one.name, one.host);
	}
	return response_problem(
		search->context->builder, 409, parameter,
		"\"%s\" fits several containers: %s%s; give more of the id, or host=", word, list,
		rows->n_rows > shown ? ", …" : "");
}

/* 1: found; 0: nothing fits; else a problem.  names: of several gone ones the newest is meant. */
static int choose(const struct search *search, const struct result_set *rows, const char *word,
		  const char *parameter, struct container *ret)
{
	struct candidates found = count_candidates(search, rows, false);
	bool gone = found.n == 0;
	if (gone)
		found = count_candidates(search, rows, true);
	if (found.n == 0)
		return 0;
	bool by_name = cell_equals(&result_set_row(rows, found.newest)[FIND_NAME], word);
	if (found.n > 1 && !(by_name && (gone || !search->state)))
		return say_ambiguous(search, rows, word, parameter, gone);
	copy_row(rows, found.newest, ret);
	return 1;
}

/* Whether one that exists, or whose whole id this is, can be asked for with all its columns.  Of a
 * name that may be the beginning of an id, most often there is none. */
static bool attempt_may_be_whole(const struct attempt *attempt)
{
	const struct search *search = attempt->search;
	return search->whole && search->state && search->gone &&
	       !(search->like_id && attempt->column == search->name);
}

/* 1: exactly one container exists that it can mean, so whatever is gone does not matter; its row is
 * in search->whole.  0: it is not as simple as that. */
static int attempt_whole(const struct attempt *attempt, struct container *ret)
{
	const struct search *search = attempt->search;
	const struct tally_column *columns = search->table->columns;
	bool by_id = attempt->column == search->id && attempt->match == TALLY_EQUALS;
	struct query query;
	query_init(&query, search->context, search->table);
	query.bounded = true;
	query.spec.limit = 2;
	for (uint32_t i = 1; i < search->table->n_columns && i < RESULT_SET_MAX_COLUMNS; i++)
		query_select(&query, &columns[i], TALLY_RAW);
	attempt_filter(attempt, by_id ? FIND_ANY : FIND_EXISTING, &query);
	result_set_done(search->whole);
	int r = query_run(&query, search->whole);
	if (r < 0 || search->whole->n_rows != 1) {
		result_set_cut(search->whole, 0);
		return r;
	}
	const struct tally_cell *row = result_set_row(search->whole, 0);
	copy_cell(ret->host, &row[search->host - columns]);
	copy_cell(ret->id, &row[search->id - columns]);
	copy_cell(ret->name, &row[search->name - columns]);
	return 1;
}

static int try_match(const struct search *search, const struct tally_column *column, uint32_t match,
		     const char *word, struct container *ret, const char *parameter)
{
	const struct attempt attempt = {search, column, match, word};
	struct result_set rows auto_result_set = {.n_rows = 0};
	int r = attempt_may_be_whole(&attempt) ? attempt_whole(&attempt, ret) : 0;
	if (r != 0)
		return r;
	r = attempt_find(&attempt, &rows);
	return r < 0 ? r : choose(search, &rows, word, parameter, ret);
}

static int find(struct context *context, const char *word, const char *parameter,
		struct result_set *whole, struct container *ret)
{
	struct search search;
	int r = search_open(&search, context);
	if (r < 0)
		return r;
	/* A name may look like an id; then both are tried. */
	bool id = *word && word[strspn(word, "0123456789abcdef")] == '\0';
	search.like_id = id;
	search.whole = whole;
	if (search.table && id && strlen(word) == FIND_ID_LENGTH)
		r = try_match(&search, search.id, TALLY_EQUALS, word, ret, parameter);
	if (search.table && r == 0)
		r = try_match(&search, search.name, TALLY_EQUALS, word, ret, parameter);
	if (search.table && r == 0 && id)
		r = try_match(&search, search.id, TALLY_PREFIX, word, ret, parameter);
	if (r != 0)
		return r < 0 ? r : 0;
	const char *host = target_param(context->target, "host");
	return response_problem(context->builder, 404, parameter,
				"there is no container \"%s\"%s%.64s%s", word,
				host ? " on host \"" : "", host ? host : "", host ? "\"" : "");
}

int container_find(struct context *context, const char *word, const char *parameter,
		   struct container *ret)
{
	return find(context, word, parameter, NULL, ret);
}

int container_find_row(struct context *context, const char *word, struct container *ret,
		       struct result_set *ret_row)
{
	result_set_init(ret_row, 0);
	return find(context, word, NULL, ret_row, ret);
}
