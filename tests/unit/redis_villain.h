/* A server on a port of its own that greets like Redis, or a sentinel, and then says what it wants.
 */
#ifndef TALLYD_TESTS_REDIS_VILLAIN_H
#define TALLYD_TESTS_REDIS_VILLAIN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { CLIENTS = 16 };

/* Answers PING as it should and whatever comes after that with `reply`, over and over if endless;
 * then it keeps the connection open until the other side closes it. */
struct villain {
	int fd, port;
	pthread_t thread, clients[CLIENTS];
	atomic_int n_connections; /* that have come so far; more than CLIENTS are left waiting */
	const char *reply;
	bool endless;
};

void villain_begin(struct villain *villain);
void villain_end(struct villain *villain); /* once its clients have gone */

#endif
