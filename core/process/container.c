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

/* A machine may have been made from an image of a container, mark and all.  But its root is all of
 * a disk, and a container's is an overlay, or a folder of a disk (proc(5), mountinfo: the fourth
 * field is that folder, the fifth where it is mounted). */
static bool container_is_a_disk(const char *root)
{
	char path[PATH_MAX], line[4096], folder[256], at[256], source[256];
	bool disk = false;
	int len = snprintf(path, sizeof(path), "%s/proc/self/mountinfo", root);
	FILE *file = len < PATH_MAX ? fopen(path, "re") : NULL;
	while (file && fgets(line, sizeof(line), file)) {
		const char *rest = strstr(line, " - ");
		if (rest && sscanf(line, "%*s %*s %*s %255s %255s", folder, at) == 2 &&
		    strcmp(at, "/") == 0 && sscanf(rest, " - %*s %255s", source) == 1)
			/* The last one covers those before it. */
			disk = strcmp(folder, "/") == 0 && strncmp(source, "/dev/", 5) == 0;
	}
	if (file)
		fclose(file);
	return disk;
}

/* Docker makes the one file in every container, Podman the other. */
bool container_is_around(const char *root)
{
	static const char *const marks[] = {"/.dockerenv", "/run/.containerenv"};
	char path[PATH_MAX];
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		int len = snprintf(path, sizeof(path), "%s%s", root, marks[i]);
		if (len < PATH_MAX && access(path, F_OK) == 0)
			return !container_is_a_disk(root);
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
