/*
 * One GET at a time: a curl handle with the settings of its connection and a body of bounded size,
 * reused for many requests.  Only docker_fetch.c and docker_stream.c call this.
 */
#ifndef TALLYD_PLUGINS_COMMON_DOCKER_TRANSFER_H
#define TALLYD_PLUGINS_COMMON_DOCKER_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>

#include "docker/docker_fetch.h"
#include "base/json_trim.h"

struct docker_transfer {
	CURL *easy;
	char *body; /* NULL until there was one */
	size_t len, size, max;
	uint32_t index;  /* of the request */
	size_t received; /* of a body that is trimmed */
	bool busy, too_big;
	bool trims;            /* trim a body that is too long */
	struct json_trim trim; /* in use once received is set */
	char error[CURL_ERROR_SIZE];
};

/* NULL: no memory. */
struct docker_transfer *docker_transfer_create(const struct docker_endpoint *endpoint,
					       const struct fetch_tls *tls);
void docker_transfer_destroy(struct docker_transfer *transfer);

/* For the next request, with the bounds of the job. */
void docker_transfer_prepare(struct docker_transfer *transfer, const char *path,
			     const struct fetch_job *job);

/* The result.  The body is lent to ret until docker_transfer_take_back(). */
void docker_transfer_answer(struct docker_transfer *transfer, CURLcode code,
			    struct fetch_answer *ret, char reason[FETCH_REASON_SIZE]);
void docker_transfer_take_back(struct docker_transfer *transfer, struct fetch_answer *answer);

#endif
