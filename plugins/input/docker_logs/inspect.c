/*
 * See inspect.h.  Called by scan.c, on the input's thread: one pass over the JSON, in which all
 * that is not kept is skipped.  What can fail: a body that is cut or not JSON.  A member that is
 * missing is no fault, since engines and logging drivers differ in them.
 */
#include "inspect.h"

#include <string.h>

#include "base/rfc3339.h"

static const char *text_of(struct json_reader *json)
{
	struct json_text text;
	return json_read_text(json, &text) && text.at ? text.at : "";
}

static void read_state(struct json_reader *json, struct inspect_facts *ret)
{
	struct json_text key;
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		if (json_text_is(&key, "Status"))
			ret->container.state = text_of(json);
		else if (json_text_is(&key, "Running"))
			json_read_bool(json, &ret->running);
		else if (json_text_is(&key, "StartedAt"))
			ret->was_started = strncmp(text_of(json), "0001-", 5) != 0;
		else
			json_skip(json);
	}
}

static void read_config(struct json_reader *json, struct inspect_facts *ret)
{
	struct json_text key;
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		if (json_text_is(&key, "Tty"))
			json_read_bool(json, &ret->terminal);
		else if (json_text_is(&key, "Image"))
			ret->container.image = text_of(json);
		else if (json_text_is(&key, "Labels"))
			json_read_raw(json, &ret->container.labels);
		else
			json_skip(json);
	}
}

/* HostConfig.LogConfig.Type */
static void read_driver(struct json_reader *json, struct inspect_facts *ret, bool inside)
{
	struct json_text key;
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		if (!inside && json_text_is(&key, "LogConfig"))
			read_driver(json, ret, true);
		else if (inside && json_text_is(&key, "Type"))
			ret->driver = text_of(json);
		else
			json_skip(json);
	}
}

const char *inspect_read(char *body, size_t len, struct inspect_facts *ret, size_t *ret_offset)
{
	struct inspect_facts facts = {.container = {.id = "", .name = "", .image = "", .state = ""},
				      .driver = "",
				      .path = ""};
	struct json_reader json;
	struct json_text key;
	json_reader_init(&json, body, len);
	if (json_peek(&json) != JSON_NEXT_OBJECT)
		json_fail(&json, "an object was expected");
	json_enter_object(&json);
	while (json_next_key(&json, &key)) {
		if (json_text_is(&key, "Id")) {
			facts.container.id = text_of(&json);
		} else if (json_text_is(&key, "Name")) {
			const char *name = text_of(&json);
			facts.container.name = name + (name[0] == '/');
		} else if (json_text_is(&key, "Created")) {
			const char *created = text_of(&json);
			rfc3339_parse(created, strlen(created), &facts.created);
		} else if (json_text_is(&key, "LogPath")) {
			facts.path = text_of(&json);
		} else if (json_text_is(&key, "State")) {
			read_state(&json, &facts);
		} else if (json_text_is(&key, "Config")) {
			read_config(&json, &facts);
		} else if (json_text_is(&key, "HostConfig")) {
			read_driver(&json, &facts, false);
		} else {
			json_skip(&json);
		}
	}
	if (!json_finish(&json)) {
		*ret_offset = json_offset(&json);
		return json.problem;
	}
	*ret = facts;
	return NULL;
}
