#include "news.h"

#include <errno.h>
#include <string.h>

#include "mark.h"

enum { NEWS_LOTS_OF_MEMORY = NEWS_LOTS / 2 };

int news_init(struct news *news, struct live_source *source, unsigned generation,
	      const struct catalog *catalog)
{
	*news = (struct news){.source = source, .generation = generation};
	news->table = catalog_find(catalog, source->table);
	if (!news->table || news->table->n_columns > ROWSET_MAX_COLUMNS) {
		catalog_drop(catalog);
		return news->table ? -EINVAL : -ENOENT;
	}
	news->catalog = catalog;
	rowset_init(&news->rows, news->table->n_columns);
	return 0;
}

/* ---- Collecting ---------------------------------------------------------- */

static void news_reverse(struct rowset *rows)
{
	size_t size = rows->n_columns * sizeof(*rows->cells);
	struct tally_cell spare[ROWSET_MAX_COLUMNS];
	for (uint32_t i = 0, k = rows->n_rows; i + 1 < k; i++) {
		struct tally_cell *a = rows->cells + (size_t)i * rows->n_columns;
		struct tally_cell *b = rows->cells + (size_t)--k * rows->n_columns;
		memcpy(spare, a, size);
		memcpy(a, b, size);
		memcpy(b, spare, size);
	}
}

static void news_close_lot(struct news *news)
{
	uint32_t n_rows = news->rows.n_rows;
	if (n_rows == 0)
		return;
	if (news->newest_first)
		news_reverse(&news->rows);
	struct lot *lot = news->n_lots < NEWS_LOTS
				  ? lot_of_rows(&news->rows, news->table, news->catalog)
				  : NULL;
	if (lot) {
		catalog_keep(news->catalog);
		news->bytes += lot->bytes;
		news->lots[news->n_lots++] = lot;
	} else {
		news->missed += n_rows;
		rowset_done(&news->rows);
	}
	rowset_init(&news->rows, news->table->n_columns);
}

static void news_keep(struct news *news, const struct tally_batch *row)
{
	size_t max = news->source->feed.max;
	if (news->rows.bytes > max / NEWS_LOTS_OF_MEMORY)
		news_close_lot(news);
	if (news->bytes + news->rows.bytes > max || rowset_add(&news->rows, row) < 0)
		news->missed++;
	news->found++;
}

/* One of before the horizon may have been shown or not: the store's rows cannot be that old, unless
 * there are so many that the horizon has come nearer meanwhile. */
void news_add(struct news *news, const struct tally_batch *batch)
{
	struct live_source *source = news->source;
	struct tally_batch row = {.table = batch->table, .n_rows = 1};
	pthread_mutex_lock(&source->lock);
	for (uint32_t i = 0; i < batch->n_rows && source->recent_generation == news->generation;
	     i++) {
		row.cells = &batch->cells[(size_t)i * news->table->n_columns];
		enum recent_verdict verdict = recent_take(
			&source->recent, mark_hash(news->table, row.cells), row.cells[0].i);
		if (verdict == RECENT_NEW)
			news_keep(news, &row);
		else if (verdict == RECENT_LATE && news->newest_first)
			news->missed++;
	}
	pthread_mutex_unlock(&source->lock);
}

/* ---- Waiting ------------------------------------------------------------- */

enum { NEWS_HELD_OF_MEMORY = 4 };

/* What does not fit is left to the store. */
void news_hear(struct news *news, const struct tally_batch *row)
{
	struct live_source *source = news->source;
	pthread_mutex_lock(&source->lock);
	bool held = source->hold != 0;
	if (held && source->held.n_columns != row->table->n_columns) {
		rowset_done(&source->held);
		rowset_init(&source->held, row->table->n_columns);
	}
	if (held && source->held.bytes < source->feed.max / NEWS_HELD_OF_MEMORY)
		rowset_add(&source->held, row);
	pthread_mutex_unlock(&source->lock);
	if (!held)
		news_add(news, row);
}

bool news_release(struct news *news)
{
	struct live_source *source = news->source;
	pthread_mutex_lock(&source->lock);
	struct rowset held = source->held;
	bool any = held.n_rows && held.n_columns == news->table->n_columns;
	rowset_init(&source->held, 0);
	if (!any)
		source->hold = 0;
	pthread_mutex_unlock(&source->lock);
	const struct tally_batch rows = {
		.table = news->table, .cells = held.cells, .n_rows = held.n_rows};
	if (any)
		news_add(news, &rows);
	rowset_done(&held);
	return any;
}

/* ---- Showing ------------------------------------------------------------- */

static void news_feed(struct news *news)
{
	if (news->missed)
		feed_skip(&news->source->feed, news->missed);
	for (uint32_t i = 0; i < news->n_lots; i++)
		feed_add(&news->source->feed,
			 news->lots[news->newest_first ? news->n_lots - 1 - i : i]);
	news->n_lots = 0;
}

void news_show(struct news *news, struct live *live)
{
	struct live_source *source = news->source;
	news_close_lot(news);
	bool any = news->n_lots || news->missed;
	pthread_mutex_lock(&live->lock);
	if (any && live_is_wanted(live, source) && source->generation == news->generation)
		news_feed(news);
	else
		any = false;
	pthread_mutex_unlock(&live->lock);
	if (any)
		live_nudge(live, source);
	while (news->n_lots)
		lot_drop(news->lots[--news->n_lots]);
	rowset_done(&news->rows);
	catalog_drop(news->catalog);
	news->catalog = NULL;
}
