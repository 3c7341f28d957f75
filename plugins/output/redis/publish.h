/*
 * Rows as Redis commands.  Each row is published on the channel of its table, as a JSON object.  A
 * row about a container (a SERIES or STATE table with a tag container_id) also goes into that
 * container's hash, where NULLs are missing fields.  docs/redis.md has the names.
 */
#ifndef TALLYD_REDIS_PUBLISH_H
#define TALLYD_REDIS_PUBLISH_H

#include <tallyd/host.h>

#include "commands.h"
#include "redis.h"

/* Adds the commands of one row; bytes.error: not all fit. */
void publish_row(struct commands *commands, const struct redis_config *config,
		 const struct tally_batch *batch, uint32_t row);

#endif
