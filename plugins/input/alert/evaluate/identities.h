/*
 * Which service and project a container belongs to, and whether it runs: from the rows of
 * container_info as they pass.  A service is what outlives its containers: PROJECT/SERVICE of
 * Compose, else the container's name.  Under the engine's lock.
 */
#ifndef TALLYD_ALERT_IDENTITIES_H
#define TALLYD_ALERT_IDENTITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <tallyd/plugin.h>

#include "evaluate/index.h"

struct identity {
	uint64_t hash;
	char *service, *project; /* project NULL: none */
	bool running, gone;
};

/* Zeroed is empty. */
struct identities {
	struct index index;
	struct identity *items;
	size_t n, size, max;
	uint64_t version; /* raised when a container's service or project becomes another */
	bool known;       /* rows have come */
};

extern const char identities_table[]; /* container_info */

/* -ENOSPC: more than max containers; -ENOMEM. */
int identities_watch(struct identities *identities, const struct tally_batch *batch);
void identities_done(struct identities *identities);

/* NULL: it is not known.  Valid until the next change. */
const struct identity *identities_find(const struct identities *identities, const char *id,
				       size_t len);

#endif
