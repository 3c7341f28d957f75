/*
 * See container.h.  Asked at the start, by plan.c for the default of `host` and by daemon.c for
 * what it warns of.  Nothing can fail: where it cannot be seen, the answer is no.
 */
#include "process/container.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHORT_ID = 12 };

/* Docker makes the one file in every container, Podman the other. */
bool container_is_around(const char *root)
{
	static const char *const marks[] = {"/.dockerenv", "/run/.containerenv"};
	char path[PATH_MAX];
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		int len = snprintf(path, sizeof(path), "%s%s", root, marks[i]);
		if (len < PATH_MAX && access(path, F_OK) == 0)
			return true;
	}
	return false;
}

/* A container that was given a name (--hostname, --network host) has that one, and it is right. */
bool container_made_name(const char *name, const char *root)
{
	return strlen(name) == SHORT_ID && strspn(name, "0123456789abcdef") == SHORT_ID &&
	       container_is_around(root);
}

bool container_takes_along(const char *folder, const char *root)
{
	struct stat own, of_root;
	return container_is_around(root) && stat(folder, &own) == 0 &&
	       stat(*root ? root : "/", &of_root) == 0 && own.st_dev == of_root.st_dev;
}
