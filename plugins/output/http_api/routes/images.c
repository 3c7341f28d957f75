/*
 * /api/v1/images: the images, and which containers use them.  An image is the same on every host
 * that has it, so one image is answered with a row a host.  On a worker's thread.
 *
 * An image has many names and one id, the digest of its configuration.  A word in the path is tried
 * as a reference first, with :latest if it has no tag, as docker does; then as the beginning of an
 * id.  If rows of several ids remain the answer is a 409 that names some: guessing would show
 * another image.
 */
#include "base/cleanup.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "routes/list_endpoint.h"
#include "query/catalog_cache.h"
#include "base/json_cell.h"
#include "routes/endpoint.h"

static const struct list_filter filters[] = {
	{"host", "host", TALLY_EQUALS},
	{"reference", "tags", TALLY_CONTAINS},
	{"dangling", "dangling", TALLY_EQUALS},
	{"outdated", "outdated", TALLY_GREATER},
	{.param = NULL},
};
static const struct list images = {"docker_images", filters};

int images_list(struct context *context)
{
	return list_answer(context, &images, NULL);
}

/* ---- One image ----------------------------------------------------------- */

enum { IMAGE_WORD_SIZE = 512, IMAGE_SHOWN = 5 };

struct search {
	struct context *context;
	const struct tally_table *table;
	const struct tally_column *columns[RESULT_SET_MAX_COLUMNS]; /* after the time */
	uint32_t n, host, id, gone;                                 /* where in a row; 0: nowhere */
	struct result_set rows;
};

static void search_done(struct search *search)
{
	result_set_done(&search->rows);
}
#define auto_search __attribute__((cleanup(search_done)))

/* All columns of the table are shown; three are looked for by name. */
static void search_learn(struct search *search)
{
	for (uint32_t i = 1; i < search->table->n_columns && i < RESULT_SET_MAX_COLUMNS; i++) {
		const struct tally_column *column = &search->table->columns[i];
		search->columns[search->n++] = column;
		if (strcmp(column->name, "host") == 0)
			search->host = i;
		else if (strcmp(column->name, "image_id") == 0)
			search->id = i;
		else if (column->role == TALLY_GONE)
			search->gone = i;
	}
}

/* One try: rows in which this column matches, on the host that was asked for. */
static int search_run(struct search *search, const char *column_name, uint32_t match,
		      const char *text)
{
	const struct tally_column *column = table_column(search->table, column_name);
	const char *host = target_param(search->context->target, "host");
	struct query query;
	if (!column)
		return 0;
	query_init(&query, search->context, search->table);
	for (uint32_t i = 0; i < search->n; i++)
		query_select(&query, search->columns[i], TALLY_RAW);
	query_text(&query, column, match, text);
	if (host)
		query_text(&query, search->columns[search->host - 1], TALLY_EQUALS, host);
	return query_run(&query, &search->rows);
}

/* As it stands in the array of tags, with its quotes, so that "web:1" does not find "my-web:1" or
 * "web:10".  A colon before the last / is the port of a registry, not a tag. */
static int search_reference(struct search *search, const char *word)
{
	char text[IMAGE_WORD_SIZE];
	const char *slash = strrchr(word, '/');
	bool tagged = strchr(slash ? slash : word, ':');
	int len = snprintf(text, sizeof(text), "\"%s%s\"", word, tagged ? "" : ":latest");
	return len < (int)sizeof(text) ? search_run(search, "tags", TALLY_CONTAINS, text) : 0;
}

/* Anything that is not hexadecimal cannot be the beginning of an id: no query is worth it. */
static int search_id(struct search *search, const char *word)
{
	static const char prefix[] = "sha256:";
	char text[IMAGE_WORD_SIZE];
	const char *hex = strncmp(word, prefix, strlen(prefix)) ? word : word + strlen(prefix);
	int len = snprintf(text, sizeof(text), "%s%s", prefix, hex);
	if (len >= (int)sizeof(text) || !*hex || hex[strspn(hex, "0123456789abcdef")])
		return 0;
	return search_run(search, "image_id", TALLY_PREFIX, text);
}

static bool row_fits(const struct search *search, uint32_t row, bool gone)
{
	return (search->gone && result_set_row(&search->rows, row)[search->gone].set) == gone;
}

/* The id that all rows share; NULL: there are none; *ret_many: there are several ids. */
static const struct tally_cell *one_id(const struct search *search, bool gone, bool *ret_many)
{
	const struct tally_cell *id = NULL;
	for (uint32_t i = 0; i < search->rows.n_rows; i++) {
		const struct tally_cell *cell = &result_set_row(&search->rows, i)[search->id];
		if (!row_fits(search, i, gone))
			continue;
		*ret_many |= id && cell_compare(id, cell) != 0;
		id = cell;
	}
	return id;
}

/* Names the first few, so that the next request can say which one is meant. */
static int say_ambiguous(const struct search *search, bool gone)
{
	char list[512] = "";
	size_t len = 0;
	for (uint32_t i = 0, shown = 0; i < search->rows.n_rows && shown < IMAGE_SHOWN; i++) {
		const struct tally_cell *row = result_set_row(&search->rows, i);
		if (!row_fits(search, i, gone) || len >= sizeof(list))
			continue;
		len += (size_t)snprintf(
			list + len, sizeof(list) - len, "%s%.*s on %.*s", shown++ ? ", " : "",
			row[search->id].len < 19 ? 0 : 19, row[search->id].text,
			row[search->host].len < 64 ? (int)row[search->host].len : 64,
			row[search->host].text);
	}
	return response_problem(search->context->builder, 409, NULL,
				"\"%s\" fits several images: %s; give more of the id, or host=",
				search->context->segment, list);
}

static void write_image(const struct search *search, const struct tally_cell *id, bool gone)
{
	struct json_writer *json = &search->context->builder->body;
	json_begin_object(json);
	json_write_key(json, "image_id");
	json_write_text(json, id->text, id->len);
	json_write_key(json, "hosts");
	json_begin_array(json);
	for (uint32_t i = 0; i < search->rows.n_rows; i++) {
		const struct tally_cell *row = result_set_row(&search->rows, i);
		if (!row_fits(search, i, gone))
			continue;
		json_begin_object(json);
		json_write_key(json, search->table->columns[0].name);
		json_write_cell(json, TALLY_TIME, &row[0]);
		for (uint32_t k = 1; k <= search->n; k++) {
			json_write_key(json, search->columns[k - 1]->name);
			json_write_cell(json, search->rows.types[k], &row[k]);
		}
		json_end_object(json);
	}
	json_end_array(json);
	json_end_object(json);
}

/* Images that exist win over those that are gone. */
static int answer_found(struct search *search)
{
	bool many = false, gone = false;
	const struct tally_cell *id = one_id(search, false, &many);
	if (!id) {
		gone = true;
		id = one_id(search, true, &many);
	}
	if (!id)
		return response_problem(search->context->builder, 404, NULL,
					"there is no image \"%s\"", search->context->segment);
	if (many)
		return say_ambiguous(search, gone);
	write_image(search, id, gone);
	return 0;
}

int images_one(struct context *context)
{
	struct search search auto_search = {.context = context};
	int r = context_table(context, images.table, &search.table);
	if (r < 0)
		return r;
	if (search.table)
		search_learn(&search);
	if (search.host && search.id) {
		r = search_reference(&search, context->segment);
		if (r == 0 && search.rows.n_rows == 0) {
			result_set_done(&search.rows);
			r = search_id(&search, context->segment);
		}
	}
	return r < 0 ? r : answer_found(&search);
}
