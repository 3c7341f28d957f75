/* What the files of this plugin share: its configuration, its metrics and its bounds. */
#ifndef TALLYD_REDIS_H
#define TALLYD_REDIS_H

#include <tallyd/host.h>

enum {
	REDIS_MAX_REPLY = 1 << 20,    /* bytes of one */
	REDIS_MAX_MESSAGE = 4 << 20,  /* bytes of one on a channel */
	REDIS_MAX_VALUE = 256 << 10,  /* of a cached value; more cannot be read within a few ms */
	REDIS_MAX_COMMANDS = 4 << 20, /* bytes sent in one go, plus one row */
	REDIS_MAX_ROW = 32 << 20,     /* bytes of the commands of one row */
};

struct redis_config {
	const char *url, *user, *password, *sentinel_password;
	int64_t db;
	const char *prefix;
	int64_t ttl, timeout, cache_timeout;
};

enum redis_metric {
	REDIS_PUBLISHED,
	REDIS_FOREIGN_KEYS,
	REDIS_CONNECTS,
	REDIS_CONNECT_ERRORS,
	REDIS_CACHE_AVAILABLE,
};

/* Every key and channel begins with `<prefix>v1:`; raise the number when a meaning changes. */
#define REDIS_LAYOUT "v1:"

#endif
