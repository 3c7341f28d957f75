#pragma once

/* What both halves of the fake host know: fake_host.c, which a test calls, and fake_host_calls.c,
 * which the plugin under test calls. */
#include <tallyd/testing/fake_host.h>

#include <pthread.h>

#include "plugin/declared.h"

enum { FAKE_METRICS = 256, FAKE_REASON_SIZE = 1024 };

struct fake_emitted {
	const struct tally_batch *batch;
	char *position;
};

/* Where a source may resume; kept although what was emitted is forgotten. */
struct fake_position {
	char *source, *position;
};

struct fake_host {
	struct tally_ctx ctx; /* first: a ctx is its host */
	pthread_mutex_t lock; /* guards all below */
	struct fake_emitted *emitted;
	uint32_t n_emitted;
	struct fake_position *positions;
	uint32_t n_positions;
	char *log[TALLY_DEBUG + 1];
	char **shown; /* the log as it was whenever a test looked: it may hold on to any of them */
	uint32_t n_shown;
	char reason[FAKE_REASON_SIZE];
	uint64_t metrics[FAKE_METRICS];
	uint32_t rejected;
	int64_t now, monotonic;
	int emit_result;
	bool must_flush, wants_hostname;
	char *told_hostname;
	int stop_fd;
	struct declared declared;
	const struct tally_table *const *tables; /* of other plugins */
	char *safe; /* what is safe, of every source; NULL: all that was emitted */
};

struct tally_store {
	const struct tally_store_ops *reader;
	void *self;
};

struct tally_cache {
	const struct tally_cache_ops *ops;
	void *self;
};

/* The core's side of the ABI. */
extern const struct tally_host testing_host_calls;
