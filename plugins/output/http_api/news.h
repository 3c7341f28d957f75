/*
 * Rows that were fetched for a source, on their way into its feed: those that were shown already
 * are left out, and what is more than a feed holds is only counted.  One thread.
 */
#ifndef TALLYD_HTTP_NEWS_H
#define TALLYD_HTTP_NEWS_H

#include "live_parts.h"
#include "lot.h"
#include "rowset.h"

enum { NEWS_LOTS = 16 };

struct news {
	struct live_source *source;
	unsigned generation;
	const struct catalog *catalog; /* a reference; NULL: nothing to be done */
	const struct tally_table *table;
	bool newest_first;
	struct rowset rows; /* not in a lot yet */
	struct lot *lots[NEWS_LOTS];
	uint32_t n_lots;
	size_t bytes;           /* of lots */
	uint64_t found, missed; /* rows: new ones, and of these only counted */
};

/* generation: the source's.  Takes the catalog, also on failure.  -ENOENT: no such table; -EINVAL:
 * it has too many columns.  Else owes news_show(). */
int news_init(struct news *news, struct live_source *source, unsigned generation,
	      const struct catalog *catalog);
/* Rows of that table.  A NULL of no memory is missed too. */
void news_add(struct news *news, const struct tally_batch *batch);
/* The same of one that was heard; it may have to wait for those that went by before, which only the
 * store has. */
void news_hear(struct news *news, const struct tally_batch *row);
/* Those that have waited; newest_first is not set.  false: there were none, and none waits any
 * more. */
bool news_release(struct news *news);
/* Into the feed, unless nobody wants them any more; and wakes the streams. */
void news_show(struct news *news, struct live *live);

#endif
