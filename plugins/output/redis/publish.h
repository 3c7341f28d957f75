/*
 * Rows as Redis commands.  Each row is published on the channel of its table, as a JSON object;
 * one that is about a container (a SERIES or STATE table with a tag container_id) is also written
 * into that container's hash, NULLs as missing fields; and each table has a mark that changes
 * whenever rows of it came, for caches.  docs/redis.md has the names.
 */
#ifndef TALLYD_REDIS_PUBLISH_H
#define TALLYD_REDIS_PUBLISH_H

#include <tallyd/host.h>

#include "commands.h"
#include "redis.h"

/* Commands of one row, or of the mark of an entry; what does not fit leaves bytes.error. */
void publish_row(struct commands *commands, const struct redis_config *config,
		 const struct tally_batch *batch, uint32_t row);
void publish_mark(struct commands *commands, const struct redis_config *config,
		  const struct tally_entry *entry);

#endif
