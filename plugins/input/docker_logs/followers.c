/*
 * See followers.h.  A sorted array of at most max_containers: they are gone through one after the
 * other many times a second, found by id for each event and each entry of a list, and added or
 * removed as seldom as containers are.
 */
#include "followers.h"

#include <stdlib.h>
#include <string.h>

#include "follower.h"

enum { FOLLOWERS_FIRST = 64 };

/* Where it is or would be. */
static uint32_t place(const struct docker_logs *logs, const char *id, bool *ret_found)
{
	uint32_t low = 0, high = logs->n_followers;
	*ret_found = false;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(logs->followers[middle]->ingest.rows.id, id);
		*ret_found = order == 0;
		if (*ret_found)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct follower *followers_find(const struct docker_logs *logs, const char *id)
{
	bool found;
	uint32_t at = place(logs, id, &found);
	return found ? logs->followers[at] : NULL;
}

struct follower *followers_add(struct docker_logs *logs, const char *id)
{
	bool found;
	uint32_t at = place(logs, id, &found);
	if (found)
		return logs->followers[at];
	if (logs->n_followers == logs->n_allocated) {
		uint32_t wanted = logs->n_allocated ? logs->n_allocated * 2 : FOLLOWERS_FIRST;
		struct follower **grown =
			reallocarray(logs->followers, wanted, sizeof(struct follower *));
		if (!grown)
			return NULL;
		logs->followers = grown;
		logs->n_allocated = wanted;
	}
	struct follower *follower = follower_create(logs, id);
	if (!follower)
		return NULL;
	memmove(logs->followers + at + 1, logs->followers + at,
		(logs->n_followers - at) * sizeof(struct follower *));
	logs->followers[at] = follower;
	logs->n_followers++;
	return follower;
}

void followers_remove(struct docker_logs *logs)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < logs->n_followers; i++) {
		struct follower *follower = logs->followers[i];
		if (follower->state == FOLLOW_REMOVED)
			follower_flush(follower);
		/* Not if its last rows were refused. */
		if (follower->state == FOLLOW_REMOVED)
			follower_destroy(follower);
		else
			logs->followers[kept++] = follower;
	}
	logs->n_followers = kept;
}

void followers_destroy(struct docker_logs *logs)
{
	for (uint32_t i = 0; i < logs->n_followers; i++)
		follower_destroy(logs->followers[i]);
	free(logs->followers);
	logs->followers = NULL;
	logs->n_followers = logs->n_allocated = 0;
}
