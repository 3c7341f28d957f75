#include "http_schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SCHEMA_PLACE_SIZE = 256, SCHEMA_PROBLEM_SIZE = 3 * SCHEMA_PLACE_SIZE };

struct check {
	json_t *document;
	char place[SCHEMA_PLACE_SIZE]; /* "/data/0/name" */
};

static _Thread_local char problem[SCHEMA_PROBLEM_SIZE];

static const char *check_value(const struct check *check, json_t *schema, json_t *value);

__attribute__((format(printf, 2, 3))) static const char *wrong(const struct check *check,
							       const char *fmt, ...)
{
	char what[SCHEMA_PLACE_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(problem, sizeof(problem), "%s: %s", check->place, what);
	return problem;
}

json_t *schema_resolve(json_t *document, json_t *thing)
{
	const char *ref = json_string_value(json_object_get(thing, "$ref"));
	while (ref) {
		char path[SCHEMA_PLACE_SIZE], *rest = path;
		snprintf(path, sizeof(path), "%s", strncmp(ref, "#/", 2) ? "" : ref + 2);
		thing = document;
		while (thing && rest)
			thing = json_object_get(thing, strsep(&rest, "/"));
		ref = json_string_value(json_object_get(thing, "$ref"));
	}
	return thing;
}

static bool has_type(json_t *value, const char *type)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return strcmp(type, "object") == 0;
	case JSON_ARRAY:
		return strcmp(type, "array") == 0;
	case JSON_STRING:
		return strcmp(type, "string") == 0;
	case JSON_INTEGER:
		return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
	case JSON_REAL:
		return strcmp(type, "number") == 0;
	case JSON_NULL:
		return strcmp(type, "null") == 0;
	default:
		return strcmp(type, "boolean") == 0;
	}
}

static const char *check_type(const struct check *check, json_t *type, json_t *value)
{
	size_t i;
	json_t *one;
	bool fits = json_is_string(type) && has_type(value, json_string_value(type));
	json_array_foreach(type, i, one) fits |= has_type(value, json_string_value(one));
	return fits || !type ? NULL : wrong(check, "has the wrong type");
}

static const char *check_enum(const struct check *check, json_t *choices, json_t *value)
{
	size_t i;
	json_t *choice;
	json_array_foreach(choices, i, choice) if (json_equal(choice, value)) return NULL;
	return wrong(check, "is none of the values there are");
}

/* RFC 3339 as we write it. */
static const char *check_time(const struct check *check, json_t *value)
{
	const char *text = json_string_value(value);
	int day, hour, n = 0;
	if (!text || (sscanf(text, "%*4d-%*2d-%2dT%2d:%*2d:%*2d%n", &day, &hour, &n) == 2 &&
		      n == 19 && text[strlen(text) - 1] == 'Z'))
		return NULL;
	return wrong(check, "is not a time: %s", text);
}

static const char *check_items(const struct check *check, json_t *schema, json_t *value)
{
	size_t i;
	json_t *item;
	json_array_foreach(value, i, item)
	{
		struct check inner = *check;
		snprintf(inner.place, sizeof(inner.place), "%.200s/%zu", check->place, i);
		const char *said = check_value(&inner, schema, item);
		if (said)
			return said;
	}
	return NULL;
}

static const char *check_members(const struct check *check, json_t *schema, json_t *value)
{
	json_t *more = json_object_get(schema, "additionalProperties");
	const char *name;
	json_t *member;
	json_object_foreach(value, name, member)
	{
		struct check inner = *check;
		json_t *known = json_object_get(json_object_get(schema, "properties"), name);
		snprintf(inner.place, sizeof(inner.place), "%.190s/%.60s", check->place, name);
		if (!known && !more)
			return wrong(&inner, "is not in the document");
		if (!known && json_is_true(more))
			continue;
		const char *said = check_value(&inner, known ? known : more, member);
		if (said)
			return said;
	}
	return NULL;
}

static const char *check_required(const struct check *check, json_t *names, json_t *value)
{
	size_t i;
	json_t *name;
	json_array_foreach(
		names, i,
		name) if (!json_object_get(value,
					   json_string_value(name))) return wrong(check, "lacks %s",
										  json_string_value(
											  name));
	return NULL;
}

static const char *check_one_of(const struct check *check, json_t *schemas, json_t *value)
{
	unsigned fits = 0;
	size_t i;
	json_t *schema;
	json_array_foreach(schemas, i, schema) fits += check_value(check, schema, value) == NULL;
	if (fits > 1)
		return wrong(check, "fits several of oneOf");
	return fits ? NULL : problem;
}

static const char *check_word(const struct check *check, json_t *schema, const char *word,
			      json_t *value)
{
	static const char *const notes[] = {"description", "properties", "additionalProperties",
					    "default",     "minimum",    "example"};
	json_t *means = json_object_get(schema, word);
	if (strcmp(word, "type") == 0)
		return check_type(check, means, value);
	if (strcmp(word, "enum") == 0)
		return check_enum(check, means, value);
	if (strcmp(word, "format") == 0)
		return check_time(check, value);
	if (strcmp(word, "items") == 0)
		return check_items(check, means, value);
	if (strcmp(word, "required") == 0)
		return json_is_object(value) ? check_required(check, means, value) : NULL;
	if (strcmp(word, "oneOf") == 0)
		return check_one_of(check, means, value);
	for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++)
		if (strcmp(word, notes[i]) == 0)
			return NULL;
	return wrong(check, "schema has the word %s", word);
}

static const char *check_value(const struct check *check, json_t *schema, json_t *value)
{
	const char *word, *said = NULL;
	json_t *means;
	schema = schema_resolve(check->document, schema);
	if (!schema)
		return wrong(check, "has a schema that is not there");
	json_object_foreach(schema, word, means)
	{
		said = check_word(check, schema, word, value);
		if (said)
			return said;
	}
	bool object = json_object_get(schema, "properties") ||
		      json_object_get(schema, "additionalProperties");
	return object && json_is_object(value) ? check_members(check, schema, value) : NULL;
}

const char *schema_check(json_t *document, json_t *schema, json_t *value)
{
	const struct check check = {.document = document};
	return check_value(&check, schema, value);
}
