/* See cri_list.h: a readdir() of one folder, and for each link a readlink() and two lstat(). */
#include "cri/cri_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIST_FIRST = 32 };

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct cri_container *)a)->id, ((const struct cri_container *)b)->id);
}

int cri_config_check(struct tally_ctx *ctx, const struct cri_config *config)
{
	const char *unknown = match_check(&config->match);
	if (unknown)
		return tally_fail(ctx, EINVAL,
				  "include, exclude: \"%s\" begins with a kind of pattern that is "
				  "not known",
				  unknown);
	return 0;
}

void cri_list_done(struct cri_list *list)
{
	free(list->items);
	*list = (struct cri_list){0};
}

const struct cri_container *cri_list_find(const struct cri_list *list, const char *id)
{
	struct cri_container wanted = {.id = ""};
	snprintf(wanted.id, sizeof(wanted.id), "%s", id);
	return list->n ? bsearch(&wanted, list->items, list->n, sizeof(wanted), by_id) : NULL;
}

/* Are the pod's folder and the container's in it folders, and not links?  Cuts the path meanwhile.
 */
static bool is_real(char path[CRI_PATH_SIZE])
{
	bool real = true;
	for (int up = 0; up < 2 && real; up++) {
		struct stat status;
		char *slash = strrchr(path, '/');
		*slash = '\0';
		real = lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
	}
	return real;
}

/* false: it is not one of the kubelet's, or what it leads to is gone. */
static bool read_link(const struct cri_config *config, DIR *folder, const char *name,
		      struct cri_container *ret)
{
	char target[CRI_PATH_SIZE], walked[CRI_PATH_SIZE];
	const char *root = config->host_root ? config->host_root : "";
	size_t len = strlen(config->pods);
	ssize_t n = readlinkat(dirfd(folder), name, target, sizeof(target) - 1);
	if (n < 0 || !cri_id_of_link(name, ret->id))
		return false;
	target[n] = '\0';
	if (strncmp(target, config->pods, len) != 0 || target[len] != '/' ||
	    !cri_name_read(target + len + 1, &ret->name))
		return false;
	int size = snprintf(ret->path, sizeof(ret->path), "%s%s", root, target);
	if (size < 0 || (size_t)size >= sizeof(ret->path))
		return false;
	memcpy(walked, ret->path, (size_t)size + 1);
	return is_real(walked);
}

/* false: no memory. */
static bool add(struct cri_list *list, const struct cri_container *container, uint32_t *allocated)
{
	if (list->n == *allocated) {
		uint32_t wanted = *allocated ? *allocated * 2 : LIST_FIRST;
		struct cri_container *grown =
			reallocarray(list->items, wanted, sizeof(struct cri_container));
		if (!grown)
			return false;
		list->items = grown;
		*allocated = wanted;
	}
	list->items[list->n++] = *container;
	return true;
}

int cri_list_read(struct cri_list *list, struct tally_ctx *ctx, const struct cri_config *config)
{
	char path[CRI_PATH_SIZE];
	uint32_t allocated = 0;
	const struct dirent *entry;
	*list = (struct cri_list){0};
	snprintf(path, sizeof(path), "%s%s", config->host_root ? config->host_root : "",
		 config->links);
	DIR *folder = opendir(path);
	if (!folder)
		return tally_fail(ctx, errno, "%s: %s", path, strerror(errno));
	while ((entry = readdir(folder)) != NULL) {
		struct cri_container container;
		if (entry->d_name[0] == '.')
			continue;
		if (!read_link(config, folder, entry->d_name, &container)) {
			list->foreign++;
		} else if (!cri_name_passes(&container.name, &config->match)) {
			continue;
		} else if (list->n >= config->max_containers) {
			list->beyond++;
		} else if (!add(list, &container, &allocated)) {
			closedir(folder);
			cri_list_done(list);
			return tally_fail(ctx, ENOMEM, "no memory for the list of containers");
		}
	}
	closedir(folder);
	if (list->n > 0)
		qsort(list->items, list->n, sizeof(struct cri_container), by_id);
	return 0;
}
