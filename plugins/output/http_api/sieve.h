/*
 * The filters of a stream: the parameters of the list that it belongs to, held against rows here
 * instead of by a store, with the same meaning (query.h).  Immutable once read; any thread.
 */
#ifndef TALLYD_HTTP_SIEVE_H
#define TALLYD_HTTP_SIEVE_H

#include "list.h"

struct sieve_rule {
	const char *column; /* static */
	uint32_t match;     /* enum tally_match: EQUALS, CONTAINS, GLOB */
	char *value;
};

struct sieve {
	struct sieve_rule *rules;
	uint32_t n;
};

/* From the request; container= is looked up in the store.  0, or a problem; owes sieve_done() in
 * either case. */
int sieve_read(struct call *call, const struct list_filter *filters, struct sieve *ret);
void sieve_done(struct sieve *sieve);

bool sieve_passes(const struct sieve *sieve, const struct tally_table *table,
		  const struct tally_cell *row);
/* The same rules for a question to the store. */
void sieve_ask(const struct sieve *sieve, struct ask *ask);

/* Does text fit * and ?, as the stores have it? */
bool sieve_glob(const char *pattern, const char *text, size_t len);

#endif
