/*
 * Sentinels know which of several Redis servers is the primary ("master" in their words):
 * redis+sentinel://HOST[:PORT],…/NAME[/DB], the form of redis-sentinel-url, LangChain and RedisVL.
 * They are asked before each connection, as
 * https://redis.io/docs/latest/develop/reference/sentinel-clients/ wants it of clients.  Their
 * replies are not trusted: whoever can answer as a sentinel decides where the rows and the password
 * of Redis go.  Any thread.
 */
#ifndef TALLYD_REDIS_SENTINEL_H
#define TALLYD_REDIS_SENTINEL_H

#include <stdatomic.h>

#include "connection.h"

enum { SENTINELS_MAX = 8, SENTINEL_NAME_SIZE = 65 };

struct sentinels {
	struct address list[SENTINELS_MAX];
	uint32_t n;
	char name[SENTINEL_NAME_SIZE]; /* of the primary */
	int64_t db;                    /* -1: the url has none */
	atomic_uint first;             /* index of the one to ask first */
};

bool sentinels_are_meant(const char *url);
/* NULL, or what is wrong, as address_parse() says it. */
const char *sentinels_parse(const char *url, struct sentinels *ret);

/* Connects a closed connection to the primary, with `timeout` for each sentinel and for the
 * primary. After a failure the caller closes it. */
int sentinels_open(struct sentinels *sentinels, struct connection *connection);

#endif
