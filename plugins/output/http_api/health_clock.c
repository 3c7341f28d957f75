/*
 * A store tells how far this host's clock is off from its database's, and by how much deleting is
 * held back since a clock cannot be believed.  Either is said from five minutes on.  On the thread
 * of a request.
 */
#include "health_clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "query/samples.h"

#define CLOCK_BOUND 300 /* seconds */

struct clock_text {
	char text[600];
	size_t len;
};

static bool clock_is(const struct tally_sample *sample, const char *suffix)
{
	size_t len = strlen(sample->name), end = strlen(suffix);
	return len > end && strcmp(sample->name + len - end, suffix) == 0;
}

static int clock_read(void *arg, const struct tally_sample *sample)
{
	struct clock_text *clock = arg;
	char name[192] = "";
	bool offset = clock_is(sample, "_clock_offset_seconds");
	if ((!offset && !clock_is(sample, "_retention_held_seconds")) ||
	    fabs(sample->value) <= CLOCK_BOUND || clock->len >= sizeof(clock->text))
		return 0;
	(void)sample_label(sample->labels, "instance", name, sizeof(name));
	char *to = clock->text + clock->len;
	size_t left = sizeof(clock->text) - clock->len;
	const char *before = clock->len ? "; " : "";
	int n = offset ? snprintf(to, left,
				  "%s%s: this host's clock is %.0f s %s the database's, so it does "
				  "no maintenance",
				  before, name, fabs(sample->value),
				  sample->value > 0 ? "ahead of" : "behind")
		       : snprintf(to, left,
				  "%s%s: the clock jumped ahead, so rows are kept %.0f s longer",
				  before, name, sample->value);
	clock->len += (size_t)n;
	return 0;
}

int health_clock(struct context *context)
{
	struct json_writer *json = &context->builder->body;
	struct clock_text clock = {.len = 0};
	int r = tally_samples(context->ctx, clock_read, &clock);
	if (r < 0)
		return r;
	json_write_key(json, "clock");
	json_write_string(json, clock.len ? clock.text : "ok");
	return 0;
}
