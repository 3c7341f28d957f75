/* The redis plugin against a Redis server of the test's own, and a plain client beside it. */
#ifndef TALLYD_TESTS_REDIS_FIXTURE_H
#define TALLYD_TESTS_REDIS_FIXTURE_H

#include <hiredis/hiredis.h>

#include "fake_host.h"
#include "redis.h"

const struct tally_plugin *tally_plugin(void);

struct redis_fixture {
	struct fake_host *host;
	struct tally_ctx *ctx;
	struct redis_config config;
	char url[200];
	void *plugin;
	redisContext *client;
};

/* Not created yet, so that a test can change the config. */
struct redis_fixture *redis_prepare(void);
int redis_begin(struct redis_fixture *fixture); /* creates and starts */
void redis_finish(struct redis_fixture *fixture);

int redis_set_up(void **state); /* begun, available, with a client and an empty Redis */
int redis_tear_down(void **state);

/* Owes freeReplyObject(); fails the test when there is no reply. */
redisReply *redis_ask(struct redis_fixture *fixture, const char *format, ...);
/* Asks, and wants a string, or a nil if NULL. */
void redis_expect(struct redis_fixture *fixture, const char *value, const char *format, ...);

extern const struct tally_table redis_table; /* a time and a container_id */
/* Has the plugin write a row of it; what its write() returns.  The verdict has to agree. */
int redis_write_row(struct redis_fixture *fixture);

/* Sends SIGSTOP, SIGCONT to the server. */
void redis_signal(int signal);

bool redis_is_available(void *fixture); /* as a cache */

#endif
