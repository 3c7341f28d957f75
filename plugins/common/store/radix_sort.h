/*
 * Sorting by time and by a number (of a group, a series), as rows are handed on: first by what
 * counts less, then by what counts more.  Each takes time in proportion to the rows.
 */
#ifndef TALLYD_PLUGINS_COMMON_RADIX_SORT_H
#define TALLYD_PLUGINS_COMMON_RADIX_SORT_H

#include <stdint.h>

struct sort_entry {
	int64_t time;
	uint32_t number;
	uint32_t at; /* of whatever is sorted */
};

/* What is equal stays as it stands.  spare: room for n more. */
void sort_by_time(struct sort_entry *places, struct sort_entry *spare, uint32_t n);
void sort_by_number(struct sort_entry *places, struct sort_entry *spare, uint32_t n);

#endif
