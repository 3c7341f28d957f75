#include "listing.h"

#include "sheet.h"

void listing_done(struct listing *listing)
{
	page_done(&listing->page);
	rowset_done(&listing->rows);
}

void listing_ask(struct listing *listing, struct ask *ret)
{
	const struct tally_table *table = listing->table;
	ask_init(ret, listing->call, table);
	for (uint32_t i = 1; i < table->n_columns && i < ROWSET_MAX_COLUMNS; i++) {
		listing->columns[listing->n++] = &table->columns[i];
		ask_select(ret, &table->columns[i], TALLY_RAW);
	}
}

int listing_write(const struct listing *listing)
{
	struct call *call = listing->call;
	struct sheet sheet = {.format = listing->format};
	sheet_add(&sheet, listing->table->columns[0].name, TALLY_TIME, 0);
	for (uint32_t i = 0; i < listing->n; i++)
		sheet_add(&sheet, listing->columns[i]->name, listing->rows.types[1 + i], 1 + i);
	sheet_open(&sheet, call->reply);
	sheet_begin(&sheet, call->reply);
	for (uint32_t i = 0; i < page_rows(&listing->page, &listing->rows); i++)
		sheet_write(&sheet, call->reply, rowset_row(&listing->rows, i));
	if (listing->format != LIST_JSON)
		return page_link_next(&listing->page, call, &listing->rows, listing->columns);
	sheet_end(&sheet, call->reply);
	page_finish(&listing->page, call, &listing->rows, listing->columns);
	json_end_object(&call->reply->body);
	return 0;
}
