/*
 * An array in order.  It is short: a change leaves as soon as the buffer's outputs have it.
 */
#include "keep/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void outbox_done(struct outbox *outbox)
{
	for (size_t i = 0; i < outbox->n; i++)
		free(outbox->items[i].host);
	free(outbox->items);
	*outbox = (struct outbox){.sequence = outbox->sequence};
}

static void forget_first(struct outbox *outbox, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(outbox->items[i].host);
	outbox->n -= n;
	if (n)
		memmove(outbox->items, outbox->items + n, outbox->n * sizeof(*outbox->items));
}

void outbox_forget(struct outbox *outbox, uint64_t up_to)
{
	size_t n = 0;
	while (n < outbox->n && outbox->items[n].sequence <= up_to)
		n++;
	forget_first(outbox, n);
}

static int make_room(struct outbox *outbox)
{
	if (outbox->n == OUTBOX_MAX) {
		forget_first(outbox, 1);
		outbox->dropped++;
	}
	if (outbox->n < outbox->size)
		return 0;
	size_t size = outbox->size ? 2 * outbox->size : 16;
	struct outbox_item *items = reallocarray(outbox->items, size, sizeof(*items));
	if (!items)
		return -ENOMEM;
	outbox->items = items;
	outbox->size = size;
	return 0;
}

int outbox_add_numbered(struct outbox *outbox, const struct engine_change *change,
			uint64_t sequence)
{
	const char *told = change->told_text ? change->told_text : "";
	size_t host = strlen(change->host) + 1, subject = strlen(change->subject) + 1;
	size_t tell = strlen(told) + 1;
	char *texts = malloc(host + subject + tell);
	int r = texts ? make_room(outbox) : -ENOMEM;
	if (r < 0) {
		free(texts);
		return r;
	}
	memcpy(texts, change->host, host);
	memcpy(texts + host, change->subject, subject);
	memcpy(texts + host + subject, told, tell);
	outbox->items[outbox->n++] = (struct outbox_item){.sequence = sequence,
							  .host = texts,
							  .subject = texts + host,
							  .tell = texts + host + subject,
							  .phase = change->phase.name,
							  .told = change->told,
							  .resolved = change->resolved,
							  .has_value = change->has_value,
							  .value = change->value,
							  .since = change->since,
							  .time = change->time};
	if (sequence > outbox->sequence)
		outbox->sequence = sequence;
	return 0;
}

int outbox_add(struct outbox *outbox, const struct engine_change *change)
{
	return outbox_add_numbered(outbox, change, outbox->sequence + 1);
}
