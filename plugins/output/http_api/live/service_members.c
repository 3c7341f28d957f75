/*
 * Rows know the id of their container only, and what service that belongs to is known from
 * container_info and container_events.  An event of a new container comes before its first line and
 * its first reading, so whoever has followed the events knows it by then.
 *
 * What can fail is the store, with a problem, and memory: then a new container is not known, as if
 * its events had been lost.  SERVICE_MEMBERS_MAX containers are known at most.
 */
#include "live/service_members.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text_match.h"
#include "query/catalog_cache.h"
#include "query/list_filter.h"

enum { SERVICE_MEMBERS_FIRST = 256 };

/* ---- The parameters ------------------------------------------------------ */

int service_members_read(struct context *context, const char *topic, struct service_members *ret)
{
	*ret = (struct service_members){.given = false};
	ret->services = calloc(context->target->n_params + 1, sizeof(*ret->services));
	if (!ret->services)
		return response_unavailable(context->builder, "out of memory");
	for (uint32_t i = 0; i < context->target->n_params; i++) {
		const struct param *param = &context->target->params[i];
		if (!list_filter_is(param->name, topic, "service"))
			continue;
		ret->given = true;
		ret->services[ret->n_services] = strdup(param->value);
		if (!ret->services[ret->n_services++])
			return response_unavailable(context->builder, "out of memory");
	}
	return 0;
}

void service_members_done(struct service_members *members)
{
	for (uint32_t i = 0; i < members->n_services; i++)
		free(members->services[i]);
	free(members->services);
	hash_set_done(&members->ids);
	container_set_done(&members->stored);
	*members = (struct service_members){.given = false};
}

/* ---- Who ----------------------------------------------------------------- */

static uint64_t member_hash(const struct tally_cell *id)
{
	return hash_bytes(0, id->text, id->len);
}

/* A set is made with its room, so a fuller one is made anew. */
static bool make_room(struct service_members *members)
{
	struct hash_set grown = {.slots = NULL};
	size_t room = members->ids.slots ? (members->ids.mask + 1) / 2 : 0;
	if (members->n_ids < room)
		return true;
	if (members->n_ids >= SERVICE_MEMBERS_MAX)
		return false;
	if (hash_set_init(&grown, room ? 2 * room : SERVICE_MEMBERS_FIRST) < 0)
		return false;
	for (size_t i = 0; room && i <= members->ids.mask; i++)
		if (members->ids.slots[i])
			hash_set_add(&grown, members->ids.slots[i]);
	hash_set_done(&members->ids);
	members->ids = grown;
	return true;
}

static void add_member(struct service_members *members, const struct tally_cell *id)
{
	if (id->set && make_room(members) && hash_set_add(&members->ids, member_hash(id)))
		members->n_ids++;
}

int service_members_find(struct service_members *members, struct context *context,
			 struct ring_buffer *events)
{
	if (!members->given)
		return 0;
	/* From its oldest row on, since the store may lack what those tell. */
	members->events = events;
	members->at = ring_buffer_span(events).oldest;
	int r = container_set_read(context, &members->stored);
	for (uint32_t i = 0; i < members->stored.n; i++)
		add_member(members, members->stored.ids[i]);
	return r;
}

static bool is_named(const struct service_members *members, const struct tally_cell *service)
{
	for (uint32_t i = 0; service->set && i < members->n_services; i++)
		if (text_glob(service->text, service->len, members->services[i],
			      strlen(members->services[i])))
			return true;
	return false;
}

static void follow_chunk(struct service_members *members, const struct row_chunk *chunk,
			 uint32_t row)
{
	const struct tally_column *id = table_column(chunk->table, "container_id");
	const struct tally_column *service = table_column(chunk->table, "service");
	for (; row < chunk->n_rows; row++, members->at++) {
		const struct tally_cell *cells = row_chunk_row(chunk, row);
		if (id && service && is_named(members, &cells[service - chunk->table->columns]))
			add_member(members, &cells[id - chunk->table->columns]);
	}
}

void service_members_follow(struct service_members *members)
{
	struct row_chunk *chunk;
	uint64_t missed;
	uint32_t row;
	if (!members->events)
		return;
	while ((chunk = ring_buffer_read(members->events, &members->at, &row, &missed))) {
		follow_chunk(members, chunk, row);
		row_chunk_drop(chunk);
	}
}

/* ---- Rows ---------------------------------------------------------------- */

bool service_members_has(const struct service_members *members, const struct tally_cell *id)
{
	return id->set && hash_set_has(&members->ids, member_hash(id));
}

bool service_members_ask(const struct service_members *members, struct query *query)
{
	const struct tally_column *id = table_column(query->table, "container_id");
	if (!id || members->stored.n > SERVICE_MEMBERS_NAMED)
		return false;
	for (uint32_t i = 0; i < members->stored.n; i++)
		query_filter(query, id, TALLY_EQUALS, members->stored.ids[i]);
	return true;
}
