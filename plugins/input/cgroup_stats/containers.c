/* See containers.h: a sorted array of pointers. */
#include "containers.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST = 32 };

/* Where it is, or would be. */
static uint32_t place_of(const struct containers *containers, const char *id)
{
	uint32_t begin = 0, end = containers->n;
	while (begin < end) {
		uint32_t middle = begin + (end - begin) / 2;
		if (strcmp(containers->items[middle]->id, id) < 0)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

struct container *containers_find(const struct containers *containers, const char *id)
{
	uint32_t place = place_of(containers, id);
	if (place == containers->n || strcmp(containers->items[place]->id, id) != 0)
		return NULL;
	return containers->items[place];
}

static bool grow(struct containers *containers)
{
	uint32_t wanted = containers->allocated ? containers->allocated * 2 : FIRST;
	struct container **grown =
		reallocarray(containers->items, wanted, sizeof(struct container *));
	if (!grown)
		return false;
	containers->items = grown;
	containers->allocated = wanted;
	return true;
}

struct container *containers_add(struct containers *containers, const char *id)
{
	if (containers->n == containers->allocated && !grow(containers))
		return NULL;
	struct container *container = calloc(1, sizeof(*container));
	if (!container)
		return NULL;
	memcpy(container->id, id, strlen(id) + 1);
	uint32_t place = place_of(containers, id);
	struct container **at = &containers->items[place];
	memmove(at + 1, at, (containers->n - place) * sizeof(struct container *));
	*at = container;
	containers->n++;
	return container;
}

static void destroy(struct container *container)
{
	cgroup_files_close(container->files);
	free(container);
}

void containers_remove_ended(struct containers *containers)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < containers->n; i++) {
		if (containers->items[i]->files)
			containers->items[kept++] = containers->items[i];
		else
			destroy(containers->items[i]);
	}
	containers->n = kept;
}

void containers_done(struct containers *containers)
{
	for (uint32_t i = 0; i < containers->n; i++)
		destroy(containers->items[i]);
	free(containers->items);
	*containers = (struct containers){0};
}
