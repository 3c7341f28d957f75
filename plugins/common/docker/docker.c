/*
 * The client of one engine: negotiates the API version, checks each request against the list of
 * allowed ones, sends it by docker_fetch.c, counts it, and puts its failure into words.
 *
 * Everything runs on the instance's thread.  Happy path: docker_connect() requests /version once
 * and keeps the API's number; docker_get() and docker_get_many() put it before each path.  What can
 * fail: the connection, then the next docker_connect() negotiates again, since another engine may
 * listen there after a restart or an upgrade; one answer, which the caller judges; or memory.
 * Nothing is retried in here: that is the caller's policy.
 */
#include "docker/docker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "docker/docker_request.h"
#include "file_check.h"
#include "base/json_trim.h"
#include "json_tree.h"

enum { DOCKER_MAX_VERSION = 64 << 10, DOCKER_MAX_INFO = 1 << 20 };

struct docker {
	struct tally_ctx *ctx;
	const struct docker_config *config;
	struct docker_endpoint endpoint;
	struct docker_fetch *fetch; /* NULL: disconnected */
	unsigned api;               /* 0: not known */
	bool trims_logged;          /* the warning about trimmed texts */
	bool lost;                  /* the connection; another engine may be there now */
	bool name_logged;           /* why the machine's name is not known */
	struct docker_engine engine;
};

/* One docker_get_many(), with what it needs beside the caller's job. */
struct docker_calls {
	struct docker *docker;
	enum docker_call call;
	const struct fetch_job *job;
};

unsigned docker_api(const struct docker *docker)
{
	return docker->api;
}

const char *docker_endpoint(const struct docker *docker)
{
	return docker->endpoint.text;
}

/* ---- Requests ---- */

static void add_version(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE])
{
	const struct docker_calls *calls = arg;
	size_t len = 0;
	if (calls->call != DOCKER_VERSION)
		len = (size_t)snprintf(ret, FETCH_PATH_SIZE, "/v1.%u", calls->docker->api);
	char path[FETCH_PATH_SIZE] = "";
	calls->job->path(calls->job->arg, i, path);
	snprintf(ret + len, FETCH_PATH_SIZE - len, "%s", path);
}

/* Not a 404, which says that the container is gone. */
void docker_count_fault(struct docker *docker, enum docker_call call,
			const struct fetch_answer *answer)
{
	if (answer->error || (answer->status != 200 && answer->status != 404))
		tally_count(docker->ctx, DOCKER_CALLS + (uint32_t)call, 1);
	/* An answer that is late or too long, or for which there was no memory, says nothing about
	 * the connection.  400 is the answer to an API version that the engine no longer speaks. */
	int error = answer->error;
	if (answer->status == 400 ||
	    (error && error != ETIMEDOUT && error != EMSGSIZE && error != ENOMEM))
		docker->lost = true;
}

void docker_count(struct docker *docker, enum docker_call call, const struct fetch_answer *answer)
{
	uint32_t metric = call;
	tally_count(docker->ctx, metric, 1);
	if (answer->took > 0)
		tally_count(docker->ctx, 2 * DOCKER_CALLS + metric, (uint64_t)answer->took);
	docker_count_fault(docker, call, answer);
}

static void count_answer(void *arg, uint32_t i, struct fetch_answer *answer)
{
	struct docker_calls *calls = arg;
	struct docker *docker = calls->docker;
	bool logged = docker->trims_logged;
	docker_count(docker, calls->call, answer);
	if (answer->trimmed)
		tally_count(docker->ctx, DOCKER_METRIC_TEXTS_CUT, answer->trimmed);
	/* Logged once, and again only after a list that needed no trimming: an inspect or an event
	 * says nothing about whether the huge labels are still there. */
	if (calls->call == DOCKER_LIST || calls->call == DOCKER_IMAGES)
		docker->trims_logged = answer->trimmed > 0;
	if (answer->trimmed && !logged)
		tally_log(docker->ctx, TALLY_WARNING,
			  "%s: an answer is too long: %u labels and other texts in it are cut to "
			  "%d bytes, or left out beyond %d bytes per container",
			  docker->endpoint.text, answer->trimmed, JSON_TRIM_STRING,
			  JSON_TRIM_MEMBERS);
	calls->job->done(calls->job->arg, i, answer);
}

int docker_check_request(struct docker *docker, enum docker_call call, const char *path)
{
	if (docker_request_is_listed(call, path))
		return 0;
	return tally_fail(docker->ctx, EPERM,
			  "GET %s is not sent: it is not in the list of allowed requests", path);
}

/* One huge label must not displace the other containers in the answer.  The tags of an image are
 * never cut: a missing one would be taken for removed. */
static const struct json_trim *trim_of(enum docker_call call)
{
	static const char *const keep[] = {"com.docker.compose.project",
					   "com.docker.compose.service", NULL};
	static const struct json_trim containers = {.keep = keep}, images = {.whole_arrays = true};
	if (call == DOCKER_LIST || call == DOCKER_INSPECT)
		return &containers;
	return call == DOCKER_IMAGES ? &images : NULL;
}

int docker_get_many(struct docker *docker, enum docker_call call, const struct fetch_job *job)
{
	struct docker_calls calls = {docker, call, job};
	struct fetch_job counted = *job;
	counted.timeout = docker->config->timeout;
	counted.trim = trim_of(call);
	counted.path = add_version;
	counted.done = count_answer;
	counted.arg = &calls;
	/* All are checked before the first is sent: a job is done as a whole or not at all. */
	for (uint32_t i = 0; i < job->n; i++) {
		char path[FETCH_PATH_SIZE] = "";
		job->path(job->arg, i, path);
		int r = docker_check_request(docker, call, path);
		if (r < 0)
			return r;
	}
	/* -ECANCELED is returned as it is: a stop is not a failure to explain. */
	int r = fetch_run(docker->fetch, &counted);
	if (r == -ENOMEM)
		return tally_fail(docker->ctx, ENOMEM, "no memory for requests to the engine");
	return r;
}

/* The engine's own words are {"message":"…"} or plain text; control characters would spoil the log
 * line. */
void docker_explain(const struct fetch_answer *answer, char ret[FETCH_REASON_SIZE])
{
	if (answer->error) {
		snprintf(ret, FETCH_REASON_SIZE, "%s", answer->reason);
		return;
	}
	auto_json json_t *document = json_tree_load(answer->body, strlen(answer->body));
	const char *message = json_tree_text(document, "message");
	snprintf(ret, FETCH_REASON_SIZE, "HTTP %d: %.250s", answer->status,
		 message ? message : answer->body);
	for (char *c = ret; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
}

/* ---- One request ---- */

struct docker_one {
	struct docker *docker;
	const char *path;
	int result;
	char *body;
	size_t len;
};

static void one_path(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE])
{
	const struct docker_one *one = arg;
	(void)i;
	snprintf(ret, FETCH_PATH_SIZE, "%s", one->path);
}

static void one_done(void *arg, uint32_t i, struct fetch_answer *answer)
{
	struct docker_one *one = arg;
	char reason[FETCH_REASON_SIZE];
	(void)i;
	if (!answer->error && answer->status == 200) {
		/* A container removed in the middle of a request, or one that Podman has stopped,
		 * is a 200 with an empty body. */
		if (answer->len == 0) {
			one->result =
				tally_fail(one->docker->ctx, EBADMSG, "%s: GET %s: no content",
					   one->docker->endpoint.text, one->path);
			return;
		}
		one->body = TAKE(answer->body);
		one->len = answer->len;
		return;
	}
	docker_explain(answer, reason);
	int error = answer->error ? answer->error : (answer->status == 404 ? ENOENT : EPROTO);
	if (answer->error && answer->len == 0)
		one->result = tally_fail(one->docker->ctx, error, "%s: %s",
					 one->docker->endpoint.text, reason);
	else
		one->result = tally_fail(one->docker->ctx, error, "%s: GET %s: %s",
					 one->docker->endpoint.text, one->path, reason);
}

int docker_get(struct docker *docker, enum docker_call call, const char *path, size_t max_bytes,
	       char **ret, size_t *ret_len)
{
	struct docker_one one = {.docker = docker, .path = path};
	struct fetch_job job = {.n = 1,
				.concurrency = 1,
				.max_bytes = max_bytes,
				.path = one_path,
				.done = one_done,
				.arg = &one};
	int r = docker_get_many(docker, call, &job);
	if (r < 0 || one.result < 0)
		return r < 0 ? r : one.result;
	*ret = one.body;
	*ret_len = one.len;
	return 0;
}

/* ---- The machine's name ---- */

static void name_not_known(struct docker *docker, const char *why)
{
	if (!docker->name_logged)
		tally_log(docker->ctx, TALLY_WARNING,
			  "%s; rows have host = %s: set host in [tallyd] to this machine's name",
			  why, tally_hostname(docker->ctx));
	docker->name_logged = true;
}

/* Before the first row, as rows must not change their host.  A proxy in front of the engine may
 * refuse the request, which is no reason to collect nothing; an engine that does not answer is
 * asked again. */
static int learn_name(struct docker *docker)
{
	auto_free char *body = NULL;
	size_t len = 0;
	char why[2 * FETCH_REASON_SIZE];
	if (!tally_wants_hostname(docker->ctx))
		return 0;
	int r = docker_get(docker, DOCKER_INFO, "/info", DOCKER_MAX_INFO, &body, &len);
	if (r == -EPROTO || r == -ENOENT || r == -EMSGSIZE) {
		snprintf(why, sizeof(why), "%s", tally_reason(docker->ctx));
		name_not_known(docker, why);
		return 0;
	}
	if (r < 0)
		return r;
	auto_json json_t *document = json_tree_load(body, len);
	const char *name = json_tree_text(document, "Name");
	snprintf(why, sizeof(why), "%s: GET /info: no Name in the answer", docker->endpoint.text);
	if (name && *name && tally_tell_hostname(docker->ctx, name) == -EEXIST)
		snprintf(why, sizeof(why),
			 "%s is the engine of %.100s, but another engine has given its name before",
			 docker->endpoint.text, name);
	else if (name && *name)
		return 0;
	name_not_known(docker, why);
	return 0;
}

/* ---- The version ---- */

/* "1.41" → 41; 0: something else. */
static unsigned api_number(const char *text)
{
	unsigned number = 0;
	if (!text || strncmp(text, "1.", 2) != 0 || strlen(text) < 3 || strlen(text) > 5)
		return 0;
	for (const char *c = text + 2; *c; c++) {
		if (*c < '0' || *c > '9')
			return 0;
		number = number * 10 + (unsigned)(*c - '0');
	}
	return number;
}

static void learn_engine(struct docker *docker, const json_t *document)
{
	const char *version = json_tree_text(document, "Version");
	const char *kernel = json_tree_text(document, "KernelVersion");
	snprintf(docker->engine.version, sizeof(docker->engine.version), "%s",
		 version ? version : "");
	snprintf(docker->engine.kernel, sizeof(docker->engine.kernel), "%s", kernel ? kernel : "");
}

const struct docker_engine *docker_engine(const struct docker *docker)
{
	return &docker->engine;
}

bool docker_is_local(const struct docker *docker)
{
	return docker->endpoint.path[0] != '\0';
}

static int negotiate(struct docker *docker)
{
	auto_free char *body = NULL;
	size_t len = 0;
	int r = docker_get(docker, DOCKER_VERSION, "/version", DOCKER_MAX_VERSION, &body, &len);
	if (r < 0)
		return r;
	auto_json json_t *document = json_tree_load(body, len);
	unsigned api = api_number(json_tree_text(document, "ApiVersion"));
	if (api == 0)
		return tally_fail(docker->ctx, EPROTO,
				  "%s: GET /version: no ApiVersion in the answer: is it a Docker "
				  "Engine?",
				  docker->endpoint.text);
	/* Engines refuse versions below their minimum: 1.12 up to Engine 24, 1.24 from 25 on, 1.44
	 * in 29.0 to 29.2 and 1.40 since 29.3.  So both ends of both ranges have to overlap. */
	unsigned oldest = api_number(json_tree_text(document, "MinAPIVersion"));
	if (api < DOCKER_API_OLDEST || oldest > DOCKER_API_NEWEST)
		return tally_fail(
			docker->ctx, EPROTONOSUPPORT,
			"%s: the engine speaks API 1.%u to 1.%u, this plugin 1.%d to 1.%d",
			docker->endpoint.text, oldest, api, DOCKER_API_OLDEST, DOCKER_API_NEWEST);
	docker->api = api < DOCKER_API_NEWEST ? api : DOCKER_API_NEWEST;
	learn_engine(docker, document);
	docker->lost = false;
	r = learn_name(docker);
	if (r < 0) {
		docker->api = 0;
		return r;
	}
	tally_log(docker->ctx, TALLY_INFO, "%s: connected, API 1.%u", docker->endpoint.text,
		  docker->api);
	return 0;
}

void docker_target(const struct docker *docker, struct docker_target *ret)
{
	const struct docker_config *config = docker->config;
	*ret = (struct docker_target){.endpoint = &docker->endpoint,
				      .tls = {config->tls_ca, config->tls_cert, config->tls_key},
				      .timeout = config->timeout};
}

int docker_connect(struct docker *docker)
{
	struct docker_target target;
	docker_target(docker, &target);
	if (!docker->fetch) {
		int r = fetch_create(target.endpoint, &target.tls, tally_stop_fd(docker->ctx),
				     &docker->fetch);
		if (r < 0)
			return tally_fail(docker->ctx, -r, "cannot set up the client: %s",
					  strerror(-r));
	}
	return docker->api && !docker->lost ? 0 : negotiate(docker);
}

void docker_disconnect(struct docker *docker)
{
	fetch_destroy(docker->fetch);
	docker->fetch = NULL;
	docker->api = 0;
}

/* ---- Creating and destroying ---- */

int docker_check_files(struct tally_ctx *ctx, const struct docker_config *config)
{
	int r = file_check_read(ctx, "tls_ca", config->tls_ca);
	if (r == 0)
		r = file_check_read(ctx, "tls_cert", config->tls_cert);
	return r == 0 ? file_check_read(ctx, "tls_key", config->tls_key) : r;
}

int docker_create(struct tally_ctx *ctx, const struct docker_config *config, struct docker **ret)
{
	auto_free struct docker *docker = calloc(1, sizeof(*docker));
	if (!docker)
		return tally_fail(ctx, ENOMEM, "no memory");
	docker->ctx = ctx;
	docker->config = config;
	const char *problem = docker_endpoint_parse(config->endpoint, &docker->endpoint);
	if (problem)
		return tally_fail(ctx, EINVAL, "endpoint: %s %s", config->endpoint, problem);
	const char *unknown = match_check(&config->match);
	if (unknown)
		return tally_fail(ctx, EINVAL,
				  "include, exclude: \"%s\" is none of name=GLOB, image=GLOB, "
				  "label=KEY, label=KEY=GLOB, state=GLOB",
				  unknown);
	if (!docker->endpoint.tls && (config->tls_ca || config->tls_cert || config->tls_key))
		return tally_fail(ctx, EINVAL,
				  "tls_ca, tls_cert and tls_key need an https:// endpoint, not %s",
				  config->endpoint);
	if (!config->tls_cert != !config->tls_key)
		return tally_fail(ctx, EINVAL, "tls_cert and tls_key need each other");
	*ret = TAKE(docker);
	return 0;
}

void docker_destroy(struct docker *docker)
{
	if (!docker)
		return;
	docker_disconnect(docker);
	free(docker);
}
