/*
 * All labels are gone through once for all that count, since a container may have hundreds of them.
 * Containers of `docker compose run` have the labels of a service without being part of it: they
 * come and go beside it, so their own name is theirs.
 */
#include "docker/docker_service.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

enum service_label {
	LABEL_CONFIGURED,
	LABEL_COMPOSE_PROJECT,
	LABEL_COMPOSE_SERVICE,
	LABEL_COMPOSE_ONE_OFF,
	LABEL_SWARM_SERVICE,
	LABELS
};

struct service_labels {
	const char *keys[LABELS];
	struct json_text values[LABELS];
};

static void take_label(struct service_labels *labels, const struct json_text *key,
		       const struct json_text *value)
{
	for (int i = 0; i < LABELS; i++)
		if (labels->keys[i] && json_text_is(key, labels->keys[i]))
			labels->values[i] = *value;
}

/* Decodes in place. */
static void read_labels(struct service_labels *labels, char *text, size_t len)
{
	struct json_reader json;
	struct json_text key, value;
	json_reader_init(&json, text, len);
	if (json_peek(&json) != JSON_NEXT_OBJECT)
		return;
	json_enter_object(&json);
	while (json_next_key(&json, &key)) {
		if (json_peek(&json) != JSON_NEXT_STRING)
			json_skip(&json);
		else if (json_read_text(&json, &value) && value.at && value.len > 0)
			take_label(labels, &key, &value);
	}
}

static bool is_there(const struct service_labels *labels, enum service_label label)
{
	return labels->values[label].at != NULL;
}

static size_t append(char ret[DOCKER_SERVICE_SIZE], size_t used, const struct json_text *text)
{
	size_t len = utf8_bound(text->at, text->len, DOCKER_SERVICE_SIZE - 1 - used);
	memcpy(ret + used, text->at, len);
	ret[used + len] = '\0';
	return used + len;
}

static bool choose(const struct service_labels *labels, char ret[DOCKER_SERVICE_SIZE])
{
	const struct json_text *values = labels->values;
	if (is_there(labels, LABEL_CONFIGURED)) {
		append(ret, 0, &values[LABEL_CONFIGURED]);
	} else if (is_there(labels, LABEL_COMPOSE_SERVICE)) {
		static const struct json_text slash = {.at = "/", .len = 1};
		size_t used = 0;
		if (json_text_is(&values[LABEL_COMPOSE_ONE_OFF], "True"))
			return false;
		if (is_there(labels, LABEL_COMPOSE_PROJECT)) {
			used = append(ret, 0, &values[LABEL_COMPOSE_PROJECT]);
			used = append(ret, used, &slash);
		}
		append(ret, used, &values[LABEL_COMPOSE_SERVICE]);
	} else if (is_there(labels, LABEL_SWARM_SERVICE)) {
		append(ret, 0, &values[LABEL_SWARM_SERVICE]);
	}
	return ret[0] != '\0';
}

bool docker_service_of_labels(const struct docker_container *container, const char *service_label,
			      char ret[DOCKER_SERVICE_SIZE])
{
	struct service_labels labels = {
		.keys = {[LABEL_CONFIGURED] = service_label,
			 [LABEL_COMPOSE_PROJECT] = "com.docker.compose.project",
			 [LABEL_COMPOSE_SERVICE] = "com.docker.compose.service",
			 [LABEL_COMPOSE_ONE_OFF] = "com.docker.compose.oneoff",
			 [LABEL_SWARM_SERVICE] = "com.docker.swarm.service.name"}};
	ret[0] = '\0';
	if (!container->labels.at)
		return false;
	/* A copy, since reading decodes in place. */
	auto_free char *copy = strndup(container->labels.at, container->labels.len);
	if (!copy)
		return false;
	read_labels(&labels, copy, container->labels.len);
	return choose(&labels, ret);
}
