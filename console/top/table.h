/*
 * The table of containers: which rows, in which order, in which groups, and each as a line.  The
 * columns are the dashboard's, in its order and words; those that do not fit are dropped from the
 * right.
 */
#ifndef TALLYD_CONSOLE_TABLE_H
#define TALLYD_CONSOLE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "terminal/line.h"
#include "top/model.h"

enum { TABLE_COLUMNS = 12, TABLE_FILTER_SIZE = 128, TABLE_FOLDS = 256 };

struct table_view {
	int sort; /* a column */
	bool down, tree;
	bool held; /* sorted by the numbers of table_hold() */
	char filter[TABLE_FILTER_SIZE];
	uint64_t folds[TABLE_FOLDS]; /* hashes of the names of folded groups */
	size_t n_folds;
	int64_t now; /* ns since 1970, for "up" */
};

/* A row: a container, or the head of a group. */
struct table_item {
	const struct container *container; /* NULL: a group */
	const char *group;                 /* its name; "": without one */
	size_t first, n;                   /* of a group: its containers */
	bool folded;
};

struct table {
	const struct container **rows; /* chosen and in order */
	size_t n_rows;
	struct table_item *items; /* what is to be shown */
	size_t n_items;
	size_t widths[TABLE_COLUMNS]; /* 0: does not fit */
	bool grouped;
	float top; /* of all sparklines */
};

/* False: no memory.  width: columns of the screen, 0: as many as it takes. */
bool table_make(struct table *table, const struct table_view *view, const struct model *model,
		size_t width);
void table_done(struct table *table);

/* From now on the order is by the numbers as they are now, so that rows stand still. */
void table_hold(const struct model *model, struct table_view *view);

void table_head(const struct table *table, const struct table_view *view, struct line *line);
void table_line(const struct table *table, const struct table_view *view,
		const struct table_item *item, struct line *line);

/* The title of a column. */
const char *table_title(int column);
/* Numbers are sorted from the largest on. */
bool table_is_number(int column);
void table_fold(struct table_view *view, const char *group);

#endif
