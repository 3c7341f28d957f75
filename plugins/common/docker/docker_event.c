/*
 * Parses one event, into texts that point into its line.  docker_events.c parses each line on the
 * instance's thread; inputs read attributes of the event while they handle it, not later.
 *
 * Engines before API 1.52 repeat the id and action as `id` and `status` at the top; newer ones give
 * them in Actor and Action only, which all engines have, so only those are read.  What can fail:
 * the line is not JSON or lacks what an event must have, then it is refused with its offset.
 */
#include "docker/docker_event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "docker/docker_list.h"

/* An event under construction. */
struct event_text {
	struct json_text type, action, id, attributes;
	struct json_int seconds, nanoseconds;
};

static void read_actor(struct json_reader *json, struct event_text *text)
{
	struct json_text key;
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		if (json_text_is(&key, "ID"))
			json_read_text(json, &text->id);
		else if (json_text_is(&key, "Attributes"))
			json_read_raw(json, &text->attributes);
		else
			json_skip(json);
	}
}

static void read_event(struct json_reader *json, struct event_text *text)
{
	struct json_text key;
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		if (json_text_is(&key, "Type"))
			json_read_text(json, &text->type);
		else if (json_text_is(&key, "Action"))
			json_read_text(json, &text->action);
		else if (json_text_is(&key, "Actor"))
			read_actor(json, text);
		else if (json_text_is(&key, "time"))
			json_read_int(json, &text->seconds);
		else if (json_text_is(&key, "timeNano"))
			json_read_int(json, &text->nanoseconds);
		else
			json_skip(json);
	}
}

static const char *check(const struct event_text *text)
{
	if (!text->type.at || !text->action.at || !text->id.at)
		return "an event without Type, Action or Actor";
	if (!text->nanoseconds.set && !text->seconds.set)
		return "an event without time";
	if (strcmp(text->type.at, "container") == 0 && !docker_is_id(&text->id))
		return "the ID of a container is invalid";
	return NULL;
}

const char *docker_event_parse(char *line, size_t len, struct docker_event *ret, size_t *ret_offset)
{
	struct json_reader json;
	struct event_text text = {0};
	json_reader_init(&json, line, len);
	if (json_peek(&json) != JSON_NEXT_OBJECT)
		json_fail(&json, "an object was expected");
	read_event(&json, &text);
	const char *problem = json_finish(&json) ? check(&text) : json.problem;
	if (problem) {
		*ret_offset = json_offset(&json);
		*ret = (struct docker_event){.id = text.id.at ? text.id.at : ""};
		return problem;
	}
	/* `time` has whole seconds only, which would make repeats of events look like new ones. */
	*ret = (struct docker_event){
		.type = text.type.at, .id = text.id.at, .attributes = text.attributes};
	if (text.nanoseconds.set)
		ret->time = text.nanoseconds.value;
	else if (__builtin_mul_overflow(text.seconds.value, CLOCK_SECOND, &ret->time))
		ret->time = 0;
	/* "health_status: healthy" and "exec_start: sh -c …" have a detail after the colon. */
	char *action = line + (text.action.at - line), *colon = strchr(action, ':');
	ret->action = action;
	ret->detail = "";
	if (colon) {
		*colon = '\0';
		ret->detail = colon + 1 + strspn(colon + 1, " ");
	}
	return NULL;
}

bool docker_event_attribute(const struct docker_event *event, const char *key, char *ret,
			    size_t size)
{
	/* Attributes are an object of texts, just like labels, and hold those, too. */
	const struct docker_container holder = {.labels = event->attributes};
	return docker_container_label(&holder, key, ret, size);
}

/* Reads keys in a copy of their own, since reading decodes in place. */
bool docker_event_raw(const struct docker_event *event, const char *wanted, struct json_text *ret)
{
	struct json_reader json;
	struct json_text key, value;
	const struct json_text *all = &event->attributes;
	if (!all->at)
		return false;
	auto_free char *copy = strndup(all->at, all->len);
	if (!copy)
		return false;
	json_reader_init(&json, copy, all->len);
	json_enter_object(&json);
	while (json_next_key(&json, &key)) {
		if (!json_read_raw(&json, &value) || !json_text_is(&key, wanted))
			continue;
		*ret = (struct json_text){all->at + (value.at - copy), value.len};
		return true;
	}
	return false;
}

bool docker_event_number(const struct docker_event *event, const char *key, int64_t *ret)
{
	struct json_text raw;
	char text[24], *end;
	if (!docker_event_raw(event, key, &raw) || raw.len >= sizeof(text))
		return false;
	bool quoted = raw.at[0] == '"';
	size_t len = raw.len - (quoted ? 2 : 0);
	memcpy(text, raw.at + quoted, len);
	text[len] = '\0';
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (end == text || *end || errno)
		return false;
	*ret = number;
	return true;
}
