/*
 * An array that grows, and an index into it; containers that are gone are dropped when there is no
 * more room.
 */
#include "evaluate/identities.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "evaluate/columns.h"

const char identities_table[] = "container_info";

struct info_columns {
	int32_t id, name, state, service, project, compose_service, gone;
};

static void find_columns(const struct tally_table *table, struct info_columns *ret)
{
	*ret = (struct info_columns){.id = columns_place(table, "container_id"),
				     .name = columns_place(table, "name"),
				     .state = columns_place(table, "state"),
				     .service = columns_place(table, "service"),
				     .project = columns_place(table, "compose_project"),
				     .compose_service = columns_place(table, "compose_service"),
				     .gone = columns_place(table, "gone_at")};
}

static const struct tally_cell *cell(const struct tally_cell *row, int32_t place)
{
	return place != COLUMNS_NONE && row[place].set && row[place].len ? &row[place] : NULL;
}

static char *copy(const struct tally_cell *text)
{
	return text ? strndup(text->text, text->len) : NULL;
}

/* The column `service` if the table has it: then the input has looked at all labels. */
static char *service_of(const struct info_columns *at, const struct tally_cell *row)
{
	const struct tally_cell *service = cell(row, at->service);
	const struct tally_cell *project = cell(row, at->project);
	const struct tally_cell *compose = cell(row, at->compose_service);
	char *text = NULL;
	if (service)
		return copy(service);
	if (!compose)
		return copy(cell(row, at->name));
	if (!project)
		return copy(compose);
	if (asprintf(&text, "%.*s/%.*s", (int)project->len, project->text, (int)compose->len,
		     compose->text) < 0)
		return NULL;
	return text;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* ---- The array --------------------------------------------------------------- */

static void drop_gone(struct identities *identities)
{
	size_t kept = 0;
	index_clear(&identities->index);
	for (size_t i = 0; i < identities->n; i++) {
		struct identity *item = &identities->items[i];
		if (item->gone) {
			free(item->service);
			free(item->project);
			continue;
		}
		identities->items[kept] = *item;
		(void)index_put(&identities->index, item->hash, (uint32_t)kept++);
	}
	identities->n = kept;
}

static struct identity *make_room(struct identities *identities, uint64_t hash)
{
	if (identities->n == identities->max)
		drop_gone(identities);
	if (identities->n == identities->max)
		return NULL;
	if (identities->n == identities->size) {
		size_t size = identities->size ? 2 * identities->size : 16;
		struct identity *items =
			reallocarray(identities->items, size, sizeof(*identities->items));
		if (!items)
			return NULL;
		identities->items = items;
		identities->size = size;
	}
	if (index_put(&identities->index, hash, (uint32_t)identities->n) < 0)
		return NULL;
	struct identity *item = &identities->items[identities->n++];
	*item = (struct identity){.hash = hash};
	return item;
}

static int watch_row(struct identities *identities, const struct info_columns *at,
		     const struct tally_cell *row)
{
	const struct tally_cell *id = cell(row, at->id), *state = cell(row, at->state);
	if (!id)
		return 0;
	uint64_t hash = hash_bytes(0, id->text, id->len);
	uint32_t place = index_get(&identities->index, hash);
	struct identity *item =
		place == INDEX_NONE ? make_room(identities, hash) : &identities->items[place];
	auto_free char *service = service_of(at, row), *project = copy(cell(row, at->project));
	if (!item || !service)
		return -ENOSPC;
	if (!same_text(item->service, service) || !same_text(item->project, project)) {
		identities->version++;
		free(item->service);
		free(item->project);
		item->service = TAKE(service);
		item->project = TAKE(project);
	}
	item->gone = at->gone != COLUMNS_NONE && row[at->gone].set;
	item->running = !item->gone && state && state->len == strlen("running") &&
			memcmp(state->text, "running", state->len) == 0;
	return 0;
}

int identities_watch(struct identities *identities, const struct tally_batch *batch)
{
	struct info_columns at;
	int result = 0;
	find_columns(batch->table, &at);
	identities->known = true;
	for (uint32_t i = 0; i < batch->n_rows; i++) {
		int r = watch_row(identities, &at,
				  batch->cells + (size_t)i * batch->table->n_columns);
		if (r < 0)
			result = r;
	}
	return result;
}

void identities_done(struct identities *identities)
{
	for (size_t i = 0; i < identities->n; i++) {
		free(identities->items[i].service);
		free(identities->items[i].project);
	}
	free(identities->items);
	index_done(&identities->index);
}

const struct identity *identities_find(const struct identities *identities, const char *id,
				       size_t len)
{
	uint32_t place = index_get(&identities->index, hash_bytes(0, id, len));
	return place == INDEX_NONE ? NULL : &identities->items[place];
}
