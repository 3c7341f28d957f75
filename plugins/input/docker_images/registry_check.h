/*
 * The digests that registries have for the references that containers were created from, requested
 * by a thread of its own so that no scan waits for the internet: one request at a time, each
 * reference once in `registry_interval`.
 *
 * Happy path: registry_check_start(), and in each scan registry_check_set() with what is in use,
 * and registry_check_results() for the rows.  What can fail: a registry that cannot be reached,
 * does not answer or limits us (429); then it is left alone for as long as its Retry-After says,
 * else for a minute and twice as long each time up to the interval, with one message at the
 * beginning and one at the end.  Or a reference by itself (500, 405, no digest): then only that one
 * is, likewise. Whatever was asked for goes to the end of the queue, so that no reference starves
 * another.  "Not known" and "denied" are answers, not failures.  Nothing is kept over a restart.
 */
#ifndef TALLYD_REGISTRY_CHECK_H
#define TALLYD_REGISTRY_CHECK_H

#include <tallyd/host.h>

#include "image_list.h"
#include "registry_http.h"

/* Part of the config of docker_images. */
struct registry_config {
	const char *const *insecure;
	int64_t interval;
	bool check;
};

enum { REGISTRY_REFERENCES = 1024 };

/* Of one reference. */
struct registry_result {
	char reference[IMAGE_REFERENCE_MAX]; /* as image_reference_normal() has it */
	char digest[REGISTRY_DIGEST_MAX];    /* ""; none, or not known yet */
	char problem[REGISTRY_REASON_MAX];   /* with the last answer; "": none */
	int64_t checked_at;                  /* ns since 1970; 0: not yet */
};

/* The plugin's metrics that are counted here. */
struct registry_metrics {
	uint32_t calls, errors, seconds;
};

struct registry_check;

/* timeout: ns for one request.  NULL: no memory. */
struct registry_check *registry_check_create(struct tally_ctx *ctx,
					     const struct registry_config *config, int64_t timeout,
					     const struct registry_metrics *metrics);
void registry_check_destroy(struct registry_check *check);

/* 0, or what tally_fail() returned. */
int registry_check_start(struct registry_check *check);
/* Waits for the request in progress, unless the instance is being stopped. */
void registry_check_stop(struct registry_check *check);

/* Sets the references in use; known results stay, those of all others are forgotten.  References
 * that no registry can have are left out.  False: no memory, then nothing changes. */
bool registry_check_set(struct registry_check *check, const char *const *references, uint32_t n);

/* The results so far, sorted by reference; the caller frees *ret.  False: no memory. */
bool registry_check_results(struct registry_check *check, struct registry_result **ret,
			    uint32_t *ret_n);

#endif
