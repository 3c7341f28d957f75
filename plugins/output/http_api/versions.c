/*
 * /api/v1/images/versions: of every reference on every host what it points to now, who runs it,
 * who still runs what it pointed to before, and when it changed.
 *
 * Facts from docker_images (what bears the reference, who was made from it) and image_versions (its
 * changes) are put in the order of host and reference; those of one are one entry of the list.
 */
#include <cleanup.h>
#include <errno.h>
#include <fnmatch.h>
#include <json_reader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "list.h"
#include "page.h"
#include "tables.h"
#include "window.h"

enum fact_kind { FACT_TAG, FACT_USER, FACT_CHANGE };

struct user {
	struct json_text id, name, state, reference, since;
	bool outdated;
};

struct fact {
	char *reference; /* with its tag, without what everybody leaves out */
	const struct tally_cell *row;
	enum fact_kind kind;
	uint32_t order; /* as they came */
	struct user user;
};

/* Where the columns of the answers are; host comes first in both. */
enum { IMAGE_TIME, IMAGE_HOST, IMAGE_ID, IMAGE_TAGS, IMAGE_USED_BY };
enum { CHANGE_TIME, CHANGE_HOST, CHANGE_REFERENCE, CHANGE_FIELDS };

static const char *const image_columns[] = {"host", "image_id", "tags", "used_by"};
static const char *const change_columns[] = {"host",     "reference", "change",
					     "image_id", "digest",    "previous_image_id"};
enum { IMAGE_COLUMNS = 4, CHANGE_COLUMNS = 6, COLUMNS_MAX = 8, REFERENCE_MAX = 512 };

struct versions {
	struct call *call;
	char wanted[REFERENCE_MAX]; /* reference=; "": all */
	bool pattern, only_outdated;
	struct rowset images, changes;
	struct fact *facts;
	uint32_t n, size;
	bool no_memory;
};

static void versions_done(struct versions *versions)
{
	for (uint32_t i = 0; i < versions->n; i++)
		free(versions->facts[i].reference);
	free(versions->facts);
	rowset_done(&versions->images);
	rowset_done(&versions->changes);
}
#define auto_versions __attribute__((cleanup(versions_done)))

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

static bool is_wanted(const struct versions *versions, const char *reference)
{
	if (!versions->wanted[0])
		return true;
	if (versions->pattern)
		return fnmatch(versions->wanted, reference, FNM_NOESCAPE) == 0;
	return strcmp(versions->wanted, reference) == 0;
}

static int read_wanted(struct versions *versions)
{
	const char *text = target_param(versions->call->target, "reference");
	if (!text)
		return 0;
	versions->pattern = strpbrk(text, "*?");
	if (versions->pattern && strlen(text) < REFERENCE_MAX)
		snprintf(versions->wanted, sizeof(versions->wanted), "%s", text);
	else if (versions->pattern || !reference_normal(text, strlen(text), versions->wanted))
		return reply_problem(versions->call->reply, 400, "reference",
				     "\"%s\" is not a reference (try nginx:1.25 or nginx:*)", text);
	return 0;
}

/* ---- Facts --------------------------------------------------------------- */

static void add_fact(struct versions *versions, const struct fact *fact, const char *reference,
		     size_t len)
{
	char normal[REFERENCE_MAX];
	if (!fact->row[IMAGE_HOST].set || !reference_normal(reference, len, normal) ||
	    !is_wanted(versions, normal))
		return;
	if (versions->n == versions->size) {
		uint32_t size = versions->size ? 2 * versions->size : 64;
		struct fact *grown = reallocarray(versions->facts, size, sizeof(*grown));
		versions->no_memory |= !grown;
		if (!grown)
			return;
		versions->facts = grown;
		versions->size = size;
	}
	char *copy = strdup(normal);
	versions->no_memory |= !copy;
	if (!copy)
		return;
	versions->facts[versions->n] = *fact;
	versions->facts[versions->n].reference = copy;
	versions->facts[versions->n].order = versions->n;
	versions->n++;
}

/* The rows are ours, so their JSON may be read in place. */
static void open_json(struct json_reader *json, const struct tally_cell *cell)
{
	static char none[] = "null";
	json_reader_init(json, cell->set ? (char *)(uintptr_t)cell->text : none,
			 cell->set ? cell->len : strlen(none));
}

static void read_tags(struct versions *versions, const struct tally_cell *row)
{
	const struct fact fact = {.row = row, .kind = FACT_TAG};
	struct json_reader json;
	struct json_text tag;
	open_json(&json, &row[IMAGE_TAGS]);
	json_enter_array(&json);
	while (json_next_item(&json))
		if (json_read_text(&json, &tag) && tag.at)
			add_fact(versions, &fact, tag.at, tag.len);
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

static void read_users(struct versions *versions, const struct tally_cell *row)
{
	struct json_reader json;
	open_json(&json, &row[IMAGE_USED_BY]);
	json_enter_array(&json);
	while (json_next_item(&json)) {
		struct fact fact = {.row = row, .kind = FACT_USER};
		read_user(&json, &fact.user);
		if (fact.user.reference.at)
			add_fact(versions, &fact, fact.user.reference.at, fact.user.reference.len);
	}
}

static void collect_facts(struct versions *versions)
{
	for (uint32_t i = 0; i < versions->images.n_rows; i++) {
		read_tags(versions, rowset_row(&versions->images, i));
		read_users(versions, rowset_row(&versions->images, i));
	}
	for (uint32_t i = 0; i < versions->changes.n_rows; i++) {
		const struct tally_cell *row = rowset_row(&versions->changes, i);
		const struct fact fact = {.row = row, .kind = FACT_CHANGE};
		if (row[CHANGE_REFERENCE].set)
			add_fact(versions, &fact, row[CHANGE_REFERENCE].text,
				 row[CHANGE_REFERENCE].len);
	}
}

static int compare_text(const struct tally_cell *a, const struct tally_cell *b)
{
	uint32_t len = a->len < b->len ? a->len : b->len;
	int order = len ? memcmp(a->text, b->text, len) : 0;
	return order ? order : (a->len > b->len) - (a->len < b->len);
}

static int compare_entries(const struct fact *a, const struct fact *b)
{
	int order = compare_text(&a->row[IMAGE_HOST], &b->row[IMAGE_HOST]);
	return order ? order : strcmp(a->reference, b->reference);
}

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
static int prepare(struct versions *versions, const char *name, const char *const *columns,
		   uint32_t n, struct ask *ask)
{
	struct call *call = versions->call;
	const struct tally_table *table;
	int r = call_table(call, name, &table);
	if (r < 0 || !table)
		return r;
	ask_init(ask, call, table);
	ask->query.limit = INT32_MAX; /* what they may take is bounded in bytes */
	for (uint32_t i = 0; i < n; i++) {
		const struct tally_column *column = table_column(table, columns[i]);
		if (!column)
			return 0;
		ask_select(ask, column, TALLY_RAW);
	}
	for (uint32_t i = 0; i < call->target->n_params; i++)
		if (strcmp(call->target->params[i].name, "host") == 0)
			ask_text(ask, table_column(table, "host"), TALLY_EQUALS,
				 call->target->params[i].value);
	return 1;
}

static int ask_images(struct versions *versions)
{
	struct ask ask;
	int r = prepare(versions, "docker_images", image_columns, IMAGE_COLUMNS, &ask);
	if (r <= 0)
		return r;
	if (table_gone(ask.table))
		ask_filter(&ask, table_gone(ask.table), TALLY_IS_NULL,
			   &(struct tally_cell){.set = 0});
	return ask_store(&ask, &versions->images);
}

static int ask_changes(struct versions *versions)
{
	struct call *call = versions->call;
	struct window window;
	struct ask ask;
	int r = window_read_back(call, call->config->max_query_range_days * HTTP_DAY, &window);
	if (r == 0)
		r = prepare(versions, "image_versions", change_columns, CHANGE_COLUMNS, &ask);
	if (r <= 0)
		return r;
	ask.query.from = window.from;
	ask.query.to = window.to;
	ask.query.newest_first = 1;
	return ask_store(&ask, &versions->changes);
}

/* ---- Writing ------------------------------------------------------------- */

static void write_pair(struct json_writer *json, const char *key, const struct json_text *text)
{
	json_write_key(json, key);
	if (text->at)
		json_write_text(json, text->at, text->len);
	else
		json_write_null(json);
}

static void write_cell(struct json_writer *json, const char *key, const struct tally_cell *cell)
{
	json_write_key(json, key);
	rowset_write_cell(json, TALLY_TEXT, cell);
}

static void write_user(struct json_writer *json, const struct fact *fact)
{
	json_begin_object(json);
	write_pair(json, "container_id", &fact->user.id);
	write_pair(json, "name", &fact->user.name);
	write_pair(json, "state", &fact->user.state);
	write_cell(json, "image_id", &fact->row[IMAGE_ID]);
	json_write_key(json, "outdated");
	json_write_bool(json, fact->user.outdated);
	write_pair(json, "outdated_since", &fact->user.since);
	json_end_object(json);
}

static void write_change(struct json_writer *json, const struct fact *fact)
{
	json_begin_object(json);
	json_write_key(json, "time");
	json_write_time(json, fact->row[CHANGE_TIME].i);
	for (uint32_t i = CHANGE_FIELDS; i <= CHANGE_COLUMNS; i++)
		write_cell(json, change_columns[i - 1], &fact->row[i]);
	json_end_object(json);
}

static void write_facts(struct json_writer *json, const struct fact *facts, uint32_t n,
			enum fact_kind kind)
{
	json_write_key(json, kind == FACT_USER ? "containers" : "changes");
	json_begin_array(json);
	for (uint32_t i = 0; i < n; i++) {
		if (facts[i].kind == kind && kind == FACT_USER)
			write_user(json, &facts[i]);
		else if (facts[i].kind == kind)
			write_change(json, &facts[i]);
	}
	json_end_array(json);
}

static uint32_t count_outdated(const struct fact *facts, uint32_t n)
{
	uint32_t outdated = 0;
	for (uint32_t i = 0; i < n; i++)
		outdated += facts[i].kind == FACT_USER && facts[i].user.outdated;
	return outdated;
}

static void write_entry(struct json_writer *json, const struct fact *facts, uint32_t n)
{
	static const struct tally_cell none = {.set = 0};
	json_begin_object(json);
	write_cell(json, "host", &facts->row[IMAGE_HOST]);
	json_write_key(json, "reference");
	json_write_string(json, facts->reference);
	write_cell(json, "image_id", facts->kind == FACT_TAG ? &facts->row[IMAGE_ID] : &none);
	json_write_key(json, "outdated");
	json_write_int(json, count_outdated(facts, n));
	write_facts(json, facts, n, FACT_USER);
	write_facts(json, facts, n, FACT_CHANGE);
	json_end_object(json);
}

/* ---- Paging -------------------------------------------------------------- */

static const uint16_t cursor_types[2] = {TALLY_TEXT, TALLY_TEXT};

struct place {
	struct tally_cell cells[2]; /* host and reference of the last entry shown */
	char *memory;               /* NULL: from the start */
	uint32_t limit;
};

static void place_done(struct place *place)
{
	free(place->memory);
}
#define auto_place __attribute__((cleanup(place_done)))

static int read_place(struct call *call, struct place *ret)
{
	const char *cursor = target_param(call->target, "cursor");
	int r = page_read_limit(call, PAGE_DEFAULT_LIMIT, &ret->limit);
	if (r < 0 || !cursor)
		return r;
	r = cursor_read(cursor, cursor_types, 2, ret->cells, &ret->memory);
	if (r == -ENOMEM)
		return reply_unavailable(call->reply, "out of memory");
	if (r < 0 || !ret->cells[0].set || !ret->cells[1].set)
		return reply_problem(call->reply, 400, "cursor",
				     "not a cursor of this list: take it from next_cursor");
	return 0;
}

static void fact_cells(const struct fact *fact, struct tally_cell ret[2])
{
	ret[0] = fact->row[IMAGE_HOST];
	ret[1] = (struct tally_cell){
		.text = fact->reference, .len = (uint32_t)strlen(fact->reference), .set = 1};
}

static bool is_after(const struct place *place, const struct fact *fact)
{
	struct tally_cell cells[2];
	fact_cells(fact, cells);
	int order = compare_text(&cells[0], &place->cells[0]);
	return !place->memory || order > 0 ||
	       (order == 0 && compare_text(&cells[1], &place->cells[1]) > 0);
}

/* How many facts from here on are of one entry. */
static uint32_t entry_length(const struct versions *versions, uint32_t first)
{
	uint32_t n = 1;
	while (first + n < versions->n &&
	       compare_entries(&versions->facts[first], &versions->facts[first + n]) == 0)
		n++;
	return n;
}

/* Returns the cursor of the next page, to be freed; NULL: this was the last one. */
static char *write_entries(const struct versions *versions, const struct place *place)
{
	struct json_writer *json = &versions->call->reply->body;
	const struct fact *last = NULL;
	uint32_t shown = 0;
	for (uint32_t i = 0, n; i < versions->n; i += n) {
		const struct fact *fact = &versions->facts[i];
		struct tally_cell cells[2];
		n = entry_length(versions, i);
		if (!is_after(place, fact) ||
		    (versions->only_outdated && count_outdated(fact, n) == 0))
			continue;
		if (shown++ == place->limit) {
			fact_cells(last, cells);
			return cursor_write(cursor_types, cells, 2);
		}
		write_entry(json, fact, n);
		last = fact;
	}
	return NULL;
}

static void write_list(const struct versions *versions, const struct place *place)
{
	struct json_writer *json = &versions->call->reply->body;
	json_begin_object(json);
	json_write_key(json, "data");
	json_begin_array(json);
	auto_free char *cursor = write_entries(versions, place);
	json_end_array(json);
	page_finish_with(versions->call, cursor);
	json_end_object(json);
}

int images_versions(struct call *call)
{
	struct versions versions auto_versions = {.call = call};
	struct place place auto_place = {.memory = NULL};
	int r = read_wanted(&versions);
	if (r == 0)
		r = list_read_flag(call, "outdated", &versions.only_outdated);
	if (r == 0)
		r = read_place(call, &place);
	if (r == 0)
		r = ask_changes(&versions);
	if (r == 0)
		r = ask_images(&versions);
	if (r < 0)
		return r;
	collect_facts(&versions);
	if (versions.no_memory)
		return reply_unavailable(call->reply, "out of memory");
	if (versions.n)
		qsort(versions.facts, versions.n, sizeof(*versions.facts), compare_facts);
	write_list(&versions, &place);
	return 0;
}
