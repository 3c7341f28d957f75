/* A line of GET /events, and the row that docker_status makes of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "docker/docker_list.h"
#include "events_table.h"
#include "fake_host.h"
#include "status_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_row(const struct docker_event *event)
{
	static struct fake_host *host;
	if (!host)
		host = fake_host_create("input.docker_status");
	static const char *const include[] = {"web*", "label=a=*", "state=run*", NULL};
	const struct match match = {include, NULL};
	struct tally_ctx *ctx = fake_host_ctx(host);
	struct tally_batch *batch = tally_batch_new(ctx, &events_table);
	const struct json_text id = {event->id, strlen(event->id)};
	struct status_event_facts facts = {.action = status_event_action(event), .oom = true};
	const struct docker_container container = {.labels = event->attributes};
	status_event_passes(event, &match);
	docker_service_of_labels(&container, "a", facts.service);
	if (!docker_is_id(&id) || status_event_row(ctx, batch, event, &facts) < 0)
		abort();
	tally_batch_drop(ctx, batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct docker_event event;
	size_t offset = 0;
	/* Exactly as long, so that a read past the end is seen. */
	char *line = malloc(size ? size : 1);
	if (!line)
		return 0;
	memcpy(line, data, size);
	if (docker_event_parse(line, size, &event, &offset)) {
		if (offset > size)
			abort();
	} else if (status_event_action(&event)) {
		make_row(&event);
	}
	free(line);
	return 0;
}
