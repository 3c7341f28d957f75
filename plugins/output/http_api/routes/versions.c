/*
 * /api/v1/images/versions: of every reference on every host what it points to now, who runs it, who
 * still runs what it pointed to before, and when it changed.  The facts of one host and reference
 * are one entry of the list.
 *
 * On a worker's thread.  All facts are read, then a page of them is written: they come out of two
 * tables and out of JSON columns, so no store could page through them by a key.
 */
#include <string.h>

#include "query/fields.h"
#include "query/image_facts.h"
#include "base/json_cell.h"
#include "message/row_writer.h"
#include "routes/endpoint.h"
#include "routes/table_page.h"

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

/* ---- Entries ------------------------------------------------------------- */

/* As a row of a table.  The two of JSON are written from the facts; behind them: which is first. */
enum { ENTRY_TIME, ENTRY_HOST, ENTRY_REFERENCE, ENTRY_ID, ENTRY_OUTDATED };
enum { ENTRY_USERS = ENTRY_OUTDATED + 1, ENTRY_CHANGES, ENTRY_COLUMNS };
enum { ENTRY_FIRST = ENTRY_COLUMNS, ENTRY_CELLS };

static const struct tally_column entry_columns[ENTRY_COLUMNS] = {
	[ENTRY_TIME] = TABLE_COLUMN("time", TALLY_TIME, TALLY_FIELD),
	[ENTRY_HOST] = TABLE_COLUMN("host", TALLY_TEXT, TALLY_TAG),
	[ENTRY_REFERENCE] = TABLE_COLUMN("reference", TALLY_TEXT, TALLY_TAG),
	[ENTRY_ID] = TABLE_COLUMN("image_id", TALLY_TEXT, TALLY_FIELD),
	[ENTRY_OUTDATED] = TABLE_COLUMN("outdated", TALLY_INT, TALLY_FIELD),
	[ENTRY_USERS] = TABLE_COLUMN("containers", TALLY_JSON, TALLY_FIELD),
	[ENTRY_CHANGES] = TABLE_COLUMN("changes", TALLY_JSON, TALLY_FIELD),
};
static const struct tally_table entry_table = {.name = "versions",
					       .kind = TALLY_STATE,
					       .columns = entry_columns,
					       .n_columns = ENTRY_COLUMNS};

/* Facts of one entry are sorted by kind, so if the first is no tag the reference points to nothing
 * now: it was removed, or the image is known only by its users.  Its time is that of its newest
 * change. */
static void fill_entry(struct tally_cell *row, const struct fact *facts, uint32_t n)
{
	uint32_t change = 0;
	while (change < n && facts[change].kind != FACT_CHANGE)
		change++;
	if (change < n)
		row[ENTRY_TIME] = facts[change].row[CHANGE_TIME];
	row[ENTRY_HOST] = facts->row[IMAGE_HOST];
	tally_put_text_borrowed(row, ENTRY_REFERENCE, facts->reference, strlen(facts->reference));
	if (facts->kind == FACT_TAG)
		row[ENTRY_ID] = facts->row[IMAGE_ID];
	tally_put_int(row, ENTRY_OUTDATED, count_outdated(facts, n));
}

static int make_entries(const struct image_facts *facts, struct result_set *ret)
{
	uint32_t rows = 0;
	if (result_set_make(ret, ENTRY_CELLS, facts->n) < 0)
		return response_unavailable(facts->context->builder, "out of memory");
	for (uint32_t i = 0, n; i < facts->n; i += n) {
		struct tally_cell *row = ret->cells + (size_t)rows * ENTRY_CELLS;
		n = image_facts_entry(facts, i);
		if (facts->context->args->outdated && count_outdated(&facts->list[i], n) == 0)
			continue;
		fill_entry(row, &facts->list[i], n);
		tally_put_int(row, ENTRY_FIRST, i);
		rows++;
	}
	result_set_cut(ret, rows);
	return 0;
}

static void write_entry(const struct image_facts *facts, const struct table_page *page,
			const struct tally_cell *row)
{
	struct json_writer *json = &facts->context->builder->body;
	uint32_t first = (uint32_t)row[ENTRY_FIRST].i, n = image_facts_entry(facts, first);
	json_begin_object(json);
	for (uint32_t i = 0; i < ENTRY_COLUMNS; i++) {
		if (!page->shown[i])
			continue;
		json_write_key(json, entry_columns[i].name);
		if (entry_columns[i].type == TALLY_JSON)
			write_facts(json, &facts->list[first], n,
				    i == ENTRY_USERS ? FACT_USER : FACT_CHANGE);
		else
			json_write_cell(json, entry_columns[i].type, &row[i]);
	}
	json_end_object(json);
}

int images_versions(struct context *context)
{
	struct image_facts facts auto_image_facts = {.n = 0};
	struct table_page page auto_table_page = {.context = context, .table = &entry_table};
	table_page_open(&page);
	int r = fields_read_shown(context, &entry_table, NULL, page.shown, NULL);
	if (r == 0)
		r = paging_read_whole(context, &entry_table, NULL, false, &page.paging);
	if (r == 0)
		r = image_facts_read(context, &facts);
	if (r == 0)
		r = make_entries(&facts, &page.rows);
	if (r == 0)
		r = paging_sort(&page.paging, context, &page.rows, page.columns);
	if (r < 0)
		return r;
	json_begin_object(&context->builder->body);
	paging_write_total(&page.paging, context);
	list_begin_rows(&context->builder->body);
	for (uint32_t i = 0; i < paging_rows(&page.paging, &page.rows); i++)
		write_entry(&facts, &page, result_set_row(&page.rows, i));
	paging_finish(&page.paging, context, &page.rows, page.columns);
	return 0;
}
