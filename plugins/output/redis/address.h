/* Where a Redis is: redis://host:port or unix:///path.  A list of sentinels: see sentinel.h. */
#ifndef TALLYD_REDIS_ADDRESS_H
#define TALLYD_REDIS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

enum { ADDRESS_SIZE = 256 };

struct address {
	char place[ADDRESS_SIZE]; /* a host, or the path of a socket */
	int port;                 /* 0: a socket */
};

/* NULL, or what is wrong with it, as it continues "url: \"…\" ". */
const char *address_parse(const char *url, struct address *ret);
/* Of `HOST[:PORT]`, the first `len` bytes of a text. */
const char *address_parse_host(const char *text, size_t len, int port, struct address *ret);

/* What somebody else says: any bytes.  False: no host, or no port. */
bool address_make(const char *host, size_t host_len, const char *port, size_t port_len,
		  struct address *ret);

#endif
