/*
 * The sources of positions by name, so many at most: of more the one not used for longest makes
 * room.  Only positions.c calls this, with its lock.
 */
#ifndef TALLYD_CORE_POSITIONS_TABLE_H
#define TALLYD_CORE_POSITIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct position_mark;

struct positions_source {
	char *name, *safe; /* safe NULL: none yet */
	struct position_mark *first, **last;
	bool broken;
	bool incomplete; /* was broken at some time in this life of the daemon */
	uint64_t used;   /* the last time, in calls */
};

struct positions_table {
	struct positions_source **sources; /* sorted by name */
	size_t n, capacity;
	bool changed; /* since it was written to a file */
};

void positions_table_done(struct positions_table *table);
/* No source may have marks. */
void positions_table_clear(struct positions_table *table);

/* NULL: not there. */
struct positions_source *positions_table_find(const struct positions_table *table,
					      const char *name);
/* Found or made.  NULL: no memory, or too many that all have marks. */
struct positions_source *positions_table_add(struct positions_table *table, const char *name);

/* Where it may resume.  -ENOMEM: what it was before. */
int positions_source_set(struct positions_source *source, const char *safe);

#endif
