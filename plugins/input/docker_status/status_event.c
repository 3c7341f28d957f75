#include "status_event.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "docker_list.h"
#include "events_table.h"
#include "json_writer.h"

enum { EVENT_TEXT_SIZE = 512, EVENT_MAX_ATTRIBUTES = 8192 };

const char status_event_filters[] =
	"{\"type\":[\"container\"],\"event\":[\"create\",\"start\",\"restart\",\"stop\",\"kill\","
	"\"die\",\"oom\",\"pause\",\"unpause\",\"rename\",\"update\",\"health_status\","
	"\"destroy\",\"remove\"]}";

/* What each leaves its container in; "": the same as before, or nobody knows. */
static const struct event_kind {
	const char *told, *action, *state;
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
		if (strcmp(event->action, event_kinds[i].told) == 0)
			return &event_kinds[i];
	return NULL;
}

const char *status_event_action(const struct docker_event *event)
{
	const struct event_kind *kind = kind_of(event);
	return kind && strcmp(event->type, "container") == 0 ? kind->action : NULL;
}

bool status_event_passes(const struct docker_event *event, const struct match *match)
{
	char name[EVENT_TEXT_SIZE] = "", image[EVENT_TEXT_SIZE] = "";
	const struct event_kind *kind = kind_of(event);
	docker_event_attribute(event, "name", name, sizeof(name));
	docker_event_attribute(event, "image", image, sizeof(image));
	/* Labels are among the attributes. */
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
	const char *copy = tally_batch_copy(row->ctx, row->batch, text, len);
	row->no_memory |= !copy;
	if (copy)
		tally_put_text(row->cells, column, copy, len);
}

static void put_attribute(struct event_row *row, uint32_t column, const char *key)
{
	char text[EVENT_TEXT_SIZE];
	if (docker_event_attribute(row->event, key, text, sizeof(text)) && text[0])
		put_text(row, column, text, strlen(text));
}

static void put_number(struct event_row *row, uint32_t column, const char *key)
{
	int64_t number;
	if (docker_event_number(row->event, key, &number))
		tally_put_int(row->cells, column, number);
}

/* Named ones only: among the attributes are all labels, and of some events command lines. */
static void put_attributes(struct event_row *row)
{
	static const char *const keys[] = {"oldName", "execDuration"};
	struct json_writer json;
	bool any = false;
	json_writer_init(&json, EVENT_MAX_ATTRIBUTES);
	json_begin_object(&json);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char text[EVENT_TEXT_SIZE];
		if (!docker_event_attribute(row->event, keys[i], text, sizeof(text)))
			continue;
		json_write_key(&json, keys[i]);
		json_write_string(&json, text);
		any = true;
	}
	json_end_object(&json);
	row->no_memory |= json.error == -ENOMEM;
	if (any && !json.error)
		put_text(row, EVENTS_ATTRIBUTES, json.data, json.len);
	json_writer_done(&json);
}

static void put_kind(struct event_row *row, const char *action, bool oom)
{
	if (strcmp(action, "die") == 0) {
		put_number(row, EVENTS_EXIT_CODE, "exitCode");
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
		     const struct docker_event *event, const char *action, bool oom)
{
	struct event_row row = {ctx, batch, tally_batch_row(ctx, batch), event, false};
	if (!row.cells)
		return -ENOMEM;
	tally_put_int(row.cells, EVENTS_TIME, event->time);
	put_text(&row, EVENTS_HOST, ctx->machine, strlen(ctx->machine));
	put_text(&row, EVENTS_CONTAINER_ID, event->id, strlen(event->id));
	put_text(&row, EVENTS_ACTION, action, strlen(action));
	put_attribute(&row, EVENTS_NAME, "name");
	put_attribute(&row, EVENTS_IMAGE, "image");
	put_kind(&row, action, oom);
	put_attributes(&row);
	return row.no_memory ? -ENOMEM : 0;
}
