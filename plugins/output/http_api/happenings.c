/* /api/v1/logs and /events: what containers print, and what happens to them. */
#include "list.h"

#include <errno.h>

#define LEVELS "trace|debug|info|notice|warning|error|critical"

static const struct list_filter log_filters[] = {
	{"q", "message", TALLY_CONTAINS, NULL},
	{"stream", "stream", TALLY_EQUALS, "stdout|stderr"},
	{"level", "level", TALLY_EQUALS, LEVELS},
	{"host", "host", TALLY_EQUALS, NULL},
	{"name", "name", TALLY_GLOB, NULL},
	{.param = NULL},
};
const struct list logs_of_containers = {"container_logs", log_filters, 3600 * HTTP_SECOND};

static const struct list_filter event_filters[] = {
	{"action", "action", TALLY_EQUALS, NULL},
	{"host", "host", TALLY_EQUALS, NULL},
	{"name", "name", TALLY_GLOB, NULL},
	{"image", "image", TALLY_GLOB, NULL},
	{.param = NULL},
};
const struct list events_of_containers = {"container_events", event_filters, HTTP_DAY};

int logs_list(struct call *call)
{
	return list_answer(call, &logs_of_containers, NULL);
}

int events_list(struct call *call)
{
	return list_answer(call, &events_of_containers, NULL);
}

static int answer_one(struct call *call, const struct list *list)
{
	struct container container;
	int r = container_find(call, call->segment, NULL, &container);
	return r < 0 ? r : list_answer(call, list, &container);
}

int containers_logs(struct call *call)
{
	return answer_one(call, &logs_of_containers);
}

int containers_events(struct call *call)
{
	return answer_one(call, &events_of_containers);
}
