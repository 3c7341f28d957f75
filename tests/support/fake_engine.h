/*
 * A Docker Engine that does what no real one can be made to do on demand: answers with recorded
 * bodies over a unix socket, or hangs, is late, cuts a body off.  One thread of its own; every
 * function here may be called while it serves.
 */
#ifndef TALLYD_TESTS_FAKE_ENGINE_H
#define TALLYD_TESTS_FAKE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fake_fault {
	FAKE_ANSWERS,
	FAKE_HANGS,   /* takes the request, never answers */
	FAKE_CUTS,    /* sends half of the body, then closes */
	FAKE_LATE,    /* answers 200 ms after the last that is late was asked */
	FAKE_STREAMS, /* answers with the body as a first chunk, and stays open for push() */
};

struct fake_engine;

/* Listens, and answers GET /version with API 1.41 and everything else with 404. */
struct fake_engine *fake_engine_create(void);
void fake_engine_destroy(struct fake_engine *engine);
const char *fake_engine_endpoint(const struct fake_engine *engine); /* unix://… */

/* From now on whatever is asked for with `part` in it gets this; the newest that fits decides. */
void fake_engine_set(struct fake_engine *engine, const char *part, int status, const char *body,
		     enum fake_fault fault);
/* 200 with the bytes of a file. */
void fake_engine_set_file(struct fake_engine *engine, const char *part, const char *path);

/* A chunk more on every open stream that was asked for with `part`; how many there are. */
uint32_t fake_engine_push(struct fake_engine *engine, const char *part, const char *text);
/* Ends those streams, in an orderly way or in the middle. */
void fake_engine_end_streams(struct fake_engine *engine, const char *part, bool orderly);

/* Stops listening and cuts all connections, as a daemon does that dies; and comes back. */
void fake_engine_die(struct fake_engine *engine);
void fake_engine_revive(struct fake_engine *engine);

uint32_t fake_engine_asked(struct fake_engine *engine, const char *part); /* requests so far */
uint32_t fake_engine_connections(struct fake_engine *engine);             /* accepted so far */
uint32_t fake_engine_most_at_once(struct fake_engine *engine);            /* unanswered requests */
bool fake_engine_only_get(struct fake_engine *engine); /* was anything but GET asked? */

/* The bytes of a file, NUL-terminated; fails the test if there is none.  free() it. */
char *fake_engine_read_file(const char *path, size_t *ret_len);

#endif
