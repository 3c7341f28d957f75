/*
 * An array sorted by name: sources are looked up by bisection with every batch that brings a
 * position, and inserted only when an input meets a new one.  One that has marks is never evicted,
 * since entries in the journals still point to them.
 */
#include "pipeline/positions_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/positions.h"

static void positions_source_free(struct positions_source *source)
{
	free(source->name);
	free(source->safe);
	free(source);
}

int positions_source_set(struct positions_source *source, const char *safe)
{
	char *copy = strdup(safe);
	if (!copy)
		return -ENOMEM;
	free(source->safe);
	source->safe = copy;
	return 0;
}

/* Where it is, or belongs. */
static bool positions_table_search(const struct positions_table *table, const char *name,
				   size_t *ret_at)
{
	size_t low = 0, high = table->n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(table->sources[middle]->name, name);
		if (order == 0) {
			*ret_at = middle;
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_at = low;
	return false;
}

struct positions_source *positions_table_find(const struct positions_table *table, const char *name)
{
	size_t at;
	return positions_table_search(table, name, &at) ? table->sources[at] : NULL;
}

/* The one not used for longest; none while all have marks. */
static void positions_table_evict(struct positions_table *table)
{
	size_t oldest = table->n;
	for (size_t i = 0; i < table->n; i++)
		if (!table->sources[i]->first &&
		    (oldest == table->n || table->sources[i]->used < table->sources[oldest]->used))
			oldest = i;
	if (oldest == table->n)
		return;
	positions_source_free(table->sources[oldest]);
	table->n--;
	memmove(table->sources + oldest, table->sources + oldest + 1,
		(table->n - oldest) * sizeof(struct positions_source *));
	table->changed = true;
}

/* Doubling; bounded by POSITIONS_MAX_SOURCES, which the caller has checked. */
static bool positions_table_grow(struct positions_table *table)
{
	size_t capacity = table->capacity ? table->capacity * 2 : 16;
	if (table->n < table->capacity)
		return true;
	struct positions_source **sources =
		reallocarray(table->sources, capacity, sizeof(struct positions_source *));
	if (!sources)
		return false;
	table->sources = sources;
	table->capacity = capacity;
	return true;
}

/* Looked up a second time after an eviction, which may have moved the place. */
struct positions_source *positions_table_add(struct positions_table *table, const char *name)
{
	size_t at;
	if (positions_table_search(table, name, &at))
		return table->sources[at];
	if (table->n == POSITIONS_MAX_SOURCES)
		positions_table_evict(table);
	if (table->n == POSITIONS_MAX_SOURCES || !positions_table_grow(table))
		return NULL;
	struct positions_source *source = calloc(1, sizeof(*source));
	if (source)
		source->name = strdup(name);
	if (!source || !source->name) {
		free(source);
		return NULL;
	}
	source->last = &source->first;
	positions_table_search(table, name, &at);
	memmove(table->sources + at + 1, table->sources + at,
		(table->n - at) * sizeof(struct positions_source *));
	table->sources[at] = source;
	table->n++;
	return source;
}

void positions_table_clear(struct positions_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		positions_source_free(table->sources[i]);
	table->n = 0;
}

void positions_table_done(struct positions_table *table)
{
	positions_table_clear(table);
	free(table->sources);
}
