/*
 * auth.c calls this on the HTTP thread after each wrong token.  Per address a token bucket (as RFC
 * 2697, section 3), kept as the time when it is full again, so that nothing has to be refilled. The
 * table is set-associative like a processor's cache: an address has four possible slots and takes
 * the least recently used.  So a client with very many addresses can have its own slots reused
 * early, but the table never grows; nothing here can fail but the allocation at the start.
 *
 * The log is bounded too: the first wrong token of an address at once, then sums once a minute.
 */
#include "http/auth_throttle.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "http/client_address.h"
#include "http_api.h"

enum {
	THROTTLE_SETS = 256,
	THROTTLE_WAYS = 4,
	THROTTLE_LINES = 10, /* a minute, in the log */
	THROTTLE_HELD = 32,  /* delayed answers within a second, of all addresses */
};

static const int64_t throttle_refill = AUTH_THROTTLE_SECONDS * CLOCK_SECOND;
static const int64_t throttle_log_interval = CLOCK_MINUTE;

/* Delayed answers in the current second. */
struct throttle_held {
	int64_t since; /* monotonic */
	unsigned n;
};

struct throttle_slot {
	uint64_t key;
	int64_t full_at;   /* monotonic: when AUTH_THROTTLE_BURST are allowed again */
	int64_t last;      /* monotonic; 0: unused */
	int64_t logged_at; /* monotonic; 0: never */
	unsigned unlogged;
	struct throttle_held held;
	char text[INET6_ADDRSTRLEN]; /* the newest address of this key */
};

struct auth_throttle {
	struct tally_ctx *ctx;
	int64_t log_at; /* monotonic: when to log what is unlogged; 0: nothing is */
	int64_t minute; /* monotonic: begin of the minute that `lines` counts */
	unsigned lines;
	struct throttle_held held;
	unsigned others, n_others; /* unlogged requests and addresses without a slot */
	struct throttle_slot slots[THROTTLE_SETS][THROTTLE_WAYS];
};

struct auth_throttle *auth_throttle_create(struct tally_ctx *ctx)
{
	struct auth_throttle *throttle = calloc(1, sizeof(*throttle));
	if (throttle)
		throttle->ctx = ctx;
	return throttle;
}

/* ---- The log ------------------------------------------------------------- */

static bool throttle_may_log(struct auth_throttle *throttle, int64_t now)
{
	if (throttle->lines == 0 || now - throttle->minute >= throttle_log_interval) {
		throttle->minute = now;
		throttle->lines = 0;
	}
	return throttle->lines++ < THROTTLE_LINES;
}

static void throttle_log_slot(const struct auth_throttle *throttle, struct throttle_slot *slot,
			      int64_t now)
{
	tally_log(throttle->ctx, TALLY_WARNING, "%u request%s with a wrong token from %s",
		  slot->unlogged, slot->unlogged == 1 ? "" : "s", slot->text);
	slot->unlogged = 0;
	slot->logged_at = now;
}

/* The slot is reused, or the log is full: its requests join the anonymous sum. */
static void throttle_forget(struct auth_throttle *throttle, struct throttle_slot *slot)
{
	throttle->n_others += slot->unlogged != 0;
	throttle->others += slot->unlogged;
	slot->unlogged = 0;
}

static void throttle_log_all(struct auth_throttle *throttle, int64_t now)
{
	for (unsigned i = 0; i < THROTTLE_SETS * THROTTLE_WAYS; i++) {
		struct throttle_slot *slot = &throttle->slots[i / THROTTLE_WAYS][i % THROTTLE_WAYS];
		if (slot->unlogged && throttle_may_log(throttle, now)) {
			throttle_log_slot(throttle, slot, now);
			continue;
		}
		throttle_forget(throttle, slot);
	}
	if (throttle->others)
		tally_log(throttle->ctx, TALLY_WARNING,
			  "%u requests with a wrong token from %u other addresses",
			  throttle->others, throttle->n_others);
	throttle->others = throttle->n_others = 0;
	throttle->log_at = 0;
}

void auth_throttle_flush_log(struct auth_throttle *throttle, int64_t now)
{
	if (throttle->log_at && now >= throttle->log_at)
		throttle_log_all(throttle, now);
}

void auth_throttle_destroy(struct auth_throttle *throttle)
{
	if (throttle && throttle->log_at)
		throttle_log_all(throttle, tally_monotonic(throttle->ctx));
	free(throttle);
}

/* ---- Counting ------------------------------------------------------------ */

static struct throttle_slot *throttle_find(struct auth_throttle *throttle, uint64_t key,
					   int64_t now)
{
	struct throttle_slot *set = throttle->slots[hash_word(0, key) % THROTTLE_SETS];
	struct throttle_slot *oldest = set;
	for (unsigned i = 0; i < THROTTLE_WAYS; i++) {
		if (set[i].last && set[i].key == key)
			return &set[i];
		if (set[i].last < oldest->last)
			oldest = &set[i];
	}
	throttle_forget(throttle, oldest);
	*oldest = (struct throttle_slot){.key = key, .full_at = now};
	return oldest;
}

static bool throttle_may_hold(struct throttle_held *held, unsigned max, int64_t now)
{
	if (held->n == 0 || now - held->since >= CLOCK_SECOND)
		*held = (struct throttle_held){.since = now};
	if (held->n == max)
		return false;
	held->n++;
	return true;
}

unsigned auth_throttle_note(struct auth_throttle *throttle, const struct sockaddr *address,
			    int64_t now, bool *ret_hold)
{
	struct throttle_slot *slot = throttle_find(throttle, client_address_key(address), now);
	client_address_text(address, slot->text);
	slot->last = now;
	slot->unlogged++;
	/* The first of an address at once, the others of a minute as a sum. */
	bool due = slot->logged_at == 0 || now - slot->logged_at >= throttle_log_interval;
	if (due && throttle_may_log(throttle, now))
		throttle_log_slot(throttle, slot, now);
	else if (throttle->log_at == 0)
		throttle->log_at = now + throttle_log_interval;
	*ret_hold = false;
	int64_t full_at = (slot->full_at > now ? slot->full_at : now) + throttle_refill;
	int64_t over = full_at - now - AUTH_THROTTLE_BURST * throttle_refill;
	if (over <= 0) {
		slot->full_at = full_at;
		return 0;
	}
	/* Held answers take memory and a connection each, so there is a bound for one address and
	 * one for all; beyond them a client gets its refusal at once. */
	*ret_hold = throttle_may_hold(&slot->held, AUTH_THROTTLE_HELD, now) &&
		    throttle_may_hold(&throttle->held, THROTTLE_HELD, now);
	return (unsigned)((over + CLOCK_SECOND - 1) / CLOCK_SECOND);
}
