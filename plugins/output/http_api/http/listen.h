/* The listening address: parsed without I/O, opened with errors that say what to do. */
#ifndef TALLYD_HTTP_LISTEN_H
#define TALLYD_HTTP_LISTEN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <tallyd/host.h>

struct listen_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t len;
};

/* "127.0.0.1:7420", "[::1]:7420", "localhost:7420".  -EINVAL: none of these. */
int listen_parse(const char *text, struct listen_address *ret);
bool listen_is_loopback(const struct listen_address *address);

/* A listening socket; or what tally_fail() returned.  text: for the message. */
int listen_open(struct tally_ctx *ctx, const char *text, const struct listen_address *address,
		int *ret_fd);

/* Of a listening socket, as a URL has it: "127.0.0.1:7420". */
enum { LISTEN_TEXT_SIZE = INET6_ADDRSTRLEN + 10 };
void listen_text(int fd, char ret[LISTEN_TEXT_SIZE]);

#endif
