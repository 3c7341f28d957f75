/*
 * Reads the address out of the option url, and out of what a sentinel says.  create() calls it on
 * the core's thread; sentinel.c on whichever thread opens a connection.  No I/O: names are resolved
 * when connecting.  The only failure is a text that is not an address; for a url the returned
 * sentence says what is wrong with it and what to write instead.
 */
#include "address.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

enum { ADDRESS_PORT = 6379 };

/* What follows the scheme; NULL: another scheme. */
static const char *after(const char *text, const char *scheme)
{
	size_t len = strlen(scheme);
	return strncmp(text, scheme, len) == 0 ? text + len : NULL;
}

static bool parse_port(const char *text, size_t len, int *ret)
{
	int port = 0;
	if (len < 1 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		port = port * 10 + (text[i] - '0'); /* five digits cannot overflow */
	}
	*ret = port;
	return port >= 1 && port <= 65535;
}

/* Letters, digits and `others`.  Nothing else passes, so that neither a message nor a log line can
 * be forged by a name that a sentinel reports. */
static bool parse_name(const char *text, size_t len, const char *others, struct address *ret)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !memchr(others, text[i], strlen(others)))
			return false;
	if (len == 0 || len >= sizeof(ret->place))
		return false;
	snprintf(ret->place, sizeof(ret->place), "%.*s", (int)len, text);
	return true;
}

const char *address_parse_host(const char *text, size_t len, int port, struct address *ret)
{
	/* The colons inside [::1] do not begin a port: one that does stands behind the bracket. */
	const char *colon = memrchr(text, ':', len), *bracket = memrchr(text, ']', len);
	if (strchr(text, '@'))
		return "holds a user or a password: give them as user and password, which are "
		       "not shown";
	ret->port = port;
	if (colon && colon > bracket) {
		if (!parse_port(colon + 1, (size_t)(text + len - colon - 1), &ret->port))
			return "needs a port from 1 to 65535";
		len = (size_t)(colon - text);
	}
	/* An IPv6 address is kept without its brackets. */
	bool bracketed = len > 2 && text[0] == '[' && text[len - 1] == ']';
	bool valid = bracketed ? parse_name(text + 1, len - 2, ":.", ret)
			       : parse_name(text, len, ".-_", ret);
	return valid ? NULL : "needs a host's name or address";
}

/* Sentinels report IPv6 addresses without brackets. */
bool address_make(const char *host, size_t host_len, const char *port, size_t port_len,
		  struct address *ret)
{
	return parse_port(port, port_len, &ret->port) && parse_name(host, host_len, ":.-_", ret);
}

const char *address_parse(const char *url, struct address *ret)
{
	const char *rest = after(url, "unix://");
	if (rest) {
		if (*rest != '/')
			return "needs a full path (try unix:///run/redis/redis-server.sock)";
		if (strlen(rest) >= sizeof(((struct sockaddr_un *)0)->sun_path))
			return "is longer than a socket's path can be (107 bytes)";
		snprintf(ret->place, sizeof(ret->place), "%s", rest);
		ret->port = 0;
		return NULL;
	}
	rest = after(url, "redis://");
	if (rest) {
		size_t len = strcspn(rest, "/");
		const char *problem = address_parse_host(rest, len, ADDRESS_PORT, ret);
		if (!problem && rest[len] && rest[len + 1])
			problem = "has a path: give the database as db";
		return problem;
	}
	if (after(url, "rediss://") || after(url, "rediss+sentinel://"))
		return "asks for TLS, which this tallyd cannot do: put a TLS proxy between "
		       "(stunnel, or Redis on this machine)";
	return "begins with neither redis://, redis+sentinel:// nor unix://";
}
