/*
 * The answer of GET /containers/json, parsed into an array sorted by id.  Texts point into the
 * answer, which the list owns.
 */
#ifndef TALLYD_PLUGINS_COMMON_DOCKER_LIST_H
#define TALLYD_PLUGINS_COMMON_DOCKER_LIST_H

#include "docker/docker.h"
#include "base/json_reader.h"

struct docker_container {
	const char *id; /* letters and digits, at most DOCKER_ID_MAX */
	/* "" if the engine does not send it. */
	const char *name, *image, *image_id, *command, *state, *status;
	const char *health;             /* of API 1.52 on */
	struct json_text ports, labels; /* as sent; at NULL: absent */
};

struct docker_list {
	struct docker_container *items;
	uint32_t n;
	char *body;
};

/* all: also containers that do not run. */
int docker_list_get(struct docker *docker, struct tally_ctx *ctx, bool all,
		    struct docker_list *ret);
/* The same with a path of the caller, for its filters. */
int docker_list_get_path(struct docker *docker, struct tally_ctx *ctx, const char *path,
			 struct docker_list *ret);
void docker_list_done(struct docker_list *list);

/* Takes body over, also on failure.  NULL, or what is wrong; ret_offset: where. */
const char *docker_list_parse(char *body, size_t len, struct docker_list *ret, size_t *ret_offset);

const struct docker_container *docker_list_find(const struct docker_list *list, const char *id);

/* Letters and digits, so that it may go into a path. */
bool docker_is_id(const struct json_text *text);

/* Applies `include` and `exclude` of the input. */
bool docker_container_passes(const struct docker_container *container, const struct match *match);

/* Copies a label's value, cut to fit; false: no such label. */
bool docker_container_label(const struct docker_container *container, const char *key, char *ret,
			    size_t size);

/*
 * How long a container is up, or has been down, by its status, in whole seconds; a lower bound. "Up
 * 36 seconds (healthy)" → 36, "Exited (0) 5 minutes ago" → 300, "Up About an hour" → 3600.  -1: not
 * known.  Source: the engine's units.HumanDuration().
 */
int64_t docker_status_age(const char *status);

#endif
