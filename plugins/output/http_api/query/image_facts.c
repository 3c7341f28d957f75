/*
 * Facts about images: read out of JSON columns in place, put under the reference in its one
 * spelling, and sorted.  On a worker's thread, for routes/versions.c alone.
 *
 *	query_changes()    image_versions: when a reference began to point elsewhere
 *	query_images()     docker_images: what a reference points to, and its containers
 *	collect_facts()    one fact per reference, user and change
 *	qsort()            by host and reference, then kind, then as they came (newest first)
 *
 * Facts point into the two result sets, which therefore live as long.  Without one of the tables,
 * or with other columns, that part is empty.  What can fail is the store, with a problem written,
 * and memory, which is remembered while collecting and reported at the end.
 */
#include "query/image_facts.h"

#include "base/cleanup.h"
#include "base/text_match.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/catalog_cache.h"

static const char *const image_columns[] = {"host", "image_id", "tags", "used_by"};
static const char *const change_columns[] = {"host",     "reference", "change",
					     "image_id", "digest",    "previous_image_id"};
enum { IMAGE_COLUMNS = 4, CHANGE_COLUMNS = 6 };

void image_facts_done(struct image_facts *facts)
{
	for (uint32_t i = 0; i < facts->n; i++)
		free(facts->list[i].reference);
	free(facts->list);
	result_set_done(&facts->images);
	result_set_done(&facts->changes);
}

/* ---- References ---------------------------------------------------------- */

static const char *without(const char *text, size_t *len, const char *prefix)
{
	size_t n = strlen(prefix);
	if (*len <= n || memcmp(text, prefix, n) != 0)
		return text;
	*len -= n;
	return text + n;
}

/* nginx, nginx:latest and docker.io/library/nginx are one.  false: too long, or an image's id. */
static bool reference_normal(const char *text, size_t len, char ret[REFERENCE_MAX])
{
	text = without(text, &len, "index.docker.io/");
	text = without(text, &len, "docker.io/");
	text = without(text, &len, "library/");
	if (len == 0 || len + sizeof(":latest") > REFERENCE_MAX ||
	    (len > 7 && memcmp(text, "sha256:", 7) == 0))
		return false;
	const char *slash = memrchr(text, '/', len);
	const char *name = slash ? slash : text;
	size_t name_len = len - (size_t)(name - text);
	bool tagged = memchr(name, ':', name_len) || memchr(text, '@', len);
	snprintf(ret, REFERENCE_MAX, "%.*s%s", (int)len, text, tagged ? "" : ":latest");
	return true;
}

static bool is_wanted(const struct image_facts *facts, const char *reference)
{
	if (!facts->wanted[0])
		return true;
	if (facts->pattern)
		return text_fits(reference, facts->wanted);
	return strcmp(facts->wanted, reference) == 0;
}

static int read_wanted(struct image_facts *facts)
{
	const char *text = target_param(facts->context->target, "reference");
	if (!text)
		return 0;
	facts->pattern = strpbrk(text, "*?");
	if (facts->pattern && strlen(text) < REFERENCE_MAX)
		snprintf(facts->wanted, sizeof(facts->wanted), "%s", text);
	else if (facts->pattern || !reference_normal(text, strlen(text), facts->wanted))
		return response_problem(facts->context->builder, 400, "reference",
					"\"%s\" is not a reference (try nginx:1.25 or nginx:*)",
					text);
	return 0;
}

/* ---- Facts --------------------------------------------------------------- */

/* Whatever has no reference that can be compared (an id, or one that is too long) is no fact: it
 * could not be listed under anything. */
static void add_fact(struct image_facts *facts, const struct fact *fact, const char *reference,
		     size_t len)
{
	char normal[REFERENCE_MAX];
	if (!fact->row[IMAGE_HOST].set || !reference_normal(reference, len, normal) ||
	    !is_wanted(facts, normal))
		return;
	if (facts->n == facts->size) {
		uint32_t size = facts->size ? 2 * facts->size : 64;
		struct fact *grown = reallocarray(facts->list, size, sizeof(*grown));
		facts->no_memory |= !grown;
		if (!grown)
			return;
		facts->list = grown;
		facts->size = size;
	}
	char *copy = strdup(normal);
	facts->no_memory |= !copy;
	if (!copy)
		return;
	facts->list[facts->n] = *fact;
	facts->list[facts->n].reference = copy;
	facts->list[facts->n].order = facts->n;
	facts->n++;
}

/* The rows are ours, so their JSON may be read in place. */
static void open_json(struct json_reader *json, const struct tally_cell *cell)
{
	static char none[] = "null";
	json_reader_init(json, cell->set ? (char *)(uintptr_t)cell->text : none,
			 cell->set ? cell->len : strlen(none));
}

static void read_tags(struct image_facts *facts, const struct tally_cell *row)
{
	const struct fact fact = {.row = row, .kind = FACT_TAG};
	struct json_reader json;
	struct json_text tag;
	open_json(&json, &row[IMAGE_TAGS]);
	json_enter_array(&json);
	while (json_next_item(&json))
		if (json_read_text(&json, &tag) && tag.at)
			add_fact(facts, &fact, tag.at, tag.len);
}

static void read_user(struct json_reader *json, struct user *ret)
{
	struct json_text key;
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		if (json_text_is(&key, "container_id"))
			json_read_text(json, &ret->id);
		else if (json_text_is(&key, "name"))
			json_read_text(json, &ret->name);
		else if (json_text_is(&key, "state"))
			json_read_text(json, &ret->state);
		else if (json_text_is(&key, "reference"))
			json_read_text(json, &ret->reference);
		else if (json_text_is(&key, "outdated_since"))
			json_read_text(json, &ret->since);
		else if (json_text_is(&key, "outdated"))
			json_read_bool(json, &ret->outdated);
		else
			json_skip(json);
	}
}

static void read_users(struct image_facts *facts, const struct tally_cell *row)
{
	struct json_reader json;
	open_json(&json, &row[IMAGE_USED_BY]);
	json_enter_array(&json);
	while (json_next_item(&json)) {
		struct fact fact = {.row = row, .kind = FACT_USER};
		read_user(&json, &fact.user);
		if (fact.user.reference.at)
			add_fact(facts, &fact, fact.user.reference.at, fact.user.reference.len);
	}
}

static void collect_facts(struct image_facts *facts)
{
	for (uint32_t i = 0; i < facts->images.n_rows; i++) {
		read_tags(facts, result_set_row(&facts->images, i));
		read_users(facts, result_set_row(&facts->images, i));
	}
	for (uint32_t i = 0; i < facts->changes.n_rows; i++) {
		const struct tally_cell *row = result_set_row(&facts->changes, i);
		const struct fact fact = {.row = row, .kind = FACT_CHANGE};
		if (row[CHANGE_REFERENCE].set)
			add_fact(facts, &fact, row[CHANGE_REFERENCE].text,
				 row[CHANGE_REFERENCE].len);
	}
}

static int compare_entries(const struct fact *a, const struct fact *b)
{
	int order = cell_compare(&a->row[IMAGE_HOST], &b->row[IMAGE_HOST]);
	return order ? order : strcmp(a->reference, b->reference);
}

/* `order` makes qsort() stable: changes of one reference stay the newest first. */
static int compare_facts(const void *left, const void *right)
{
	const struct fact *a = left, *b = right;
	int order = compare_entries(a, b);
	if (order == 0)
		order = (int)a->kind - (int)b->kind;
	return order ? order : (a->order > b->order) - (a->order < b->order);
}

/* ---- Asking -------------------------------------------------------------- */

/* 1: ready; 0: there is no such table, or not with these columns. */
static int prepare(struct image_facts *facts, const char *name, const char *const *columns,
		   uint32_t n, struct query *query)
{
	struct context *context = facts->context;
	const struct tally_table *table;
	int r = context_table(context, name, &table);
	if (r < 0 || !table)
		return r;
	query_init(query, context, table);
	query->spec.limit = INT32_MAX; /* what they may take is bounded in bytes */
	for (uint32_t i = 0; i < n; i++) {
		const struct tally_column *column = table_column(table, columns[i]);
		if (!column)
			return 0;
		query_select(query, column, TALLY_RAW);
	}
	for (uint32_t i = 0; i < context->target->n_params; i++)
		if (strcmp(context->target->params[i].name, "host") == 0)
			query_text(query, table_column(table, "host"), TALLY_EQUALS,
				   context->target->params[i].value);
	return 1;
}

static int query_images(struct image_facts *facts)
{
	struct query query;
	int r = prepare(facts, "docker_images", image_columns, IMAGE_COLUMNS, &query);
	if (r <= 0)
		return r;
	if (table_gone(query.table))
		query_filter(&query, table_gone(query.table), TALLY_IS_NULL,
			     &(struct tally_cell){.set = 0});
	return query_run(&query, &facts->images);
}

static int query_changes(struct image_facts *facts)
{
	struct context *context = facts->context;
	const struct window *window = &context->args->window;
	struct query query;
	int r = prepare(facts, "image_versions", change_columns, CHANGE_COLUMNS, &query);
	if (r <= 0)
		return r;
	query.spec.from = window->from;
	query.spec.to = window->to;
	query.spec.newest_first = 1;
	return query_run(&query, &facts->changes);
}

int image_facts_read(struct context *context, struct image_facts *ret)
{
	*ret = (struct image_facts){.context = context};
	int r = read_wanted(ret);
	if (r == 0)
		r = query_changes(ret);
	if (r == 0)
		r = query_images(ret);
	if (r < 0)
		return r;
	collect_facts(ret);
	if (ret->no_memory)
		return response_unavailable(context->builder, "out of memory");
	if (ret->n)
		qsort(ret->list, ret->n, sizeof(*ret->list), compare_facts);
	return 0;
}

uint32_t image_facts_entry(const struct image_facts *facts, uint32_t first)
{
	uint32_t n = 1;
	while (first + n < facts->n &&
	       compare_entries(&facts->list[first], &facts->list[first + n]) == 0)
		n++;
	return n;
}
