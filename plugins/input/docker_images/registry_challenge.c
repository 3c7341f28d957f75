/*
 * The parsers of two headers of registries: WWW-Authenticate and Docker-Content-Digest.
 * registry_http.c calls them on the checker's thread, the fuzzer and the unit tests with anything;
 * they are pure.
 *
 * A challenge is a scheme and name=value pairs, tokens or quoted strings (RFC 9110, 11.6.1).  Of
 * Bearer challenges realm and service are taken; scope is not, since the scope that is asked for is
 * our own: pull of this one repository.  What can fail: another scheme, a value that does not end
 * or is too long; then there is no token, and the reference counts as denied.
 */
#include <string.h>
#include <strings.h>

#include "registry_http.h"

bool registry_is_digest(const char *text)
{
	return strncmp(text, "sha256:", 7) == 0 && strlen(text) == 71 &&
	       strspn(text + 7, "0123456789abcdef") == 64;
}

static const char *skip(const char *text)
{
	return text + strspn(text, " \t,");
}

/* A token or a quoted string into ret, of REGISTRY_CHALLENGE_MAX; what is behind it, NULL: it does
 * not end, or is too long. */
static const char *read_value(const char *text, char *ret)
{
	bool quoted = *text == '"';
	size_t len = 0;
	for (text += quoted; *text && len < REGISTRY_CHALLENGE_MAX - 1; text++) {
		if (quoted ? *text == '"' : strchr(" \t,", *text) != NULL)
			break;
		if (quoted && *text == '\\' && text[1])
			text++;
		ret[len++] = *text;
	}
	ret[len] = '\0';
	if (len == REGISTRY_CHALLENGE_MAX - 1 || (quoted && *text != '"'))
		return NULL;
	return text + quoted;
}

bool registry_challenge_read(const char *value, char realm[REGISTRY_CHALLENGE_MAX],
			     char service[REGISTRY_CHALLENGE_MAX])
{
	char other[REGISTRY_CHALLENGE_MAX];
	realm[0] = service[0] = '\0';
	if (strncasecmp(value, "Bearer ", 7) != 0)
		return false;
	const char *at = skip(value + 7);
	while (at && *at) {
		size_t len = strcspn(at, "= \t,");
		char *into = other;
		if (at[len] != '=')
			return false;
		if (len == 5 && strncasecmp(at, "realm", len) == 0)
			into = realm;
		else if (len == 7 && strncasecmp(at, "service", len) == 0)
			into = service;
		at = read_value(at + len + 1, into);
		at = at ? skip(at) : NULL;
	}
	return at && realm[0];
}
