/*
 * The line at the foot: how many run and are not well, and how old what is shown is.  Amber when
 * readings are older than a minute, red when the API or its store is gone, as on the dashboard.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "terminal/figures.h"
#include "terminal/text.h"
#include "top/top.h"

enum { FOOT_STALE = 60 };

static void foot_count(const struct model *model, const char *state, enum style style,
		       struct line *line)
{
	size_t n = 0;
	for (size_t i = 0; i < model->n; i++)
		n += container_is(model->containers[i], MODEL_STATE, state);
	if (n > 0 || strcmp(state, "running") == 0)
		line_add(line, style, "%s%zu %s", line->width ? " · " : "", n, state);
}

static void foot_sick(const struct model *model, struct line *line)
{
	size_t n = 0;
	for (size_t i = 0; i < model->n; i++)
		n += container_is(model->containers[i], MODEL_HEALTH, "unhealthy") &&
		     container_is(model->containers[i], MODEL_STATE, "running");
	if (n > 0)
		line_add(line, STYLE_ACT, " · %zu unhealthy", n);
}

static void foot_age(const struct feed *feed, struct line *line)
{
	char text[FIGURE_SIZE], since[40] = "";
	struct tm parts;
	double age = feed_age(feed);
	figure_duration(age, text);
	if (isnan(age)) {
		line_add(line, STYLE_DIM, " · no reading yet");
		return;
	}
	if (age <= FOOT_STALE) {
		line_add(line, STYLE_DIM, " · newest reading %s ago", text);
		return;
	}
	time_t at = time(NULL) - (time_t)age;
	if (localtime_r(&at, &parts))
		strftime(since, sizeof(since), age < 86400 ? "%H:%M:%S" : "%Y-%m-%d %H:%M", &parts);
	line_add(line, STYLE_LOOK, " · readings are %s old: nothing was read since %s", text,
		 since);
}

void top_foot(const struct feed *feed, struct line *line)
{
	if (*feed->problem) {
		int64_t wait = feed->list_at - clock_monotonic();
		long seconds = wait > 0 ? (long)(wait / CLOCK_SECOND) + 1 : 0;
		line_show(line, STYLE_ACT, feed->problem, TEXT_UNBOUNDED);
		if (seconds > 0)
			line_add(line, STYLE_ACT, "; tried again in %ld s", seconds);
		if (!isnan(feed_age(feed)))
			foot_age(feed, line);
		return;
	}
	foot_count(&feed->model, "running", STYLE_PLAIN, line);
	foot_sick(&feed->model, line);
	foot_count(&feed->model, "restarting", STYLE_LOOK, line);
	foot_count(&feed->model, "exited", STYLE_PLAIN, line);
	if (*feed->unready) {
		line_add(line, STYLE_ACT, " · ");
		line_show(line, STYLE_ACT, feed->unready, TEXT_UNBOUNDED);
	}
	foot_age(feed, line);
	if (feed->model.cut)
		line_add(line, STYLE_LOOK, " · only the first %d are shown", MODEL_MAX_CONTAINERS);
}
