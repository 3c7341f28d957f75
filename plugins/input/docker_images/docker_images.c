/*
 * docker_images: the images of an engine, the history of their references, and the containers that
 * run an image which their reference no longer points to.  It follows the engine (docker_follow.h):
 * half a second after an event of any image, and each `interval`, images and containers are listed
 * and compared with the previous scan, since an event says neither what lost a tag nor what a pull
 * brought.
 *
 * Happy path of a scan: list images and containers, emit changes of references (image_versions.c),
 * one row per image, one with gone_at per image that is no longer listed, and keep the rows.  After
 * a restart it resumes from the positions of the changes, and from the file of its last rows
 * (state_file.h).  Rows with gone_at are repeated until the next full scan, and after a restart, as
 * the store may not have them.  Everything but registry_check.c runs on the instance's thread.
 * What can fail: the engine, then nothing is emitted and docker_follow.c retries.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "docker_images.h"
#include "state_file.h"

/* A pull is followed by tags, and a build by several: one scan for all of them. */
static const int64_t debounce_ns = 500 * CLOCK_MS;

enum { IMAGES_MAX_LIST = 16 << 20, IMAGES_API_SHARED = 42, IMAGES_NAME_SIZE = 512 };

static const char images_filters[] = "{\"type\":[\"image\"]}";

/* ---- A scan ---- */

struct scan {
	struct docker_images *self;
	enum docker_scan what;
	struct image_list images;
	struct docker_list containers;
	struct registry_result *results; /* NULL: registries are not asked */
	uint32_t n_results;
	struct tally_batch *batch;
};

/* shared-size is known from API 1.42 on.  It makes the engine compare the layers of all images,
 * which is why it has to be asked for. */
static int list_images(struct scan *scan)
{
	struct docker *docker = scan->self->docker;
	const char *path = docker_api(docker) >= IMAGES_API_SHARED ? "/images/json?shared-size=1"
								   : "/images/json";
	char *body = NULL;
	size_t len = 0, offset = 0;
	int r = docker_get(docker, DOCKER_IMAGES, path, IMAGES_MAX_LIST, &body, &len);
	if (r < 0)
		return r;
	const char *problem = image_list_parse(body, len, &scan->images, &offset);
	if (problem)
		return tally_fail(scan->self->ctx, EBADMSG, "%s: GET %s: at byte %zu of %zu: %s",
				  docker_endpoint(docker), path, offset, len, problem);
	return 0;
}

/* Hands over the references in use and takes the results so far; does not wait for a registry. */
static int ask_registries(struct scan *scan)
{
	struct docker_images *self = scan->self;
	auto_free const char **references = NULL;
	uint32_t n = 0;
	if (!self->registry)
		return 0;
	if (image_users_references(&self->users, &scan->images, &references, &n) == 0 &&
	    registry_check_set(self->registry, references, n) &&
	    registry_check_results(self->registry, &scan->results, &scan->n_results))
		return 0;
	return tally_fail(self->ctx, ENOMEM, "no memory for the results of registries");
}

static int make_rows(struct scan *scan)
{
	struct docker_images *self = scan->self;
	const struct image_snapshot snapshot = {.images = &scan->images,
						.users = &self->users,
						.registry = scan->results,
						.n_registry = scan->n_results,
						.time = tally_now(self->ctx),
						.repeats = scan->what == DOCKER_SCAN_NAMED ||
							   self->restarted};
	scan->batch = tally_batch_new(self->ctx, &images_table);
	if (!scan->batch || image_rows_add(self->ctx, scan->batch, &snapshot) < 0 ||
	    image_rows_add_gone(self->ctx, scan->batch, self->last, &snapshot) < 0)
		return tally_fail(self->ctx, ENOMEM, "no memory for %u images", scan->images.n);
	return 0;
}

/* The batch is kept twice: by the pipeline until it is stored, and here for the next comparison. It
 * replaces the previous one only after it was emitted: whatever is lost before that is found again
 * by the next comparison. */
static int emit(struct scan *scan)
{
	struct docker_images *self = scan->self;
	struct tally_batch *batch = scan->batch;
	void *bytes = NULL;
	size_t len = 0;
	int r = 0;
	scan->batch = NULL;
	tally_batch_keep(self->ctx, batch);
	if (batch->n_rows > 0)
		r = tally_emit(self->ctx, batch, NULL, NULL);
	else
		tally_batch_drop(self->ctx, batch);
	if (r < 0) {
		tally_batch_drop(self->ctx, batch);
		return r;
	}
	if (self->last)
		tally_batch_drop(self->ctx, self->last);
	self->last = batch;
	self->restarted = false;
	tally_gauge(self->ctx, METRIC_IMAGES, scan->images.n);
	r = tally_batch_encode(self->ctx, batch, &bytes, &len);
	if (r == 0)
		r = state_file_write(self->ctx, bytes, len);
	if (r < 0)
		tally_log(self->ctx, TALLY_WARNING,
			  "cannot save the state file, so images removed while the daemon is down "
			  "will not be noticed: %s",
			  tally_reason(self->ctx));
	free(bytes);
	return 0;
}

/* Versions before rows: a container may be outdated since a change that this scan has just found.
 */
static int run_scan(struct scan *scan)
{
	struct docker_images *self = scan->self;
	int r = list_images(scan);
	if (r == 0)
		r = docker_list_get(self->docker, self->ctx, true, &scan->containers);
	if (r == 0)
		r = image_users_update(&self->users, self->ctx, self->docker, &scan->containers);
	if (r == 0)
		r = versions_update(&self->versions, self->ctx, &scan->images);
	if (r < 0)
		return r;
	image_users_check_outdated(&self->users, &scan->images, &self->versions);
	r = ask_registries(scan);
	if (r == 0)
		r = make_rows(scan);
	return r < 0 ? r : emit(scan);
}

int images_scan(void *arg, enum docker_scan what)
{
	struct scan scan = {.self = arg, .what = what};
	int r = run_scan(&scan);
	if (scan.batch)
		tally_batch_drop(scan.self->ctx, scan.batch);
	free(scan.results);
	image_list_done(&scan.images);
	docker_list_done(&scan.containers);
	return r;
}

/* ---- Events ---- */

/* The id of a pull is a reference; the id of a tag is an image's, and its name the reference.  The
 * name of an untag is the image's id: then only the time is of use. */
static bool images_event(void *arg, const struct docker_event *event)
{
	struct docker_images *self = arg;
	char name[IMAGES_NAME_SIZE] = "";
	if (strcmp(event->type, "image") != 0)
		return false;
	if (strcmp(event->action, "pull") == 0)
		versions_add_event(&self->versions, event->id, event->time);
	else if (docker_event_attribute(event, "name", name, sizeof(name)) &&
		 strncmp(name, "sha256:", 7) != 0)
		versions_add_event(&self->versions, name, event->time);
	else
		versions_add_event(&self->versions, NULL, event->time);
	return true;
}

/* ---- The plugin ---- */

/* Requests events since the newest known change, so that changes found at the start get the times
 * at which they happened, not the time of the start. */
static int images_run(void *arg)
{
	struct docker_images *self = arg;
	const struct docker_follow_job job = {.ctx = self->ctx,
					      .docker = self->docker,
					      .config = &self->config->follow,
					      .filters = images_filters,
					      .since = versions_newest(&self->versions),
					      .debounce = debounce_ns,
					      .event = images_event,
					      .scan = images_scan,
					      .arg = self};
	int r = self->registry ? registry_check_start(self->registry) : 0;
	if (r < 0)
		return r;
	r = docker_follow(&job);
	if (self->registry)
		registry_check_stop(self->registry);
	return r;
}

static int images_start(void *arg)
{
	struct docker_images *self = arg;
	struct tally_batch *before;
	int r = docker_connect(self->docker);
	if (r == 0)
		r = versions_load(&self->versions, self->ctx);
	if (r == 0 && !self->last && state_file_read(self->ctx, &images_table, &before) == 0) {
		self->last = before;
		self->restarted = true;
	}
	return r;
}

/* Keeps what is known: the positions may not be safe yet, and versions_load() after a reload must
 * not read older ones. */
static void images_stop(void *arg)
{
	struct docker_images *self = arg;
	docker_disconnect(self->docker);
}

static void images_destroy(void *arg)
{
	struct docker_images *self = arg;
	if (self->last)
		tally_batch_drop(self->ctx, self->last);
	image_users_done(&self->users);
	versions_done(&self->versions);
	registry_check_destroy(self->registry);
	docker_destroy(self->docker);
	free(self);
}

static int images_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	static const struct registry_metrics metrics = {
		METRIC_REGISTRY_CALLS, METRIC_REGISTRY_ERRORS, METRIC_REGISTRY_SECONDS};
	struct docker_images *self = calloc(1, sizeof(*self));
	if (!self)
		return tally_fail(ctx, ENOMEM, "no memory");
	self->ctx = ctx;
	self->config = config;
	int r = docker_create(ctx, &self->config->docker, &self->docker);
	if (r == 0 && self->config->registry.check) {
		self->registry = registry_check_create(ctx, &self->config->registry,
						       self->config->docker.timeout, &metrics);
		r = self->registry ? 0 : tally_fail(ctx, ENOMEM, "no memory");
	}
	if (r < 0) {
		images_destroy(self);
		return r;
	}
	*ret_self = self;
	return 0;
}

static const struct tally_option images_options[] = {
	DOCKER_ENDPOINT_OPTIONS(offsetof(struct images_config, docker)),
	DOCKER_TLS_OPTIONS(offsetof(struct images_config, docker)),
	DOCKER_FOLLOW_OPTIONS(offsetof(struct images_config, follow), "60s"),
	{.name = "registry_check",
	 .fallback = "no",
	 .help = "whether to ask registries for the current digest of the references that "
		 "containers were created from: one HEAD each, without a login",
	 .type = TALLY_OPT_BOOL,
	 .offset = offsetof(struct images_config, registry.check)},
	{.name = "registry_interval",
	 .fallback = "6h",
	 .accepts = "1s..30d",
	 .help = "time between two requests for the same reference; be considerate of public "
		 "registries and use hours",
	 .type = TALLY_OPT_DURATION,
	 .offset = offsetof(struct images_config, registry.interval)},
	{.name = "registry_insecure",
	 .help = "registries to ask by plain HTTP, as host or host:port; registries on this "
		 "machine "
		 "always are",
	 .type = TALLY_OPT_LIST,
	 .offset = offsetof(struct images_config, registry.insecure)},
	{0}};

static const struct tally_metric images_metrics[] = {
	DOCKER_METRICS,
	DOCKER_FOLLOW_METRICS,
	[METRIC_IMAGES] = {.name = "images",
			   .help = "Images of the engine.",
			   .kind = TALLY_METRIC_GAUGE},
	[METRIC_REGISTRY_CALLS] = {.name = "registry_calls_total",
				   .help = "Requests to registries, one per reference.",
				   .kind = TALLY_METRIC_COUNTER},
	[METRIC_REGISTRY_ERRORS] = {.name = "registry_errors_total",
				    .help = "Requests to registries that brought no digest.",
				    .kind = TALLY_METRIC_COUNTER},
	[METRIC_REGISTRY_SECONDS] = {.name = "registry_seconds_total",
				     .unit = "ns",
				     .help = "Time until the registries' answers were complete.",
				     .kind = TALLY_METRIC_COUNTER},
	{0}};

static const struct tally_table *const images_tables[] = {&images_table, &versions_table, NULL};

static const struct tally_input images_input = {.size = sizeof(struct tally_input),
						.run = images_run};

static int images_check(struct tally_ctx *ctx, const void *config)
{
	return docker_check_files(ctx, &((const struct images_config *)config)->docker);
}

TALLY_PLUGIN(.name = "docker_images", .version = TALLYD_VERSION,
	     .help = "The images of an engine, the history of their references, and the containers "
		     "that "
		     "use them",
	     .options = images_options, .config_size = sizeof(struct images_config),
	     .tables = images_tables, .metrics = images_metrics, .create = images_create,
	     .start = images_start, .stop = images_stop, .destroy = images_destroy,
	     .input = &images_input, .check = images_check)
