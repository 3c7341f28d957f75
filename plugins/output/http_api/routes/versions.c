/*
 * /api/v1/images/versions: of every reference on every host what it points to now, who runs it, who
 * still runs what it pointed to before, and when it changed.  The facts of one host and reference
 * are one entry of the list.
 *
 * On a worker's thread.  All facts are read, then a page of them is written: they come out of two
 * tables and out of JSON columns, so no store could page through them by a key.  The cursor is the
 * host and reference of the last entry shown, which stays right when entries come or go in between.
 */
#include "base/cleanup.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message/cursor.h"
#include "query/image_facts.h"
#include "routes/list_endpoint.h"
#include "query/paging.h"
#include "base/json_cell.h"
#include "message/row_writer.h"
#include "routes/endpoint.h"

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
	json_write_cell(json, TALLY_TEXT, cell);
}

/* A container that was made from this reference.  image_id is what it runs, which is not what the
 * reference points to if it is outdated. */
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
	write_cell(json, "change", &fact->row[CHANGE_CHANGE]);
	write_cell(json, "image_id", &fact->row[CHANGE_ID]);
	write_cell(json, "digest", &fact->row[CHANGE_DIGEST]);
	write_cell(json, "previous_image_id", &fact->row[CHANGE_PREVIOUS_ID]);
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

/* Facts of one entry are sorted by kind, so if the first is no tag the reference points to nothing
 * now: it was removed, or the image is known only by its users. */
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
};

static void place_done(struct place *place)
{
	free(place->memory);
}
#define auto_place __attribute__((cleanup(place_done)))

/* A cursor of another list has other types, or NULLs where this one has none. */
static int read_place(struct context *context, struct place *ret)
{
	const char *cursor = target_param(context->target, "cursor");
	if (!cursor)
		return 0;
	int r = cursor_read(cursor, cursor_types, 2, ret->cells, &ret->memory);
	if (r == -ENOMEM)
		return response_unavailable(context->builder, "out of memory");
	if (r < 0 || !ret->cells[0].set || !ret->cells[1].set)
		return paging_refuse_cursor(context);
	return 0;
}

static void fact_cells(const struct fact *fact, struct tally_cell ret[2])
{
	ret[0] = fact->row[IMAGE_HOST];
	ret[1] = (struct tally_cell){
		.text = fact->reference, .len = (uint32_t)strlen(fact->reference), .set = 1};
}

/* Returns the cursor of the next page, to be freed; NULL: this was the last one. */
static char *write_entries(const struct image_facts *facts, const struct place *place)
{
	const struct arguments *args = facts->context->args;
	struct json_writer *json = &facts->context->builder->body;
	const struct fact *last = NULL;
	int64_t shown = 0;
	for (uint32_t i = 0, n; i < facts->n; i += n) {
		const struct fact *fact = &facts->list[i];
		struct tally_cell cells[2];
		n = image_facts_entry(facts, i);
		/* Entries up to the last one shown are skipped, whether or not it still exists. */
		fact_cells(fact, cells);
		int order = cell_compare(&cells[0], &place->cells[0]);
		if (order == 0)
			order = cell_compare(&cells[1], &place->cells[1]);
		if ((place->memory && order <= 0) ||
		    (args->outdated && count_outdated(fact, n) == 0))
			continue;
		if (last && shown == args->limit) {
			fact_cells(last, cells);
			return cursor_write(cursor_types, cells, 2);
		}
		write_entry(json, fact, n);
		last = fact;
		shown++;
	}
	return NULL;
}

int images_versions(struct context *context)
{
	struct image_facts facts auto_image_facts = {.n = 0};
	struct place place auto_place = {.memory = NULL};
	int r = read_place(context, &place);
	if (r == 0)
		r = image_facts_read(context, &facts);
	if (r < 0)
		return r;
	list_begin(&context->builder->body);
	auto_free char *cursor = write_entries(&facts, &place);
	paging_finish_with(context, cursor);
	return 0;
}
