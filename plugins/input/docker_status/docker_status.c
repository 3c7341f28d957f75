/*
 * docker_status: what each container is and how it does.  Each gather lists all containers, running
 * or not, and emits one row each; what only an inspect tells is asked for when the list shows that
 * it may have changed, and every `refresh`, and else taken from the row before.
 *
 * Happy path: connect, list, inspect what changed (8 at a time), rows of the rest, one row with
 * gone_at for each that is not listed any more, emit.  What can fail: the engine as a whole, then
 * gather fails and nothing is forgotten; single inspects, which are tried again the next time.
 * The last batch emitted is kept: it is the memory of what was.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/host.h>

#include "docker_list.h"
#include "status_facts.h"
#include "status_row.h"
#include "status_table.h"

static const int64_t second_ns = 1000000000, patience_ns = INT64_C(2000000000);

enum { STATUS_AT_ONCE = 8 };

enum status_metric { METRIC_CONTAINERS = DOCKER_METRICS_END };

struct status_config {
	struct docker_config docker;
	int64_t refresh;
};

/* A container that is followed. */
struct subject {
	char id[DOCKER_ID_MAX + 1];
	int64_t inspected; /* monotonic ns; 0: never */
	int64_t age;       /* by its status, in seconds; -1: not told */
	uint32_t row;      /* in the batch of its gather */
	bool has_row;
	bool is_gone;                             /* between list and inspect */
	const struct docker_container *container; /* of its gather's list */
	const struct tally_cell *previous;        /* of the gather before; NULL: new */
};

struct subjects {
	struct subject *items; /* in the order of ids */
	uint32_t n;
};

/* One gather. */
struct status_round {
	struct subjects subjects;
	struct subject **asked;
	uint32_t n_asked, failed;
	struct tally_batch *batch;
	int64_t time, monotonic;
	char reason[FETCH_REASON_SIZE + 64]; /* of the first failure */
	bool no_memory;
};

struct docker_status {
	struct tally_ctx *ctx;
	const struct status_config *config;
	struct docker *docker;
	struct subjects known;
	const struct tally_batch *last; /* rows of the known */
	struct status_round round;
};

/* ---- Who is followed ---- */

static int by_id(const void *a, const void *b)
{
	const struct subject *left = a, *right = b;
	return strcmp(left->id, right->id);
}

static const struct subject *find(const struct subjects *subjects, const struct subject *wanted)
{
	if (subjects->n == 0)
		return NULL;
	return bsearch(wanted, subjects->items, subjects->n, sizeof(*wanted), by_id);
}

static const struct tally_cell *row_of(const struct docker_status *self,
				       const struct subject *known)
{
	return self->last->cells + (size_t)known->row * STATUS_COLUMNS;
}

/* What was followed once is followed to its end, even if a filter on its state fits no more. */
static void follow(struct docker_status *self, const struct docker_container *container)
{
	struct subjects *subjects = &self->round.subjects;
	struct subject *subject = &subjects->items[subjects->n];
	*subject = (struct subject){.container = container};
	snprintf(subject->id, sizeof(subject->id), "%s", container->id);
	const struct subject *known = find(&self->known, subject);
	if (known) {
		subject->inspected = known->inspected;
		subject->age = known->age;
		subject->previous = row_of(self, known);
	} else if (!docker_container_passes(container, &self->config->docker.match)) {
		return;
	}
	subjects->n++;
}

/*
 * What the list cannot show: a restart that leaves the state as it was.  Then the age has fallen,
 * or is so low that it may have fallen and grown again since.
 */
static bool may_have_restarted(const struct docker_status *self, const struct subject *subject,
			       int64_t age)
{
	int64_t young = 2 * self->ctx->interval / second_ns;
	return age >= 0 && (age < subject->age || age <= young);
}

static bool wants_inspect(const struct docker_status *self, const struct subject *subject,
			  int64_t age)
{
	const struct tally_cell *previous = subject->previous;
	const struct docker_container *container = subject->container;
	return !previous || !subject->inspected ||
	       self->round.monotonic - subject->inspected >= self->config->refresh ||
	       !status_cell_is(&previous[STATUS_STATE], container->state) ||
	       !status_cell_is(&previous[STATUS_NAME], container->name) ||
	       !status_cell_is(&previous[STATUS_IMAGE_ID], container->image_id) ||
	       may_have_restarted(self, subject, age);
}

static void choose(struct docker_status *self, const struct docker_list *list)
{
	struct status_round *round = &self->round;
	for (uint32_t i = 0; i < list->n; i++)
		follow(self, &list->items[i]);
	for (uint32_t i = 0; i < round->subjects.n; i++) {
		struct subject *subject = &round->subjects.items[i];
		int64_t age = docker_status_age(subject->container->status);
		if (wants_inspect(self, subject, age))
			round->asked[round->n_asked++] = subject;
		subject->age = age;
	}
}

/* ---- Inspecting ---- */

static void add_row(struct docker_status *self, struct subject *subject,
		    const struct status_facts *facts)
{
	struct status_round *round = &self->round;
	const struct status_source source = {subject->container, facts, subject->previous,
					     round->time};
	subject->row = round->batch->n_rows;
	subject->has_row = true;
	if (status_row_add(self->ctx, round->batch, &source) < 0)
		round->no_memory = true;
}

static void inspect_path(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE])
{
	const struct docker_status *self = arg;
	snprintf(ret, FETCH_PATH_SIZE, "/containers/%s/json", self->round.asked[i]->id);
}

static void inspect_failed(struct docker_status *self, const struct subject *subject,
			   const char *reason)
{
	if (self->round.failed++ == 0)
		snprintf(self->round.reason, sizeof(self->round.reason), "%.60s: %s",
			 subject->container->name, reason);
}

static void inspect_read(struct docker_status *self, struct subject *subject,
			 struct fetch_answer *answer)
{
	struct status_facts facts;
	size_t offset = 0;
	char reason[FETCH_REASON_SIZE];
	const char *problem = status_facts_read(answer->body, answer->len, &facts, &offset);
	if (problem) {
		snprintf(reason, sizeof(reason), "inspect: at byte %zu of %zu: %s", offset,
			 answer->len, problem);
		inspect_failed(self, subject, reason);
		return;
	}
	subject->inspected = self->round.monotonic;
	add_row(self, subject, &facts);
}

static void inspect_done(void *arg, uint32_t i, struct fetch_answer *answer)
{
	struct docker_status *self = arg;
	struct subject *subject = self->round.asked[i];
	char reason[FETCH_REASON_SIZE];
	if (!answer->error && answer->status == 200) {
		inspect_read(self, subject, answer);
		return;
	}
	if (!answer->error && answer->status == 404) {
		subject->is_gone = true;
		return;
	}
	docker_explain(answer, reason);
	inspect_failed(self, subject, reason);
}

static int inspect(struct docker_status *self)
{
	const struct fetch_job job = {.n = self->round.n_asked,
				      .at_once = STATUS_AT_ONCE,
				      .max_bytes = DOCKER_MAX_INSPECT,
				      .patience = patience_ns,
				      .path = inspect_path,
				      .done = inspect_done,
				      .arg = self};
	int r = docker_sweep(self->docker, DOCKER_INSPECT, &job);
	if (r == 0 && self->round.failed)
		tally_log(self->ctx, TALLY_WARNING,
			  "%u out of %u inspects failed, tried again the next time: %s",
			  self->round.failed, self->round.n_asked, self->round.reason);
	return r;
}

/* ---- The rest of the rows ---- */

static void add_uninspected(struct docker_status *self)
{
	struct subjects *subjects = &self->round.subjects;
	for (uint32_t i = 0; i < subjects->n; i++)
		if (!subjects->items[i].has_row && !subjects->items[i].is_gone)
			add_row(self, &subjects->items[i], NULL);
}

static void add_gone(struct docker_status *self)
{
	struct status_round *round = &self->round;
	for (uint32_t i = 0; i < self->known.n; i++) {
		const struct subject *known = &self->known.items[i];
		const struct subject *now = find(&round->subjects, known);
		if (now && !now->is_gone)
			continue;
		if (status_row_add_gone(self->ctx, round->batch, row_of(self, known), round->time) <
		    0)
			round->no_memory = true;
	}
}

static void forget_gone(struct subjects *subjects)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < subjects->n; i++)
		if (!subjects->items[i].is_gone)
			subjects->items[kept++] = subjects->items[i];
	subjects->n = kept;
}

/* ---- Gathering ---- */

static void forget_known(struct docker_status *self)
{
	if (self->last)
		tally_batch_drop(self->ctx, self->last);
	free(self->known.items);
	self->last = NULL;
	self->known = (struct subjects){0};
}

/* From now on this round's batch is the memory. */
static int deliver(struct docker_status *self)
{
	struct status_round *round = &self->round;
	struct tally_batch *batch = round->batch;
	if (round->no_memory)
		return tally_fail(self->ctx, ENOMEM, "no memory for the containers' rows");
	round->batch = NULL;
	tally_batch_keep(self->ctx, batch);
	int r = batch->n_rows ? tally_emit(self->ctx, batch, NULL, NULL) : 0;
	if (batch->n_rows == 0)
		tally_batch_drop(self->ctx, batch);
	if (r < 0) {
		tally_batch_drop(self->ctx, batch);
		return r;
	}
	forget_known(self);
	forget_gone(&round->subjects);
	self->last = batch;
	self->known = round->subjects;
	round->subjects = (struct subjects){0};
	tally_gauge(self->ctx, METRIC_CONTAINERS, self->known.n);
	return 0;
}

static int round_init(struct docker_status *self, const struct docker_list *list)
{
	struct status_round *round = &self->round;
	*round = (struct status_round){.time = tally_now(self->ctx),
				       .monotonic = tally_monotonic(self->ctx)};
	round->subjects.items = calloc(list->n + 1, sizeof(struct subject));
	round->asked = calloc(list->n + 1, sizeof(struct subject *));
	round->batch = tally_batch_new(self->ctx, &status_table);
	if (!round->subjects.items || !round->asked || !round->batch)
		return tally_fail(self->ctx, ENOMEM, "no memory for %u containers", list->n);
	return 0;
}

static void round_end(struct docker_status *self)
{
	struct status_round *round = &self->round;
	if (round->batch)
		tally_batch_drop(self->ctx, round->batch);
	free(round->subjects.items);
	free(round->asked);
	*round = (struct status_round){0};
}

static int status_gather(void *arg)
{
	struct docker_status *self = arg;
	struct docker_list list = {0};
	int r = docker_connect(self->docker);
	if (r == 0)
		r = docker_list_get(self->docker, self->ctx, true, &list);
	if (r < 0)
		return r;
	r = round_init(self, &list);
	if (r == 0) {
		choose(self, &list);
		r = inspect(self);
	}
	if (r == 0) {
		add_uninspected(self);
		add_gone(self);
		r = deliver(self);
	}
	round_end(self);
	docker_list_done(&list);
	return r;
}

/* ---- The plugin ---- */

static int status_start(void *arg)
{
	struct docker_status *self = arg;
	return docker_connect(self->docker);
}

static void status_stop(void *arg)
{
	struct docker_status *self = arg;
	docker_disconnect(self->docker);
	forget_known(self);
}

static void status_destroy(void *arg)
{
	struct docker_status *self = arg;
	docker_destroy(self->docker);
	free(self);
}

static int status_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	struct docker_status *self = calloc(1, sizeof(*self));
	if (!self)
		return tally_fail(ctx, ENOMEM, "no memory");
	self->ctx = ctx;
	self->config = config;
	int r = docker_create(ctx, &self->config->docker, &self->docker);
	if (r < 0) {
		free(self);
		return r;
	}
	*ret_self = self;
	return 0;
}

static const struct tally_option status_options[] = {
	DOCKER_OPTIONS(offsetof(struct status_config, docker)),
	{.name = "refresh",
	 .fallback = "5min",
	 .accepts = "1s..",
	 .help = "a container is inspected anew after this time even if nothing seems to have "
		 "changed",
	 .type = TALLY_OPT_DURATION,
	 .offset = offsetof(struct status_config, refresh)},
	{0}};

static const struct tally_metric status_metrics[] = {
	DOCKER_METRICS,
	[METRIC_CONTAINERS] = {.name = "containers",
			       .help = "Containers followed, running or not.",
			       .kind = TALLY_METRIC_GAUGE},
	{0}};

static const struct tally_table *const status_tables[] = {&status_table, NULL};

static const struct tally_input status_input = {
	.size = sizeof(struct tally_input), .interval = "30s", .gather = status_gather};

TALLY_PLUGIN(.name = "docker_status", .version = TALLYD_VERSION,
	     .help = "What each container is and how it does, from the Docker Engine",
	     .options = status_options, .config_size = sizeof(struct status_config),
	     .tables = status_tables, .metrics = status_metrics, .create = status_create,
	     .start = status_start, .stop = status_stop, .destroy = status_destroy,
	     .input = &status_input)
