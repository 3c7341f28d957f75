/*
 * Changes of alerts on their way: each has a number, and stays until its row outlives a crash.  One
 * thread.
 */
#ifndef TALLYD_ALERT_OUTBOX_H
#define TALLYD_ALERT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "evaluate/engine.h"

enum { OUTBOX_MAX = 10000 };

struct outbox_item {
	uint64_t sequence;
	char *host, *subject, *tell; /* one allocation, host's; tell: "": nothing */
	enum phase_name phase;
	bool told, resolved, has_value;
	double value;
	int64_t since, time;
};

/* Zeroed is empty. */
struct outbox {
	struct outbox_item *items;
	size_t n, size;
	uint64_t sequence; /* of the newest, also if it is gone */
	uint64_t dropped;  /* for want of room */
};

void outbox_done(struct outbox *outbox);

/* The oldest gives way when there are OUTBOX_MAX.  -ENOMEM. */
int outbox_add(struct outbox *outbox, const struct engine_change *change);
/* Back from a file: with the number it had. */
int outbox_add_numbered(struct outbox *outbox, const struct engine_change *change,
			uint64_t sequence);
/* Forgets what has this number or a smaller one. */
void outbox_forget(struct outbox *outbox, uint64_t up_to);

#endif
