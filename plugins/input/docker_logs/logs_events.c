#include "logs_events.h"

#include <stdlib.h>
#include <string.h>

#include "json_reader.h"

struct event_texts {
	struct json_text type, action, id;
};

static void read_actor(struct json_reader *json, struct event_texts *ret)
{
	struct json_text key;
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		if (json_text_is(&key, "ID"))
			json_read_text(json, &ret->id);
		else
			json_skip(json);
	}
}

static bool read_event(char *line, size_t len, struct event_texts *ret)
{
	struct json_reader json;
	struct json_text key;
	json_reader_init(&json, line, len);
	json_enter_object(&json);
	while (json_next_key(&json, &key)) {
		if (json_text_is(&key, "Type"))
			json_read_text(&json, &ret->type);
		else if (json_text_is(&key, "Action"))
			json_read_text(&json, &ret->action);
		else if (json_text_is(&key, "Actor"))
			read_actor(&json, ret);
		else
			json_skip(&json);
	}
	return json_finish(&json) && ret->type.at && ret->action.at && ret->id.at;
}

/* An id goes into paths. */
static bool is_id(const struct json_text *id)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	return id->len > 0 && id->len <= DOCKER_ID_MAX && strspn(id->at, allowed) == id->len;
}

/* What is no event of ours is left out: the list, which comes now and then, mends all. */
static void take_line(char *line, size_t len, logs_event_fn *each, void *arg)
{
	struct event_texts texts = {0};
	if (!read_event(line, len, &texts) || !json_text_is(&texts.type, "container") ||
	    !is_id(&texts.id))
		return;
	if (json_text_is(&texts.action, "start"))
		each(arg, texts.id.at, LOGS_START);
	else if (json_text_is(&texts.action, "die"))
		each(arg, texts.id.at, LOGS_DIE);
	else if (json_text_is(&texts.action, "rename"))
		each(arg, texts.id.at, LOGS_RENAME);
	else if (json_text_is(&texts.action, "destroy") || json_text_is(&texts.action, "remove"))
		each(arg, texts.id.at, LOGS_DESTROY);
}

bool logs_events_feed(struct logs_events *events, const char *bytes, size_t len,
		      logs_event_fn *each, void *arg)
{
	if (!events->line)
		events->line = malloc(LOGS_EVENT_SIZE);
	if (!events->line)
		return false;
	for (; len > 0; bytes++, len--) {
		if (*bytes != '\n') {
			events->too_long = events->too_long || events->len == LOGS_EVENT_SIZE - 1;
			if (!events->too_long)
				events->line[events->len++] = *bytes;
			continue;
		}
		events->line[events->len] = '\0';
		if (!events->too_long && events->len > 0)
			take_line(events->line, events->len, each, arg);
		events->len = 0;
		events->too_long = false;
	}
	return true;
}

void logs_events_done(struct logs_events *events)
{
	free(events->line);
	*events = (struct logs_events){0};
}
