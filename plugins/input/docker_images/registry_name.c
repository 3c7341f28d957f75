/*
 * From a reference to host, repository and tag.  registry_check.c calls this on both threads; it is
 * pure.  What comes out goes into a URL, so each part may have only the characters that the grammar
 * of references allows: nothing in it can begin another path or query.
 */
#include "registry_name.h"

#include <stdio.h>
#include <string.h>

#include "image_list.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* docker.io is the name in references; the registry's host has another name. */
static const char hub[] = "registry-1.docker.io";

/* Copies len bytes; false: too many, none, or characters that are not accepted. */
static bool take(const char *text, size_t len, const char *accept, char *ret, size_t size)
{
	if (len == 0 || len >= size || strspn(text, accept) < len)
		return false;
	memcpy(ret, text, len);
	ret[len] = '\0';
	return true;
}

bool registry_name_parse(const char *reference, struct registry_name *ret)
{
	char normal[IMAGE_REFERENCE_MAX];
	struct registry_name name;
	image_reference_normal(reference, normal);
	if (!normal[0])
		return false;
	/* The first part of a name is a host if it looks like one.  Source: the engine's
	 * reference.splitDockerDomain(). */
	size_t host = strcspn(normal, "/");
	bool has_mark = strcspn(normal, ".:") < host;
	if (!normal[host] || (!has_mark && strncmp(normal, "localhost/", 10) != 0))
		host = 0;
	const char *repository = normal + host + (host > 0), *tag = strrchr(repository, ':');
	if (!tag ||
	    !take(tag + 1, strlen(tag + 1), LOWER UPPER DIGITS "_.-", name.tag, sizeof(name.tag)))
		return false;
	if (!take(repository, (size_t)(tag - repository), LOWER DIGITS "._-/", name.repository,
		  sizeof(name.repository)))
		return false;
	if (host > 0) {
		if (!take(normal, host, LOWER UPPER DIGITS ".-:[]", name.host, sizeof(name.host)))
			return false;
		*ret = name;
		return true;
	}
	snprintf(name.host, sizeof(name.host), "%s", hub);
	const char *official = strchr(name.repository, '/') ? "" : "library/";
	int len = snprintf(ret->repository, sizeof(ret->repository), "%s%s", official,
			   name.repository);
	memcpy(ret->host, name.host, sizeof(name.host));
	memcpy(ret->tag, name.tag, sizeof(name.tag));
	return len > 0 && (size_t)len < sizeof(ret->repository);
}

/* Plain HTTP for this machine's own addresses, as in the engine, and for the hosts of the option.
 * All others get TLS only: a name must not be enough to make us send plain text. */
bool registry_is_plain(const char *host, const char *const *insecure)
{
	for (; insecure && *insecure; insecure++)
		if (strcmp(host, *insecure) == 0)
			return true;
	size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	if (strncmp(host, "127.", 4) == 0)
		return strspn(host, DIGITS ".") >= len;
	return (len == 9 && strncmp(host, "localhost", len) == 0) ||
	       (len == 5 && strncmp(host, "[::1]", len) == 0);
}
