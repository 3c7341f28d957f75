/*
 * Sorting by time and by a number (of a group, a series), as rows are handed on: first by what
 * counts less, then by what counts more.  Each takes time in proportion to the rows.
 */
#ifndef TALLYD_PLUGINS_COMMON_RADIX_SORT_H
#define TALLYD_PLUGINS_COMMON_RADIX_SORT_H

#include <stdint.h>

struct order_place {
	int64_t time;
	uint32_t number;
	uint32_t at; /* of whatever is sorted */
};

/* What is equal stays as it stands.  spare: room for n more. */
void order_by_time(struct order_place *places, struct order_place *spare, uint32_t n);
void order_by_number(struct order_place *places, struct order_place *spare, uint32_t n);

#endif
