/*
 * A parsed line of GET /events: an event of a container or an image.
 */
#ifndef TALLYD_PLUGINS_COMMON_DOCKER_EVENT_H
#define TALLYD_PLUGINS_COMMON_DOCKER_EVENT_H

#include "base/json_reader.h"

/* Texts point into the line. */
struct docker_event {
	int64_t time;       /* ns since 1970, by the engine's clock */
	const char *type;   /* container, image, … */
	const char *action; /* die, health_status, …: up to a colon */
	const char *detail; /* after it: "health_status: healthy" → healthy; "": nothing */
	const char *id;     /* of a container letters and digits; of an image also a reference */
	struct json_text attributes; /* an object of texts, as sent; at NULL: none */
};

/* Decodes in place, so the line is overwritten.  NULL, or what is wrong and at which byte; then
 * only ret->id is set, "" if it was not reached. */
const char *docker_event_parse(char *line, size_t len, struct docker_event *ret,
			       size_t *ret_offset);

/* Copies an attribute, cut to fit; false: none. */
bool docker_event_attribute(const struct docker_event *event, const char *key, char *ret,
			    size_t size);
/* A whole number, sent as text or as a number; false: no such attribute, or not a number. */
bool docker_event_number(const struct docker_event *event, const char *key, int64_t *ret);
/* An attribute as sent, of any type; false: none. */
bool docker_event_raw(const struct docker_event *event, const char *key, struct json_text *ret);

#endif
