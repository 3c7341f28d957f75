/*
 * Requests to the API, several at a time, on one thread: each has a function that is called when it
 * is done, or with its bytes while it comes.  Nothing blocks but client_wait() and client_fetch().
 */
#ifndef TALLYD_CONSOLE_CLIENT_H
#define TALLYD_CONSOLE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "api/target.h"

enum {
	CLIENT_MAX_BODY = 64 << 20, /* bytes of an answer; the API's own bound is 16 MiB */
	CLIENT_PROBLEM_SIZE = 400,
	CLIENT_TIMEOUT_S = 20,  /* of an answer */
	CLIENT_SILENCE_S = 150, /* of a stream: ten of its heartbeats */
};

struct client;
struct request;

struct answer {
	long status;         /* 0: nobody answered */
	const char *problem; /* in words for the user, safe to print; NULL: 2xx */
	char *body;          /* writable, ends with a NUL; "" of a stream */
	size_t len;
};

/* The request is gone when it returns. */
typedef void client_done_fn(void *arg, const struct answer *answer);
/* Bytes of an answer of status 200, as they come.  May not begin or cancel a request. */
typedef void client_bytes_fn(void *arg, const char *data, size_t len);

/* The target is borrowed.  NULL: no memory. */
struct client *client_create(const struct target *target);
void client_destroy(struct client *client);

/* path: with the query, below the target's address.  bytes NULL: the body is collected for done,
 * and must come in time; else it is a stream without an end.  NULL: no memory; done is not called.
 */
struct request *client_begin(struct client *client, const char *path, client_bytes_fn *bytes,
			     client_done_fn *done, void *arg);
/* done is not called.  NULL is fine. */
void client_cancel(struct client *client, struct request *request);

/* Moves all requests on, until one of them, or input at fd (-1: none), needs somebody, or so many
 * ms have passed. */
void client_wait(struct client *client, int fd, int ms);

/* A request and its end.  Keeps the body until the next one.  Others move on meanwhile. */
void client_fetch(struct client *client, const char *path, struct answer *ret);

/* Appends text as a part of a query: what is not unreserved in %XX. */
void client_escape(struct strbuf *path, const char *text);
/* Appends "&name=text". */
void client_parameter(struct strbuf *path, const char *name, const char *text);
/* The same of a time as the API takes it: 10m is now-10m. */
void client_time(struct strbuf *path, const char *name, const char *text);

#endif
