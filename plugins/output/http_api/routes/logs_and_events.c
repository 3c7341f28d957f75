/*
 * /api/v1/logs and /events: what containers print, and what happens to them.  On a worker's thread;
 * all there is to say is which table and which filters, list_endpoint.c does the rest.  The two
 * lists are also what the streams of the same rows are filtered by.
 */
#include "routes/list_endpoint.h"
#include "routes/endpoint.h"

#include <errno.h>

static const struct list_filter log_filters[] = {
	{"q", "message", TALLY_CONTAINS},
	{"stream", "stream", TALLY_EQUALS},
	{"level", "level", LIST_FILTER_LEVEL},
	{"host", "host", TALLY_EQUALS},
	{"name", "name", TALLY_GLOB},
	{"pattern", "pattern", TALLY_EQUALS},
	{.param = NULL},
};
const struct list logs_of_containers = {"container_logs", log_filters};

static const struct list_filter event_filters[] = {
	{"action", "action", TALLY_EQUALS},
	{"host", "host", TALLY_EQUALS},
	{"name", "name", TALLY_GLOB},
	{"image", "image", TALLY_GLOB},
	{.param = NULL},
};
const struct list events_of_containers = {"container_events", event_filters};

int logs_list(struct context *context)
{
	return list_answer(context, &logs_of_containers, NULL);
}

int events_list(struct context *context)
{
	return list_answer(context, &events_of_containers, NULL);
}

static int answer_one(struct context *context, const struct list *list)
{
	struct container container;
	int r = container_find(context, context->segment, NULL, &container);
	return r < 0 ? r : list_answer(context, list, &container);
}

int containers_logs(struct context *context)
{
	return answer_one(context, &logs_of_containers);
}

int containers_events(struct context *context)
{
	return answer_one(context, &events_of_containers);
}
