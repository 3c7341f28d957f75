/* The tables that an output has made room for, so that each is prepared once.  Known by what they
 * are, not by where they are: a batch may bring a table of its own.  One thread. */
#ifndef TALLYD_CORE_DELIVERY_PREPARED_H
#define TALLYD_CORE_DELIVERY_PREPARED_H

#include <stdbool.h>
#include <stdint.h>
#include <tallyd/plugin.h>

struct delivery_prepared {
	uint64_t *fingerprints;
	size_t n;
};

uint64_t delivery_fingerprint(const struct tally_table *table);
bool delivery_is_prepared(const struct delivery_prepared *prepared, uint64_t fingerprint);
/* Without memory it is prepared again the next time, which does no harm. */
void delivery_remember_prepared(struct delivery_prepared *prepared, uint64_t fingerprint);

#endif
