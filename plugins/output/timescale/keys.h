/*
 * Tags → series key, in memory, so that a row costs no look-up in the database.  Bounded: full, it
 * is emptied, and fills again with what is still written.  One thread at a time.
 */
#ifndef TALLYD_TIMESCALE_KEYS_H
#define TALLYD_TIMESCALE_KEYS_H

#include <stddef.h>
#include <stdint.h>

struct keys;

struct keys *keys_create(void);
void keys_destroy(struct keys *keys);
void keys_clear(struct keys *keys);

/* The tags as bytes.  0: not known; series begin at 1. */
uint32_t keys_find(const struct keys *keys, const void *tags, size_t len);
/* Without memory it is just not remembered. */
void keys_add(struct keys *keys, const void *tags, size_t len, uint32_t series);

#endif
