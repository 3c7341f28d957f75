/*
 * The HTTP plugin, started on a free port against a store in memory, and a client that speaks to
 * it over a real socket.
 */
#ifndef TALLYD_TESTS_HTTP_FIXTURE_H
#define TALLYD_TESTS_HTTP_FIXTURE_H

#include <jansson.h>

#include "base/clock.h"
#include "fake_host.h"
#include "fake_store.h"
#include "http_api.h"

struct http_fixture {
	struct fake_host *host;
	struct fake_store *store;
	struct http_config config;
	void *plugin;
	int port;
};

/* Wall time stands still here: 2026-01-01T12:00:00Z. */
#define HTTP_NOW (INT64_C(1767268800) * CLOCK_SECOND)

/* With tables container_info, container_stats and notes, all empty. */
void http_prepare(struct http_fixture *fixture);
void http_start(struct http_fixture *fixture); /* after prepare, perhaps with another config */
void http_finish(struct http_fixture *fixture);
int http_tear_down(void **state); /* finishes and frees *state */

/* Rows in the store.  age: seconds before HTTP_NOW. */
void http_add_container(struct http_fixture *fixture, const char *host, const char *id,
			const char *name, const char *state);
void http_add_stats(struct http_fixture *fixture, const char *host, const char *id,
		    const char *name, int age, double cpu, int64_t rx);
void http_add_note(struct http_fixture *fixture, int age, const char *author, int64_t number,
		   const char *text);

struct http_answer {
	int status;
	char *head; /* status line and headers */
	char *body;
	size_t len;
	json_t *json; /* of the body, if it is JSON */
};

int http_connect(const struct http_fixture *fixture);
void http_send(int fd, const char *text, size_t len);
/* Reads until the other side closes; fails the test after 10 s. */
struct http_answer http_read(int fd);
struct http_answer http_raw(const struct http_fixture *fixture, const char *request);
struct http_answer http_get(const struct http_fixture *fixture, const char *target);
struct http_answer http_ok(void **state, const char *target); /* a 200 or the test fails */
void http_free(struct http_answer *answer);

/* The value of a header; NULL: there is none.  In a buffer of the thread. */
const char *http_header(const struct http_answer *answer, const char *name);

/* GETs, wants that status, and an application/problem+json that names the parameter. */
void http_expect_problem(const struct http_fixture *fixture, const char *target, int status,
			 const char *parameter, const char *detail);

#endif
