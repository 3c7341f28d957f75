/*
 * See query_shape.h.  Made by store.c once a query, on its thread; compared by read/statements.c.
 * Whoever lets a text depend on something else has to put it in here, or into the statement's role.
 */
#include "read/query_shape.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { SHAPE_BUCKETS = 1, SHAPE_NEWEST_FIRST = 2, SHAPE_AFTER = 4 };

void query_shape_of(const struct bound_query *bound, struct query_shape *ret)
{
	const struct tally_query *query = bound->query;
	uint16_t *part = ret->parts;
	ret->table = bound->stored;
	*part++ = (uint16_t)((query->bucket ? SHAPE_BUCKETS : 0) |
			     (query->newest_first ? SHAPE_NEWEST_FIRST : 0) |
			     (query->after && query->n_after ? SHAPE_AFTER : 0));
	*part++ = (uint16_t)query->n_select;
	*part++ = (uint16_t)query->n_group_by;
	*part++ = (uint16_t)query->n_filters;
	_Static_assert(CATALOG_MAX_COLUMNS <= 256, "a column is one byte");
	for (uint32_t i = 0; i < query->n_select; i++)
		*part++ = (uint16_t)(bound->select[i] << 8 | query->select[i].aggregate);
	for (uint32_t i = 0; i < query->n_group_by; i++)
		*part++ = bound->group[i];
	for (uint32_t i = 0; i < query->n_filters; i++)
		*part++ = (uint16_t)(bound->filter[i] << 8 | query->filters[i].match);
	ret->n = (uint32_t)(part - ret->parts);
	ret->hash = hash_bytes((uint64_t)(uintptr_t)ret->table, ret->parts,
			       ret->n * sizeof(*ret->parts));
}

struct query_shape *query_shape_copy(const struct query_shape *shape)
{
	size_t size = offsetof(struct query_shape, parts) + shape->n * sizeof(*shape->parts);
	struct query_shape *copy = malloc(size);
	if (copy)
		memcpy(copy, shape, size);
	return copy;
}

bool query_shape_is(const struct query_shape *a, const struct query_shape *b)
{
	return a->hash == b->hash && a->table == b->table && a->n == b->n &&
	       memcmp(a->parts, b->parts, a->n * sizeof(*a->parts)) == 0;
}
