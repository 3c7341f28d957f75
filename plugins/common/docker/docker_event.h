/*
 * One line of GET /events, read: something happened to a container or an image.
 */
#ifndef TALLYD_PLUGINS_COMMON_DOCKER_EVENT_H
#define TALLYD_PLUGINS_COMMON_DOCKER_EVENT_H

#include "base/json_reader.h"

/* Texts lie in the line. */
struct docker_event {
	int64_t time;       /* ns since 1970, by the engine's clock */
	const char *type;   /* container, image, … */
	const char *action; /* die, health_status, …: what stands before a colon */
	const char *detail; /* behind it: "health_status: healthy" → healthy; "": nothing */
	const char *id;     /* of a container letters and digits; of an image also a reference */
	struct json_text attributes; /* an object of texts, as sent; at NULL: none */
};

/* The line is spoilt.  NULL, or what is wrong and at which byte; then only ret->id is set, as far
 * as it was read: "" if it was not. */
const char *docker_event_parse(char *line, size_t len, struct docker_event *ret,
			       size_t *ret_offset);

/* Copies an attribute, cut to fit; false: no such. */
bool docker_event_attribute(const struct docker_event *event, const char *key, char *ret,
			    size_t size);
/* An attribute that is a whole number, as text or as a number; false: no such, or none. */
bool docker_event_number(const struct docker_event *event, const char *key, int64_t *ret);
/* An attribute as it stands, whatever it is; false: no such. */
bool docker_event_raw(const struct docker_event *event, const char *key, struct json_text *ret);

#endif
