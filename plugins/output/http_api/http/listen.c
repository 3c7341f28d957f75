/*
 * create() calls listen_parse(), which does no I/O; start() calls listen_open(), both on the core's
 * thread.  The socket is opened here rather than by libmicrohttpd for the sake of the error: a
 * taken or foreign address is the commonest mistake, and the message says what to do.
 */
#include "http/listen.h"

#include <arpa/inet.h>
#include "base/cleanup.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 256 };

static int parse_port(const char *text, in_port_t *ret)
{
	char *end;
	if (*text < '0' || *text > '9')
		return -EINVAL;
	unsigned long port = strtoul(text, &end, 10);
	if (*end || port > 65535)
		return -EINVAL;
	*ret = htons((in_port_t)port);
	return 0;
}

static int parse_v4(const char *host, struct listen_address *address)
{
	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	address->v4.sin_family = AF_INET;
	address->len = sizeof(address->v4);
	return inet_pton(AF_INET, host, &address->v4.sin_addr) == 1 ? 0 : -EINVAL;
}

/* In brackets, as in a URL (RFC 3986, section 3.2.2). */
static int parse_v6(char *host, struct listen_address *address)
{
	size_t len = strlen(host);
	if (len < 2 || host[len - 1] != ']')
		return -EINVAL;
	host[len - 1] = '\0';
	address->v6.sin6_family = AF_INET6;
	address->len = sizeof(address->v6);
	return inet_pton(AF_INET6, host + 1, &address->v6.sin6_addr) == 1 ? 0 : -EINVAL;
}

int listen_parse(const char *text, struct listen_address *ret)
{
	struct listen_address address = {.len = 0};
	char host[LISTEN_TEXT_SIZE];
	in_port_t port;
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	if (!colon || len >= sizeof(host) || parse_port(colon + 1, &port) < 0)
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	int r = *host == '[' ? parse_v6(host, &address) : parse_v4(host, &address);
	if (r < 0)
		return r;
	if (address.any.sa_family == AF_INET6)
		address.v6.sin6_port = port;
	else
		address.v4.sin_port = port;
	*ret = address;
	return 0;
}

bool listen_is_loopback(const struct listen_address *address)
{
	if (address->any.sa_family == AF_INET)
		return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
	const struct in6_addr *v6 = &address->v6.sin6_addr;
	return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

static int listen_explain(struct tally_ctx *ctx, const char *text, int error)
{
	if (error == EADDRINUSE)
		return tally_fail(ctx, error,
				  "%s: address already in use (is another tallyd running?)", text);
	if (error == EADDRNOTAVAIL)
		return tally_fail(ctx, error, "%s: this machine has no such address", text);
	return tally_fail(ctx, error, "cannot listen on %s: %s", text, strerror(error));
}

int listen_open(struct tally_ctx *ctx, const char *text, const struct listen_address *address,
		int *ret_fd)
{
	int on = 1, off = 0;
	auto_close int fd =
		socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return listen_explain(ctx, text, errno);
	/* Else a restart fails while connections of the last run are in TIME_WAIT. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address->any.sa_family == AF_INET6) /* [::] takes IPv4 too, whatever the sysctl says */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, &address->any, address->len) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		return listen_explain(ctx, text, errno);
	*ret_fd = fd;
	fd = -1;
	return 0;
}

void listen_text(int fd, char ret[LISTEN_TEXT_SIZE])
{
	struct listen_address address = {.len = sizeof(address.v6)};
	char host[INET6_ADDRSTRLEN] = "?";
	if (getsockname(fd, &address.any, &address.len) < 0)
		address.any.sa_family = AF_UNSPEC;
	if (address.any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof(host));
		snprintf(ret, LISTEN_TEXT_SIZE, "[%s]:%u", host, ntohs(address.v6.sin6_port));
		return;
	}
	inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof(host));
	snprintf(ret, LISTEN_TEXT_SIZE, "%s:%u", host, ntohs(address.v4.sin_port));
}
