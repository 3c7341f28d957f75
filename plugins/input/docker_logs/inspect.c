/*
 * Reads the answer to GET /containers/ID/json for scan.c, on the input's thread: one pass over the
 * JSON, which is 5 to 20 KiB, of which the ten members in inspect.h are kept and all else is
 * skipped.  What can fail: JSON that is cut or no JSON; a member that is missing is not a fault,
 * since engines differ in them (Podman has no LogPath for its journald driver).
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

static void read_member(struct json_reader *json, const struct json_text *key,
			struct inspect_facts *ret)
{
	if (json_text_is(key, "Id")) {
		ret->container.id = text_of(json);
	} else if (json_text_is(key, "Name")) {
		const char *name = text_of(json);
		ret->container.name = name + (name[0] == '/');
	} else if (json_text_is(key, "Created")) {
		const char *created = text_of(json);
		rfc3339_parse(created, strlen(created), &ret->created);
	} else if (json_text_is(key, "LogPath")) {
		ret->path = text_of(json);
	} else if (json_text_is(key, "State")) {
		read_state(json, ret);
	} else if (json_text_is(key, "Config")) {
		read_config(json, ret);
	} else if (json_text_is(key, "HostConfig")) {
		read_driver(json, ret, false);
	} else {
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
	if (json_peek(&json) != JSON_OBJECT)
		json_fail(&json, "an object was expected");
	json_enter_object(&json);
	while (json_next_key(&json, &key))
		read_member(&json, &key, &facts);
	if (!json_finish(&json)) {
		*ret_offset = json_offset(&json);
		return json.problem;
	}
	*ret = facts;
	return NULL;
}
