/*
 * The address of a Redis server, from redis://HOST:PORT or unix:///PATH.  Lists of sentinels are
 * read by sentinel.h, with the same functions for each entry.
 */
#ifndef TALLYD_REDIS_ADDRESS_H
#define TALLYD_REDIS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

enum { ADDRESS_SIZE = 256 };

struct address {
	char place[ADDRESS_SIZE]; /* a host, or the path of a socket */
	int port;                 /* 0: a socket */
};

/* NULL, or what is wrong: a clause that continues `url: `. */
const char *address_parse(const char *url, struct address *ret);
/* The same for `HOST[:PORT]`, the first `len` bytes of a text; port: where none is given. */
const char *address_parse_host(const char *text, size_t len, int port, struct address *ret);

/* From the network: any bytes.  False: not a host, or not a port. */
bool address_make(const char *host, size_t host_len, const char *port, size_t port_len,
		  struct address *ret);

#endif
