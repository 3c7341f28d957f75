/* Where a Redis is: redis://host:port or unix:///path. */
#ifndef TALLYD_REDIS_ADDRESS_H
#define TALLYD_REDIS_ADDRESS_H

enum { ADDRESS_SIZE = 256 };

struct address {
	char place[ADDRESS_SIZE]; /* a host, or the path of a socket */
	int port;                 /* 0: a socket */
};

/* NULL, or what is wrong with it, as it continues "url: \"…\" ". */
const char *address_parse(const char *url, struct address *ret);

#endif
