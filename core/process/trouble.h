/*
 * What is wrong with one part of the daemon for as long as it lasts: since when, how often it was
 * tried, and the last error.  It decides when that is worth a line in the log: when it begins, when
 * the reason changes, about once a minute, and when it is over.  SIGUSR1 shows it at any time.  One
 * thread notes and ends; any thread reads.
 */
#ifndef TALLYD_CORE_TROUBLE_H
#define TALLYD_CORE_TROUBLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct trouble_state {
	unsigned failures; /* in a row; 0: nothing is wrong */
	int64_t since;     /* monotonic ns */
	char text[ERROR_TEXT_SIZE];
};

struct trouble {
	pthread_mutex_t lock; /* guards all below; a leaf */
	struct trouble_state state;
	int64_t told; /* monotonic ns */
};

/* What a failure means for the log. */
enum trouble_change {
	TROUBLE_NOTHING, /* reported a short while ago */
	TROUBLE_BEGINS,
	TROUBLE_CHANGES, /* it lasts, and the reason is another one now */
	TROUBLE_LASTS,   /* reported a minute ago */
};

void trouble_init(struct trouble *trouble);
void trouble_done(struct trouble *trouble);

/* One more failure.  Fills ret (NULL is fine) with the state it makes. */
enum trouble_change trouble_note(struct trouble *trouble, const char *text,
				 struct trouble_state *ret);
/* It works.  False: nothing was wrong.  ret: what is over. */
bool trouble_end(struct trouble *trouble, struct trouble_state *ret);
/* False: nothing is wrong. */
bool trouble_read(struct trouble *trouble, struct trouble_state *ret);

/* For how long, as `1h5m`; `since 2026-…Z`, as the wall clock has it now. */
void trouble_age(const struct trouble_state *state, char *ret, size_t size);
void trouble_since(int64_t since, char *ret, size_t size);

#endif
