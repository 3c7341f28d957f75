/*
 * The tables that the store holds, in memory.  Entries never change and live until catalog_done():
 * so an entry that was found can be used without a lock.  A table whose columns grew gets a new
 * entry.
 */
#ifndef TALLYD_PLUGINS_COMMON_CATALOG_H
#define TALLYD_PLUGINS_COMMON_CATALOG_H

#include <pthread.h>
#include <tallyd/host.h>

enum { CATALOG_MAX_COLUMNS = 256, CATALOG_MAX_REFUSED = 16 };

struct stored_table {
	struct tally_table table; /* owns all it points to */
	struct stored_table *older;
	uint32_t n_tags, n_key, n_numbers;
	uint32_t order, gone; /* columns; 0: none */
	uint16_t tags[CATALOG_MAX_COLUMNS];
	uint16_t key[CATALOG_MAX_COLUMNS];     /* time, tags, order, as the columns stand */
	uint16_t numbers[CATALOG_MAX_COLUMNS]; /* what is rolled up; only of a SERIES */
};

struct catalog {
	pthread_mutex_t lock;
	/* Guarded by lock. */
	struct stored_table *newest; /* all, linked by older */
	char refused[CATALOG_MAX_REFUSED][64];
	uint32_t n_refused;
};

void catalog_init(struct catalog *catalog);
void catalog_done(struct catalog *catalog);

/* NULL: none. */
const struct stored_table *catalog_find(struct catalog *catalog, const char *name);
/* Takes the entry. */
void catalog_add(struct catalog *catalog, struct stored_table *stored);
/* Notes a name that is not a table.  True: for the first time, so it should be logged. */
bool catalog_refuse(struct catalog *catalog, const char *name);
/* Sorted by name. */
int catalog_each(struct catalog *catalog, tally_table_fn *each, void *arg);

/* -EINVAL: no store can have it. */
int catalog_check(struct tally_ctx *ctx, const struct tally_table *table);

/* -EINVAL: its name is reserved for the store's own tables, or for those it derives from others.
 * For a table that is not stored yet. */
int catalog_check_names(struct tally_ctx *ctx, const struct tally_table *table);

/* Can rows of table be stored as those of stored?  One of the two has the first columns of the
 * other, and the longer one the greater revision.  -EINVAL: it is somebody else's table with the
 * same name. */
int catalog_check_same(struct tally_ctx *ctx, const struct tally_table *stored,
		       const struct tally_table *table);
/* The same without an error text, for every batch; and no column has to be added. */
bool catalog_has_all(const struct tally_table *stored, const struct tally_table *table);

/* Is one of its flags new to the store?  None is ever taken back: rows from an older daemon or
 * buffer come without. */
bool catalog_lacks_flags(const struct tally_table *stored, const struct tally_table *table);

/* -1: no such column. */
int catalog_column(const struct tally_table *table, const char *name);
bool catalog_is_number(const struct tally_column *column); /* can be averaged */

/* A copy with its indexes filled in.  NULL: no memory. */
struct stored_table *catalog_copy(const struct tally_table *table);
void catalog_free(struct stored_table *stored);

#endif
