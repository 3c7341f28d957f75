/*
 * From a hash to a place in an array, for arrays that grow at their end and are cleared of many
 * items at once.  The hash is taken for the thing: of 100,000 things in an array, two have the same
 * one once in a billion daemons.  One thread at a time.
 */
#ifndef TALLYD_ALERT_INDEX_H
#define TALLYD_ALERT_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct index_slot {
	uint64_t hash; /* 0: free */
	uint32_t place;
};

/* Zeroed is empty. */
struct index {
	struct index_slot *slots;
	size_t mask, n;
};

enum { INDEX_NONE = UINT32_MAX };

uint32_t index_get(const struct index *index, uint64_t hash);      /* INDEX_NONE: not there */
int index_put(struct index *index, uint64_t hash, uint32_t place); /* a new one; -ENOMEM */
void index_clear(struct index *index);                             /* keeps the memory */
void index_done(struct index *index);

#endif
