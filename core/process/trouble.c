/*
 * See trouble.h.  Texts are compared whole: a reason with a number in it that changes each time is
 * another one each time, and the log's own limit keeps that short.
 */
#include "process/trouble.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"

static const int64_t trouble_log_interval = CLOCK_MINUTE;

void trouble_init(struct trouble *trouble)
{
	memset(trouble, 0, sizeof(*trouble));
	pthread_mutex_init(&trouble->lock, NULL);
}

void trouble_done(struct trouble *trouble)
{
	pthread_mutex_destroy(&trouble->lock);
}

/* With the state as it was before this failure is noted in it; under the lock. */
static enum trouble_change trouble_judge(const struct trouble *trouble, const char *text,
					 int64_t now)
{
	if (trouble->state.failures == 0)
		return TROUBLE_BEGINS;
	if (strcmp(trouble->state.text, text) != 0)
		return TROUBLE_CHANGES;
	return now - trouble->told >= trouble_log_interval ? TROUBLE_LASTS : TROUBLE_NOTHING;
}

enum trouble_change trouble_note(struct trouble *trouble, const char *text,
				 struct trouble_state *ret)
{
	struct trouble_state *state = &trouble->state;
	int64_t now = clock_monotonic();
	pthread_mutex_lock(&trouble->lock);
	enum trouble_change news = trouble_judge(trouble, text, now);
	if (state->failures++ == 0)
		state->since = now;
	snprintf(state->text, sizeof(state->text), "%s", text);
	if (news != TROUBLE_NOTHING)
		trouble->told = now;
	if (ret)
		*ret = *state;
	pthread_mutex_unlock(&trouble->lock);
	return news;
}

bool trouble_read(struct trouble *trouble, struct trouble_state *ret)
{
	pthread_mutex_lock(&trouble->lock);
	*ret = trouble->state;
	pthread_mutex_unlock(&trouble->lock);
	return ret->failures > 0;
}

/* Nothing can come between reading and clearing: the thread that calls this is the only one that
 * notes. */
bool trouble_end(struct trouble *trouble, struct trouble_state *ret)
{
	bool any = trouble_read(trouble, ret);
	if (!any)
		return false;
	pthread_mutex_lock(&trouble->lock);
	trouble->state.failures = 0;
	pthread_mutex_unlock(&trouble->lock);
	return true;
}

/* To the second, or to the millisecond if it is younger: nobody reads on. */
void trouble_age(const struct trouble_state *state, char *ret, size_t size)
{
	int64_t age = clock_monotonic() - state->since;
	int64_t unit = age < CLOCK_SECOND ? CLOCK_MS : CLOCK_SECOND;
	text_format_duration(age / unit * unit, ret, size);
}

void trouble_since(int64_t since, char *ret, size_t size)
{
	time_t second = (time_t)((clock_now() - (clock_monotonic() - since)) / CLOCK_SECOND);
	struct tm utc;
	gmtime_r(&second, &utc);
	strftime(ret, size, "%Y-%m-%dT%H:%M:%SZ", &utc);
}
