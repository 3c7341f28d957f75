/*
 * From an event to a row of container_events, and the filter for /events.  docker_status.c calls
 * this for each event on the instance's thread.
 *
 * Podman's compatible API differs: its filters compare Podman's own names (died, remove), while the
 * events that come say die and destroy, and its exit code is in containerExitCode.  What can fail
 * is memory only; an attribute of an unexpected type is kept as text in `attributes`.
 */
#include "status_event.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "docker/docker_list.h"
#include "events_table.h"
#include "base/json_writer.h"

enum { EVENT_TEXT_SIZE = 512, EVENT_RAW_MAX = 1024, EVENT_MAX_ATTRIBUTES = 16384 };

/* Podman compares its own words, died and remove, although its events then say die and destroy. The
 * filter health_status matches "health_status: healthy" as well.  An engine keeps 256 events, and
 * the three exec_* of each health check would push out all others, were they asked for. */
const char status_event_filters[] =
	"{\"type\":[\"container\",\"network\"],\"event\":[\"create\",\"start\",\"restart\","
	"\"stop\",\"kill\","
	"\"die\",\"died\",\"oom\",\"pause\",\"unpause\",\"rename\",\"update\",\"health_status\","
	"\"destroy\",\"remove\",\"connect\",\"disconnect\"]}";

/* state: the container's after the event, for filters on state; "": unchanged, or not known. */
static const struct event_kind {
	const char *engine_action, *action, *state;
} event_kinds[] = {
	{"create", "create", "created"},
	{"start", "start", "running"},
	{"restart", "restart", "running"},
	{"stop", "stop", "exited"},
	{"kill", "kill", ""},
	{"die", "die", "exited"},
	{"died", "die", "exited"},
	{"oom", "oom", ""},
	{"pause", "pause", "paused"},
	{"unpause", "unpause", "running"},
	{"rename", "rename", ""},
	{"update", "update", ""},
	{"destroy", "destroy", ""},
	{"health_status", "health_status", "running"},
	{"remove", "destroy", ""},
};

static const struct event_kind *kind_of(const struct docker_event *event)
{
	for (size_t i = 0; i < sizeof(event_kinds) / sizeof(event_kinds[0]); i++)
		if (strcmp(event->action, event_kinds[i].engine_action) == 0)
			return &event_kinds[i];
	return NULL;
}

const char *status_event_action(const struct docker_event *event)
{
	const struct event_kind *kind = kind_of(event);
	return kind && strcmp(event->type, "container") == 0 ? kind->action : NULL;
}

bool status_event_network(const struct docker_event *event, char *ret, size_t size)
{
	return strcmp(event->type, "network") == 0 &&
	       (strcmp(event->action, "connect") == 0 ||
		strcmp(event->action, "disconnect") == 0) &&
	       docker_event_attribute(event, "container", ret, size);
}

bool status_event_passes(const struct docker_event *event, const struct match *match)
{
	char name[EVENT_TEXT_SIZE] = "", image[EVENT_TEXT_SIZE] = "";
	const struct event_kind *kind = kind_of(event);
	docker_event_attribute(event, "name", name, sizeof(name));
	docker_event_attribute(event, "image", image, sizeof(image));
	/* Nothing else is known of a container that was just created.  Labels are among the
	 * attributes; image is as in the container's config. */
	const struct docker_container container = {.name = name,
						   .image = image,
						   .state = kind ? kind->state : "",
						   .labels = event->attributes};
	return docker_container_passes(&container, match);
}

/* ---- Rows ---- */

/* One row under construction. */
struct event_row {
	struct tally_ctx *ctx;
	struct tally_batch *batch;
	struct tally_cell *cells;
	const struct docker_event *event;
	bool no_memory;
};

static void put_text(struct event_row *row, uint32_t column, const char *text, size_t len)
{
	row->no_memory |= tally_put_text(row->ctx, row->batch, row->cells, column, text, len) < 0;
}

static void put_attribute(struct event_row *row, uint32_t column, const char *key)
{
	char text[EVENT_TEXT_SIZE];
	if (docker_event_attribute(row->event, key, text, sizeof(text)) && text[0])
		put_text(row, column, text, strlen(text));
}

static bool put_number(struct event_row *row, uint32_t column, const char *key)
{
	int64_t number;
	bool found = docker_event_number(row->event, key, &number);
	if (found)
		tally_put_int(row->cells, column, number);
	return found;
}

/* ---- The rest of the attributes ---- */

static bool is_empty(const struct json_text *raw)
{
	return (raw->len == 2 && memcmp(raw->at, "\"\"", 2) == 0) ||
	       (raw->len == 4 && memcmp(raw->at, "null", 4) == 0);
}

/* Writes the value as sent; of one that is too long, the beginning as a string. */
static void write_raw(struct json_writer *json, const char *key, const struct json_text *raw)
{
	json_write_key(json, key);
	if (raw->len <= EVENT_RAW_MAX)
		json_write_json(json, raw->at, raw->len);
	else
		json_write_text(json, raw->at, EVENT_RAW_MAX);
}

/* Which attribute goes into which column, for one action or (NULL) for all. */
static const struct {
	const char *action, *key;
	uint32_t column;
} event_attributes[] = {
	{NULL, "name", EVENTS_NAME},
	{NULL, "image", EVENTS_IMAGE},
	{"die", "exitCode", EVENTS_EXIT_CODE},
	{"die", "containerExitCode", EVENTS_EXIT_CODE}, /* Podman's */
	{"kill", "signal", EVENTS_SIGNAL},
	{"health_status", "health_status", EVENTS_HEALTH},
};

static uint32_t write_attributes(struct event_row *row, const char *action,
				 struct json_writer *json)
{
	static const char *const always[] = {"oldName", "execDuration"};
	struct json_text raw;
	uint32_t n = 0;
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (docker_event_raw(row->event, always[i], &raw)) {
			write_raw(json, always[i], &raw);
			n++;
		}
	for (size_t i = 0; i < sizeof(event_attributes) / sizeof(event_attributes[0]); i++) {
		const char *of = event_attributes[i].action, *key = event_attributes[i].key;
		/* The column could not take it, as an exitCode that is not a number. */
		if ((of && strcmp(of, action) != 0) || row->cells[event_attributes[i].column].set ||
		    !docker_event_raw(row->event, key, &raw) || is_empty(&raw))
			continue;
		write_raw(json, key, &raw);
		n++;
	}
	return n;
}

/* Only attributes known by name: the others are labels, which container_info has, and command lines
 * of some events. */
static void put_attributes(struct event_row *row, const char *action)
{
	const struct json_text *all = &row->event->attributes;
	struct json_writer json;
	json_writer_init(&json, EVENT_MAX_ATTRIBUTES);
	bool is_object = all->at && all->at[0] == '{';
	json_begin_object(&json);
	uint32_t n = 0;
	if (is_object) {
		n = write_attributes(row, action, &json);
	} else if (all->at && !is_empty(all)) {
		write_raw(&json, "Attributes", all);
		n = 1;
	}
	json_end_object(&json);
	row->no_memory |= json.error == -ENOMEM;
	if (n > 0 && !json.error)
		put_text(row, EVENTS_ATTRIBUTES, json.data, json.len);
	json_writer_done(&json);
}

/* Engines of 20.10 send die and then stop, from 26 on stop and then die: so what an exit means is
 * in die alone, and no order is relied on. */
static void put_kind(struct event_row *row, const char *action, bool oom)
{
	if (strcmp(action, "die") == 0) {
		if (!put_number(row, EVENTS_EXIT_CODE, "exitCode"))
			put_number(row, EVENTS_EXIT_CODE, "containerExitCode");
		tally_put_int(row->cells, EVENTS_OOM, oom);
	} else if (strcmp(action, "oom") == 0) {
		tally_put_int(row->cells, EVENTS_OOM, 1);
	} else if (strcmp(action, "kill") == 0) {
		put_number(row, EVENTS_SIGNAL, "signal");
	} else if (strcmp(action, "health_status") == 0) {
		if (row->event->detail[0])
			put_text(row, EVENTS_HEALTH, row->event->detail,
				 strlen(row->event->detail));
		else
			put_attribute(row, EVENTS_HEALTH, "health_status");
	}
}

int status_event_row(struct tally_ctx *ctx, struct tally_batch *batch,
		     const struct docker_event *event, const struct status_event_facts *facts)
{
	const char *action = facts->action;
	struct event_row row = {ctx, batch, tally_batch_row(ctx, batch), event, false};
	if (!row.cells)
		return -ENOMEM;
	tally_put_int(row.cells, EVENTS_TIME, event->time);
	put_text(&row, EVENTS_HOST, tally_hostname(ctx), strlen(tally_hostname(ctx)));
	put_text(&row, EVENTS_CONTAINER_ID, event->id, strlen(event->id));
	put_text(&row, EVENTS_ACTION, action, strlen(action));
	put_attribute(&row, EVENTS_NAME, "name");
	put_attribute(&row, EVENTS_IMAGE, "image");
	put_kind(&row, action, facts->oom);
	put_attributes(&row, action);
	if (facts->service[0])
		put_text(&row, EVENTS_SERVICE, facts->service, strlen(facts->service));
	return row.no_memory ? -ENOMEM : 0;
}
