/*
 * Sentinels know which of several Redis servers is the primary ("master" in their words):
 * redis+sentinel://HOST[:PORT],…/NAME[/DB], the form of redis-sentinel-url, LangChain and RedisVL.
 * A link that has them asks before each connection.  They are as foreign as anybody: who can answer
 * as one decides where the rows and the password of Redis go.  Any thread.
 * https://redis.io/docs/latest/develop/reference/sentinel-clients/ is what clients should do.
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
	atomic_uint first;             /* whom to ask first: who knew it last time */
};

bool sentinels_are_meant(const char *url);
/* NULL, or what is wrong with it, as with address_parse(). */
const char *sentinels_parse(const char *url, struct sentinels *ret);

/* Connects a closed link to the primary; `timeout` is for each sentinel, and for that.  A link that
 * it fails on is left to close. */
int sentinels_open(struct sentinels *sentinels, struct connection *connection);

#endif
