/*
 * Inputs read the engine's answers by such tables, on their own thread, once per container and
 * tick. Members are compared one after the other: a table has a dozen, and the engine sends keys in
 * an order that nothing promises.  The first problem stays in the reader; slots read before it keep
 * their values, and it is the caller who throws them away.
 */
#include "base/json_map.h"

#include <errno.h>

#include "base/rfc3339.h"

void json_int_add(struct json_int *slot, const struct json_int *number)
{
	if (!number->set)
		return;
	if (!slot->set)
		*slot = *number;
	/* A sum that overflowed is unknown, not some other number. */
	else if (__builtin_add_overflow(slot->value, number->value, &slot->value))
		slot->set = false;
}

static void read_sum(struct json_reader *json, struct json_int *slot)
{
	struct json_int number = {0};
	json_read_int(json, &number);
	json_int_add(slot, &number);
}

static void read_weak(struct json_reader *json, struct json_int *slot)
{
	struct json_int number = {0};
	json_read_int(json, &number);
	if (!slot->set)
		*slot = number;
}

static void read_flag(struct json_reader *json, struct json_int *slot)
{
	bool flag;
	if (json_read_bool(json, &flag))
		*slot = (struct json_int){flag, true};
}

static void read_time(struct json_reader *json, struct json_int *slot)
{
	struct json_text text;
	if (!json_read_text(json, &text) || !text.at || text.len == 0)
		return;
	int r = rfc3339_parse(text.at, text.len, &slot->value);
	slot->set = r == 0;
	if (r < 0 && r != -ERANGE)
		json_fail(json, "a time was expected");
}

static void read_each(struct json_reader *json, const struct json_member *members,
		      const struct json_slots *slots)
{
	struct json_text name;
	json_enter_object(json);
	while (json_next_key(json, &name))
		json_map_read(json, members, slots);
}

static void read_items(struct json_reader *json, const struct json_member *members,
		       const struct json_slots *slots)
{
	json_enter_array(json);
	while (json_next_item(json))
		json_map_read(json, members, slots);
}

static void read_member(struct json_reader *json, const struct json_member *member,
			const struct json_slots *slots)
{
	switch ((enum json_rule)member->rule) {
	case JSON_MAP_INT:
		json_read_int(json, &slots->ints[member->slot]);
		break;
	case JSON_MAP_WEAK:
		read_weak(json, &slots->ints[member->slot]);
		break;
	case JSON_MAP_ADD:
		read_sum(json, &slots->ints[member->slot]);
		break;
	case JSON_MAP_BOOL:
		read_flag(json, &slots->ints[member->slot]);
		break;
	case JSON_MAP_TIME:
		read_time(json, &slots->ints[member->slot]);
		break;
	case JSON_MAP_TEXT:
		json_read_text(json, &slots->texts[member->slot]);
		break;
	case JSON_MAP_INSIDE:
		json_map_read(json, member->inside, slots);
		break;
	case JSON_MAP_EACH:
		read_each(json, member->inside, slots);
		break;
	case JSON_MAP_ITEMS:
		read_items(json, member->inside, slots);
		break;
	case JSON_MAP_CALL:
		member->call(json, &slots->ints[member->slot]);
		break;
	}
}

void json_map_read(struct json_reader *json, const struct json_member *members,
		   const struct json_slots *slots)
{
	struct json_text key;
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		const struct json_member *member = members;
		while (member->key && !json_text_is(&key, member->key))
			member++;
		if (member->key)
			read_member(json, member, slots);
		else
			json_skip(json);
	}
}

const char *json_map_document(char *text, size_t len, const struct json_member *members,
			      const struct json_slots *slots, size_t *ret_offset)
{
	struct json_reader json;
	json_reader_init(&json, text, len);
	if (json_peek(&json) != JSON_NEXT_OBJECT)
		json_fail(&json, "an object was expected");
	json_map_read(&json, members, slots);
	if (json_finish(&json))
		return NULL;
	*ret_offset = json_offset(&json);
	return json.problem;
}
