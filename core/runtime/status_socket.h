/*
 * Where `tallyd status` and `tallyd healthcheck` ask the running daemon: the socket `status` in
 * state_dir.  Whoever connects gets an answer of three parts and the connection is closed:
 *
 *	healthy                     or: unhealthy REASONS
 *	{"version":…}               status_json()
 *	daemon: up 5min, …          status_print(), to the end
 *
 * It asks for nothing, so there is nothing to parse, and only who may enter state_dir (0700) comes
 * that far.  The daemon's side is the main thread's.
 */
#ifndef TALLYD_CORE_STATUS_SOCKET_H
#define TALLYD_CORE_STATUS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct daemon;

enum { STATUS_ANSWER_MAX = 256 * 1024 };
/* The sockets' names in state_dir; the second is that of ready_socket.h. */
#define STATUS_SOCKET "status"
#define READY_SOCKET "ready"

/* Listens, non-blocking.  An earlier socket is replaced: the state directory's lock says that its
 * daemon is gone.  Negative: it cannot. */
int status_socket_open(const char *state_dir, const char *name, struct error *error);
/* Is it still in its place? */
bool status_socket_is_there(const char *state_dir, const char *name, int fd);
void status_socket_close(const char *state_dir, const char *name, int fd);
/* Answers those who wait. */
void status_socket_serve(struct daemon *daemon);

/* For the other side: the whole answer, NUL-terminated, to be freed.  -ECONNREFUSED, -ENOENT: there
 * is no daemon; -ETIMEDOUT: it did not answer by the deadline (monotonic ns).  What had come by
 * then is an answer. */
int status_socket_ask(const char *state_dir, const char *name, int64_t deadline, char **ret,
		      struct error *error);

#endif
