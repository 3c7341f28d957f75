/* A set of hashes with room for so many, made once and thrown away.  One thread at a time. */
#ifndef TALLYD_HTTP_SEEN_H
#define TALLYD_HTTP_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seen {
	uint64_t *slots; /* 0: free */
	size_t mask;
};

int seen_init(struct seen *seen, size_t room);   /* -ENOMEM */
void seen_done(struct seen *seen);               /* also of one that is all zeros */
bool seen_add(struct seen *seen, uint64_t hash); /* false: it was there */
bool seen_has(const struct seen *seen, uint64_t hash);

#endif
