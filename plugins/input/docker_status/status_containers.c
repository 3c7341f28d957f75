/*
 * The sorted array of followed containers.  docker_status.c finds them for each event, a scan
 * builds the next array and takes it in place of this one; all on the instance's thread.
 *
 * Rows are not copied: each container holds a reference to the batch with its newest row.  A batch
 * lives until the last of its containers has a newer row, after the next full scan.
 *
 * Both searches are binary: events and the comparison of two lists are O(log n) for a container.
 */
#include "status_containers.h"

#include <stdlib.h>
#include <string.h>

#include "containers/status_table.h"

static int by_id(const void *a, const void *b)
{
	const struct status_container *left = a, *right = b;
	return strcmp(left->id, right->id);
}

static int compare_id(const void *id, const void *item)
{
	const struct status_container *entry = item;
	return strcmp(id, entry->id);
}

struct status_container *status_containers_find(const struct status_containers *containers,
						const char *id)
{
	if (containers->n == 0)
		return NULL;
	return bsearch(id, containers->items, containers->n, sizeof(struct status_container),
		       compare_id);
}

void status_containers_sort(struct status_containers *containers)
{
	if (containers->n > 0)
		qsort(containers->items, containers->n, sizeof(struct status_container), by_id);
}

const struct tally_cell *status_container_row(const struct status_container *entry)
{
	return entry->batch->cells + (size_t)entry->row * STATUS_COLUMNS;
}

void status_containers_done(struct tally_ctx *ctx, struct status_containers *containers)
{
	for (uint32_t i = 0; i < containers->n; i++)
		if (containers->items[i].batch)
			tally_batch_drop(ctx, containers->items[i].batch);
	free(containers->items);
	*containers = (struct status_containers){0};
}
