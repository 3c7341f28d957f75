#include "listing.h"

#include "records.h"

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
	struct records records = {.format = listing->format};
	records_add(&records, listing->table->columns[0].name, TALLY_TIME, 0);
	for (uint32_t i = 0; i < listing->n; i++)
		records_add(&records, listing->columns[i]->name, listing->rows.types[1 + i], 1 + i);
	records_open(&records, call->reply);
	records_begin(&records, call->reply);
	for (uint32_t i = 0; i < page_rows(&listing->page, &listing->rows); i++)
		records_write(&records, call->reply, rowset_row(&listing->rows, i));
	if (listing->format != LIST_JSON)
		return page_link_next(&listing->page, call, &listing->rows, listing->columns);
	records_end(&records, call->reply);
	page_finish(&listing->page, call, &listing->rows, listing->columns);
	json_end_object(&call->reply->body);
	return 0;
}
