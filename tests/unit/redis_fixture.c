#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "redis_fixture.h"
#include "base/clock.h"
#include "test.h"
#include "waiting.h"

static const char *redis_folder(void)
{
	const char *folder = getenv("TALLYD_TEST_REDIS");
	return folder ? folder : "/nonexistent";
}

struct redis_fixture *redis_prepare(void)
{
	struct redis_fixture *fixture = calloc(1, sizeof(*fixture));
	fixture->host = fake_host_create("output.redis");
	fixture->ctx = fake_host_ctx(fixture->host);
	snprintf(fixture->url, sizeof(fixture->url), "unix://%s/redis.sock", redis_folder());
	fixture->config = (struct redis_config){.url = fixture->url,
						.prefix = "tally:",
						.ttl = 600 * CLOCK_SECOND,
						.timeout = 30 * CLOCK_SECOND,
						.cache_timeout = 30 * CLOCK_SECOND};
	return fixture;
}

int redis_begin(struct redis_fixture *fixture)
{
	int r = tally_plugin()->create(fixture->ctx, &fixture->config, &fixture->plugin);
	return r < 0 ? r : tally_plugin()->start(fixture->plugin);
}

void redis_finish(struct redis_fixture *fixture)
{
	if (fixture->plugin) {
		tally_plugin()->stop(fixture->plugin);
		tally_plugin()->destroy(fixture->plugin);
	}
	if (fixture->client)
		redisFree(fixture->client);
	fake_host_destroy(fixture->host);
	free(fixture);
}

bool redis_is_available(void *arg)
{
	struct redis_fixture *fixture = arg;
	return fake_host_metric(fixture->host, REDIS_CACHE_AVAILABLE) == 1;
}

int redis_set_up(void **state)
{
	struct redis_fixture *fixture = redis_prepare();
	char path[200];
	snprintf(path, sizeof(path), "%s/redis.sock", redis_folder());
	fixture->client = redisConnectUnix(path);
	if (!fixture->client || fixture->client->err)
		fail_msg("no Redis: run this by tests/support/redis.py");
	freeReplyObject(redis_ask(fixture, "FLUSHALL"));
	assert_int_equal(redis_begin(fixture), 0);
	WAIT_UNTIL(redis_is_available(fixture));
	*state = fixture;
	return 0;
}

int redis_tear_down(void **state)
{
	redis_finish(*state);
	return 0;
}

redisReply *redis_ask(struct redis_fixture *fixture, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	redisReply *reply = redisvCommand(fixture->client, format, ap);
	va_end(ap);
	if (!reply)
		fail_msg("%s: %s", format, fixture->client->errstr);
	return reply;
}

void redis_expect(struct redis_fixture *fixture, const char *value, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	redisReply *reply = redisvCommand(fixture->client, format, ap);
	va_end(ap);
	assert_non_null(reply);
	if (!value)
		assert_int_equal(reply->type, REDIS_REPLY_NIL);
	else if (!reply->str || strcmp(reply->str, value) != 0)
		fail_msg("%s: \"%s\" instead of \"%s\"", format, reply->str ? reply->str : "(nil)",
			 value);
	freeReplyObject(reply);
}

void redis_signal(int signal)
{
	char path[200];
	int pid = 0;
	snprintf(path, sizeof(path), "%s/pid", redis_folder());
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(kill(pid, signal), 0);
}

static const struct tally_column columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "container_id", .type = TALLY_TEXT, .role = TALLY_TAG}};
const struct tally_table redis_table = {
	.name = "ticks", .columns = columns, .n_columns = 2, .kind = TALLY_SERIES, .revision = 1};

int redis_write_row(struct redis_fixture *fixture)
{
	uint8_t verdict = TALLY_RETRY;
	struct tally_batch *batch = tally_batch_new(fixture->ctx, &redis_table);
	struct tally_cell *row = tally_batch_row(fixture->ctx, batch);
	tally_put_int(row, 0, 1);
	tally_put_text_borrowed(row, 1, "c1", 2);
	struct tally_entry entry = {batch, 1, "me", NULL};
	int r = tally_plugin()->output->write(fixture->plugin, &entry, 1, &verdict);
	tally_batch_drop(fixture->ctx, batch);
	assert_int_equal(verdict, r < 0 ? TALLY_RETRY : TALLY_DONE);
	return r;
}
