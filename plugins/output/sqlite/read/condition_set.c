/*
 * A hash table with open addressing, at most half full, made when the statement is bound and freed
 * by SQLite when that is over.  On a query's thread; what can fail is memory, and then the
 * statement fails when it is run.
 */
#include "read/condition_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* With fewer SQLite's own is as good, and may use an index. */
enum { CONDITION_SET_LEAST = 9 };

static const char condition_set_type[] = "tally_set"; /* of the pointer */

struct condition_set {
	uint32_t mask;
	struct tally_cell slots[]; /* not set: free */
};

static struct tally_cell *condition_set_slot(struct condition_set *set, const char *text,
					     uint32_t len)
{
	uint64_t at = hash_bytes(0, text, len);
	for (;; at++) {
		struct tally_cell *slot = &set->slots[at & set->mask];
		if (!slot->set || (slot->len == len && memcmp(slot->text, text, len) == 0))
			return slot;
	}
}

bool condition_is_set(const struct bound_query *bound, uint32_t filter)
{
	uint16_t column = bound->filter[filter];
	return bound_query_is_equals(bound, filter, column) &&
	       bound->stored->table.columns[column].type == TALLY_TEXT &&
	       bound_query_alternatives(bound, column) >= CONDITION_SET_LEAST;
}

void condition_bind_set(sqlite3_stmt *statement, int parameter, const struct bound_query *bound,
			uint32_t filter)
{
	uint32_t size = 16;
	while (size < 2 * bound->query->n_filters)
		size *= 2;
	struct condition_set *set = calloc(1, sizeof(*set) + size * sizeof(*set->slots));
	if (!set)
		return; /* which condition_set_call() finds */
	set->mask = size - 1;
	for (uint32_t i = 0; i < bound->query->n_filters; i++) {
		const struct tally_cell *value = &bound->query->filters[i].value;
		/* NULL is none: no row matches it. */
		if (bound_query_is_equals(bound, i, bound->filter[filter]) && value->set)
			*condition_set_slot(set, value->len ? value->text : "", value->len) =
				*value;
	}
	sqlite3_bind_pointer(statement, parameter, set, condition_set_type, free);
}

static void condition_set_call(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct condition_set *set = sqlite3_value_pointer(values[1], condition_set_type);
	(void)n;
	if (!set) {
		sqlite3_result_error_nomem(context);
		return;
	}
	/* A tag that is NULL comes as a blob. */
	if (sqlite3_value_type(values[0]) != SQLITE_TEXT)
		return;
	const char *text = (const char *)sqlite3_value_text(values[0]);
	if (text)
		sqlite3_result_int(
			context,
			condition_set_slot(set, text, (uint32_t)sqlite3_value_bytes(values[0]))
				->set);
}

int condition_register_set(sqlite3 *db)
{
	return sqlite3_create_function(db, "tally_among", 2, SQLITE_UTF8, NULL, condition_set_call,
				       NULL, NULL);
}
