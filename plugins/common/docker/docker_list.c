/*
 * Parsing of the container list, and functions on an entry: labels, filters, age.  Each input that
 * lists containers calls this on its own thread.
 *
 * The body is decoded in place and belongs to the list, so a container costs no allocation of its
 * own, and texts stay valid until docker_list_done().  What can fail: the request, or an answer
 * that is not a list of containers; then nothing of it is used, since a list that is cut short
 * would make the rest look removed.
 */
#include "docker/docker_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { LIST_FIRST_ITEMS = 64 };

void docker_list_done(struct docker_list *list)
{
	free(list->items);
	free(list->body);
	*list = (struct docker_list){0};
}

/* ---- Reading ---- */

/* An id goes into paths, so nothing else may pass.  Docker's are 64 hex digits; compatible engines
 * may have others. */
bool docker_is_id(const struct json_text *text)
{
	if (!text->at || text->len == 0 || text->len > DOCKER_ID_MAX)
		return false;
	for (size_t i = 0; i < text->len; i++) {
		char c = text->at[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
			return false;
	}
	return true;
}

/* A container's own name is /name; one with a second slash is another container's link to it. */
static void read_names(struct json_reader *json, struct docker_container *ret)
{
	struct json_text name;
	json_enter_array(json);
	while (json_next_item(json)) {
		if (!json_read_text(json, &name) || !name.at)
			continue;
		const char *own = name.at + (name.at[0] == '/');
		if (!ret->name[0] || !strchr(own, '/'))
			ret->name = own;
	}
}

static void read_id(struct json_reader *json, struct docker_container *ret)
{
	struct json_text id;
	if (!json_read_text(json, &id))
		return;
	if (!docker_is_id(&id))
		json_fail(json, "the Id of a container is invalid");
	ret->id = id.at;
}

static void read_health(struct json_reader *json, struct docker_container *ret)
{
	struct json_text key, status = {0};
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		if (!json_text_is(&key, "Status"))
			json_skip(json);
		else if (json_read_text(json, &status) && status.at)
			ret->health = status.at;
	}
}

static const char **text_member(struct docker_container *container, const struct json_text *key)
{
	const struct {
		const char *key;
		const char **text;
	} members[] = {
		{"Image", &container->image},     {"ImageID", &container->image_id},
		{"Command", &container->command}, {"State", &container->state},
		{"Status", &container->status},
	};
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (json_text_is(key, members[i].key))
			return members[i].text;
	return NULL;
}

static bool read_container(struct json_reader *json, struct docker_container *ret)
{
	struct json_text key, text;
	*ret = (struct docker_container){.name = "",
					 .image = "",
					 .image_id = "",
					 .command = "",
					 .state = "",
					 .status = "",
					 .health = ""};
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		const char **member = text_member(ret, &key);
		if (member) {
			if (json_read_text(json, &text) && text.at)
				*member = text.at;
		} else if (json_text_is(&key, "Id")) {
			read_id(json, ret);
		} else if (json_text_is(&key, "Names")) {
			read_names(json, ret);
		} else if (json_text_is(&key, "Ports")) {
			json_read_raw(json, &ret->ports);
		} else if (json_text_is(&key, "Labels")) {
			json_read_raw(json, &ret->labels);
		} else if (json_text_is(&key, "Health")) {
			read_health(json, ret);
		} else {
			json_skip(json);
		}
	}
	if (!json->problem && !ret->id)
		json_fail(json, "a container without Id");
	return !json->problem;
}

static struct docker_container *add_item(struct docker_list *list, uint32_t *size)
{
	if (list->n == *size) {
		uint32_t wanted = *size ? *size * 2 : LIST_FIRST_ITEMS;
		struct docker_container *grown = realloc(list->items, wanted * sizeof(*grown));
		if (!grown)
			return NULL;
		list->items = grown;
		*size = wanted;
	}
	return &list->items[list->n++];
}

static int by_id(const void *a, const void *b)
{
	const struct docker_container *left = a, *right = b;
	return strcmp(left->id, right->id);
}

const char *docker_list_parse(char *body, size_t len, struct docker_list *ret, size_t *ret_offset)
{
	struct docker_list list = {.body = body};
	struct json_reader json;
	uint32_t size = 0;
	json_reader_init(&json, body, len);
	if (json_peek(&json) != JSON_NEXT_ARRAY)
		json_fail(&json, "an array of containers was expected");
	json_enter_array(&json);
	while (json_next_item(&json)) {
		struct docker_container *item = add_item(&list, &size);
		if (!item)
			json_fail(&json, "no memory");
		else
			read_container(&json, item);
	}
	if (!json_finish(&json)) {
		*ret_offset = json_offset(&json);
		docker_list_done(&list);
		return json.problem;
	}
	/* Sorted, so that two lists can be compared side by side, and ids found by bsearch(). */
	if (list.n > 0)
		qsort(list.items, list.n, sizeof(list.items[0]), by_id);
	*ret = list;
	return NULL;
}

int docker_list_get_path(struct docker *docker, struct tally_ctx *ctx, const char *path,
			 struct docker_list *ret)
{
	char *body = NULL;
	size_t len = 0, offset = 0;
	int r = docker_get(docker, DOCKER_LIST, path, DOCKER_MAX_LIST, &body, &len);
	if (r < 0)
		return r;
	const char *problem = docker_list_parse(body, len, ret, &offset);
	if (problem)
		return tally_fail(ctx, EBADMSG, "%s: GET %s: at byte %zu of %zu: %s",
				  docker_endpoint(docker), path, offset, len, problem);
	return 0;
}

int docker_list_get(struct docker *docker, struct tally_ctx *ctx, bool all, struct docker_list *ret)
{
	const char *path = all ? "/containers/json?all=1" : "/containers/json";
	return docker_list_get_path(docker, ctx, path, ret);
}

const struct docker_container *docker_list_find(const struct docker_list *list, const char *id)
{
	const struct docker_container key = {.id = id};
	if (list->n == 0)
		return NULL;
	return bsearch(&key, list->items, list->n, sizeof(key), by_id);
}

/* ---- Labels and filters ---- */

bool docker_container_label(const struct docker_container *container, const char *wanted, char *ret,
			    size_t size)
{
	struct json_reader json;
	struct json_text key, value;
	bool found = false;
	if (!container->labels.at)
		return false;
	/* A copy, since reading decodes in place.  Labels are looked up for a few keys per
	 * container and list; an index of all of them would cost more than it saves. */
	auto_free char *copy = strndup(container->labels.at, container->labels.len);
	if (!copy)
		return false;
	json_reader_init(&json, copy, container->labels.len);
	json_enter_object(&json);
	while (!found && json_next_key(&json, &key)) {
		if (!json_text_is(&key, wanted)) {
			json_skip(&json);
			continue;
		}
		found = json_read_text(&json, &value);
		if (found)
			snprintf(ret, size, "%s", value.at ? value.at : "");
	}
	return found;
}

static bool subject_label(const void *arg, const char *key, char *ret, size_t size)
{
	return docker_container_label(arg, key, ret, size);
}

bool docker_container_passes(const struct docker_container *container, const struct match *match)
{
	const struct match_subject subject = {.name = container->name,
					      .image = container->image,
					      .state = container->state,
					      .label = subject_label,
					      .arg = container};
	return match_passes(match, &subject);
}

/* ---- Status ---- */

static int64_t unit_seconds(const char *text)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = {{"second", 1},        {"minute", 60},      {"hour", 3600},
		     {"day", 86400},       {"week", 7 * 86400}, {"month", 30 * 86400},
		     {"year", 365 * 86400}};
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strncmp(text, units[i].name, strlen(units[i].name)) == 0)
			return units[i].seconds;
	return -1;
}

int64_t docker_status_age(const char *status)
{
	const char *text = strncmp(status, "Up ", 3) == 0 ? status + 3 : strstr(status, ") ");
	if (!text)
		return -1;
	text += strspn(text, ") ");
	if (strncmp(text, "Less than", 9) == 0)
		return 0;
	/* "About a minute", "About an hour": HumanDuration() says so from 60 to 119 s and from 60
	 * to 89 min; the lower bound counts. */
	if (strncmp(text, "About a", 7) == 0) {
		text = strchr(text + 7, ' ');
		return text ? unit_seconds(text + 1) : -1;
	}
	if (*text < '0' || *text > '9')
		return -1;
	char *end;
	unsigned long number = strtoul(text, &end, 10);
	int64_t unit = *end == ' ' ? unit_seconds(end + 1) : -1;
	/* No engine sends such a number; the product must not overflow. */
	return unit < 0 || number > 100000 ? -1 : (int64_t)number * unit;
}
