/* A set of hashes with room for so many, made once and thrown away.  One thread at a time. */
#ifndef TALLYD_BASE_HASH_SET_H
#define TALLYD_BASE_HASH_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_set {
	uint64_t *slots; /* 0: free */
	size_t mask;
};

int hash_set_init(struct hash_set *seen, size_t n_hashes); /* -ENOMEM */
void hash_set_done(struct hash_set *seen);                 /* also of one that is all zeros */
bool hash_set_add(struct hash_set *seen, uint64_t hash);   /* false: it was there */
bool hash_set_has(const struct hash_set *seen, uint64_t hash);

#endif
