/*
 * /healthz: the process answers.  /readyz: so does its store, and no input of this process stands
 * still; and how old the newest readings are, for alerting when collecting has stopped somewhere
 * else.
 *
 * /healthz is on libmicrohttpd's thread and touches nothing, because a supervisor
 * that restarts a process for it must not do so for a slow database.  /readyz is on a worker's
 * thread and asks the store anew, past the catalog's cache.  Old readings alone are no 503: taking
 * an API out of a load balancer does not make an input collect.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "query/query_builder.h"
#include "health_clock.h"
#include "query/latest.h"
#include "query/missing.h"
#include "query/samples.h"
#include "query/catalog_cache.h"
#include "routes/endpoint.h"

int health_live(struct context *context)
{
	struct json_writer *json = &context->builder->body;
	json_begin_object(json);
	json_write_key(json, "status");
	json_write_string(json, "ok");
	json_end_object(json);
	return 0;
}

/* ---- Inputs that wait for a buffer --------------------------------------- */

enum { HEALTH_NAME = 192, HEALTH_BLOCKED = 8 };

/* As the core's metrics say.  A few are enough for a text that a person reads; where more wait, the
 * cause is the same full buffer. */
struct blocked {
	struct {
		char input[HEALTH_NAME], buffer[HEALTH_NAME];
		double since; /* seconds since 1970 */
	} inputs[HEALTH_BLOCKED];
	uint32_t n;
};

static int blocked_find(void *arg, const struct tally_sample *sample)
{
	struct blocked *blocked = arg;
	if (strcmp(sample->name, "tallyd_input_blocked_since_seconds") != 0 || sample->value == 0 ||
	    blocked->n == HEALTH_BLOCKED)
		return 0;
	sample_label(sample->labels, "input", blocked->inputs[blocked->n].input, HEALTH_NAME);
	sample_label(sample->labels, "buffer", blocked->inputs[blocked->n].buffer, HEALTH_NAME);
	blocked->inputs[blocked->n++].since = sample->value;
	return 0;
}

/* The reason is spelled out, since this text is often all that reaches an operator: the line of a
 * load balancer's log. */
static int health_blocked(struct context *context)
{
	struct blocked blocked = {0};
	char text[512] = "", since[32];
	size_t len = 0;
	int r = tally_samples(context->ctx, blocked_find, &blocked);
	if (r < 0)
		return response_unavailable(context->builder, "out of memory");
	for (uint32_t i = 0; i < blocked.n && len < sizeof(text); i++) {
		time_t second = (time_t)blocked.inputs[i].since;
		struct tm utc;
		gmtime_r(&second, &utc);
		strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", &utc);
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%s%s has waited since %s for %s to take its rows",
					i ? "; " : "", blocked.inputs[i].input, since,
					blocked.inputs[i].buffer);
	}
	return blocked.n ? response_unavailable(context->builder, "%s", text) : 0;
}

/* ---- Ready --------------------------------------------------------------- */

int health_ready(struct context *context)
{
	struct json_writer *json = &context->builder->body;
	int64_t time;
	bool found;
	int r = missing_check(context);
	/* The catalog that is cached says nothing of the store as it is now. */
	if (r == 0)
		r = context_reload_tables(context);
	if (r == 0)
		r = latest_time(context, &time, &found);
	if (r == 0)
		r = health_blocked(context);
	if (r < 0)
		return r;
	json_begin_object(json);
	json_write_key(json, "status");
	json_write_string(json, "ok");
	json_write_key(json, "store");
	json_write_string(json, "ok");
	json_write_key(json, "newest_stats");
	if (found)
		json_write_time(json, time);
	else
		json_write_null(json);
	json_write_key(json, "age_seconds");
	if (found)
		json_write_real(json,
				time < context->now ? (double)(context->now - time) / 1e9 : 0);
	else
		json_write_null(json);
	if (health_clock(context) < 0)
		return response_unavailable(context->builder, "out of memory");
	json_end_object(json);
	return 0;
}
