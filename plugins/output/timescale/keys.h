/*
 * Tags → series key, in memory, so that a row costs no look-up in the database.  Bounded: full, it
 * is emptied, and fills again with what is still written.  An input brings its things in the same
 * order each time, so the key that followed last time is guessed first.  One thread at a time.
 */
#ifndef TALLYD_TIMESCALE_KEYS_H
#define TALLYD_TIMESCALE_KEYS_H

#include <stddef.h>
#include <stdint.h>

struct keys;

struct keys *keys_create(void);
void keys_destroy(struct keys *keys);
void keys_clear(struct keys *keys);

struct keys_entry {
	uint64_t hash;
	size_t at; /* of its tags */
	uint32_t len, series;
	uint32_t next; /* that followed it last time */
};

/* What may be the next one's; NULL: no idea.  Valid until something is added. */
const struct keys_entry *keys_guess(const struct keys *keys, const char **ret_tags);
void keys_guessed_right(struct keys *keys, const struct keys_entry *entry);

/* The tags as bytes.  0: not known; series begin at 1. */
uint32_t keys_find(struct keys *keys, const void *tags, size_t len);
/* Without memory it is just not remembered. */
void keys_add(struct keys *keys, const void *tags, size_t len, uint32_t series);

#endif
