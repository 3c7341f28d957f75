/*
 * One look at the engine: at all containers, or at those that events named.
 *
 * Happy path: list, inspect what may have changed (8 at a time), a row each, one row with gone_at
 * for each that is not listed any more, emit, remember.  What can fail: the engine as a whole, then
 * nothing is forgotten and nobody is taken for gone; single inspects, which are tried again the
 * next time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "docker_status.h"
#include "base/json_trim.h"
#include "status_facts.h"
#include "status_row.h"
#include "status_table.h"

static const int64_t patience_ns = INT64_C(2000000000);

enum { STATUS_AT_ONCE = 8, STATUS_ID_IN_FILTER = 16 };

struct look {
	struct docker_status *self;
	enum docker_look what;
	struct docker_list list;
	struct subjects subjects; /* of the list, those that are followed */
	struct subject **asked;
	uint32_t n_asked, failed;
	struct tally_batch *batch;
	int64_t time, monotonic;
	char reason[FETCH_REASON_SIZE + 64]; /* of the first failure */
	uint32_t first_gone, end_gone;       /* rows */
	bool no_memory, is_news;             /* news: somebody came or went */
};

bool status_is_named(const struct status_named *named, const char *id)
{
	for (uint32_t i = 0; i < named->n; i++)
		if (strcmp(named->ids[i], id) == 0)
			return true;
	return false;
}

/* ---- The list ---- */

/* By the first digits of their ids, which is what the filter compares. */
static int list_named(struct look *look)
{
	const struct status_named *named = &look->self->named;
	char path[FETCH_PATH_SIZE];
	size_t len = (size_t)snprintf(path, sizeof(path), "/containers/json?all=1&filters=%s",
				      "%7B%22id%22:%5B");
	for (uint32_t i = 0; i < named->n; i++)
		len += (size_t)snprintf(path + len, sizeof(path) - len, "%s%%22%.*s%%22",
					i ? "," : "", STATUS_ID_IN_FILTER, named->ids[i]);
	snprintf(path + len, sizeof(path) - len, "%%5D%%7D");
	return docker_list_ask(look->self->docker, look->self->ctx, path, &look->list);
}

static int list(struct look *look)
{
	if (look->what == DOCKER_LOOK_NAMED)
		return list_named(look);
	return docker_list_get(look->self->docker, look->self->ctx, true, &look->list);
}

/* ---- Who is followed ---- */

/* What was followed once is followed to its end, even if a filter on its state fits no more. */
static void follow(struct look *look, const struct docker_container *container)
{
	struct docker_status *self = look->self;
	struct subject *subject = &look->subjects.items[look->subjects.n];
	const struct subject *known = subjects_find(&self->known, container->id);
	if (!known && !docker_container_passes(container, &self->config->docker.match))
		return;
	*subject = (struct subject){.age = -1};
	if (known) {
		*subject = *known;
		subject->batch = NULL;
		subject->previous = subject_row(known);
	}
	snprintf(subject->id, sizeof(subject->id), "%s", container->id);
	subject->container = container;
	look->is_news |= !known;
	look->subjects.n++;
}

/* The list shows it, or an event told; an age that has fallen is a restart that neither did. */
static bool wants_inspect(const struct look *look, const struct subject *subject, int64_t age)
{
	const struct tally_cell *previous = subject->previous;
	const struct docker_container *container = subject->container;
	return look->what == DOCKER_LOOK_ANEW || !previous || !subject->inspected ||
	       look->monotonic - subject->inspected >= look->self->config->refresh ||
	       !status_cell_is(&previous[STATUS_STATE], container->state) ||
	       !status_cell_is(&previous[STATUS_NAME], container->name) ||
	       !status_cell_is(&previous[STATUS_IMAGE_ID], container->image_id) ||
	       (age >= 0 && age < subject->age) || status_is_named(&look->self->named, subject->id);
}

static void choose(struct look *look)
{
	for (uint32_t i = 0; i < look->list.n; i++)
		follow(look, &look->list.items[i]);
	for (uint32_t i = 0; i < look->subjects.n; i++) {
		struct subject *subject = &look->subjects.items[i];
		int64_t age = docker_status_age(subject->container->status);
		if (wants_inspect(look, subject, age))
			look->asked[look->n_asked++] = subject;
		subject->age = age;
	}
}

/* ---- Inspecting ---- */

/* Of labels that are too long for a row, once. */
static void tell_cut(const struct look *look, struct subject *subject)
{
	const struct json_text *labels = &subject->container->labels;
	const struct tally_cell *cells = look->batch->cells + (size_t)subject->row * STATUS_COLUMNS;
	bool cut = cells[STATUS_LABELS].set && cells[STATUS_LABELS].len < labels->len;
	if (cut && !subject->cut_told)
		tally_log(look->self->ctx, TALLY_WARNING,
			  "%.60s: of %zu bytes of labels %u are kept: each is cut at %d bytes, all "
			  "together at %d",
			  subject->container->name, labels->len, cells[STATUS_LABELS].len,
			  JSON_TRIM_STRING, JSON_TRIM_MEMBERS);
	subject->cut_told = cut;
}

static void add_row(struct look *look, struct subject *subject, const struct status_facts *facts)
{
	const struct status_source source = {subject->container, facts, subject->previous,
					     look->time};
	subject->row = look->batch->n_rows;
	subject->has_row = true;
	if (status_row_add(look->self->ctx, look->batch, &source) < 0)
		look->no_memory = true;
	else
		tell_cut(look, subject);
}

static void inspect_path(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE])
{
	const struct look *look = arg;
	snprintf(ret, FETCH_PATH_SIZE, "/containers/%s/json", look->asked[i]->id);
}

static void inspect_failed(struct look *look, struct subject *subject, const char *reason)
{
	subject->inspected = 0;
	if (look->failed++ == 0)
		snprintf(look->reason, sizeof(look->reason), "%.60s: %s", subject->container->name,
			 reason);
}

static void inspect_read(struct look *look, struct subject *subject, struct fetch_answer *answer)
{
	struct status_facts facts;
	size_t offset = 0;
	char reason[FETCH_REASON_SIZE];
	const char *problem = status_facts_read(answer->body, answer->len, &facts, &offset);
	if (problem) {
		snprintf(reason, sizeof(reason), "inspect: at byte %zu of %zu: %s", offset,
			 answer->len, problem);
		inspect_failed(look, subject, reason);
		return;
	}
	subject->inspected = look->monotonic;
	add_row(look, subject, &facts);
}

static void inspect_done(void *arg, uint32_t i, struct fetch_answer *answer)
{
	struct look *look = arg;
	struct subject *subject = look->asked[i];
	char reason[FETCH_REASON_SIZE];
	if (!answer->error && answer->status == 200) {
		inspect_read(look, subject, answer);
		return;
	}
	if (!answer->error && answer->status == 404) {
		subject->is_gone = true;
		return;
	}
	docker_explain(answer, reason);
	inspect_failed(look, subject, reason);
}

static int inspect(struct look *look)
{
	const struct fetch_job job = {.n = look->n_asked,
				      .at_once = STATUS_AT_ONCE,
				      .max_bytes = DOCKER_MAX_INSPECT,
				      .patience = patience_ns,
				      .path = inspect_path,
				      .done = inspect_done,
				      .arg = look};
	int r = docker_get_many(look->self->docker, DOCKER_INSPECT, &job);
	if (r == 0 && look->failed)
		tally_log(look->self->ctx, TALLY_WARNING,
			  "%u out of %u inspects failed, tried again the next time: %s",
			  look->failed, look->n_asked, look->reason);
	return r;
}

/* ---- The rest of the rows ---- */

static void add_uninspected(struct look *look)
{
	for (uint32_t i = 0; i < look->subjects.n; i++)
		if (!look->subjects.items[i].has_row && !look->subjects.items[i].is_gone)
			add_row(look, &look->subjects.items[i], NULL);
}

/* Of the known: looked for, and not there. */
static bool is_gone(const struct look *look, const struct subject *known)
{
	const struct subject *now = subjects_find(&look->subjects, known->id);
	if (look->what == DOCKER_LOOK_NAMED && !status_is_named(&look->self->named, known->id))
		return false;
	return !now || now->is_gone;
}

static void add_gone(struct look *look)
{
	const struct subjects *known = &look->self->known;
	look->first_gone = look->batch->n_rows;
	for (uint32_t i = 0; i < known->n; i++) {
		const struct subject *subject = &known->items[i];
		int64_t gone = subject->destroyed ? subject->destroyed : look->time;
		if (is_gone(look, subject) &&
		    status_row_add_gone(look->self->ctx, look->batch, subject_row(subject),
					look->time, gone) < 0)
			look->no_memory = true;
	}
	look->end_gone = look->batch->n_rows;
}

/* Who went since the last look at everything is told once more, as the store may have missed it. */
static void repeat_gone(struct look *look)
{
	const struct tally_batch *gone = look->self->gone;
	for (uint32_t i = 0; gone && look->what != DOCKER_LOOK_NAMED && i < gone->n_rows; i++)
		if (status_row_copy(look->self->ctx, look->batch,
				    gone->cells + (size_t)i * STATUS_COLUMNS) < 0)
			look->no_memory = true;
}

/* ---- Remembering ---- */

/* Those that were not looked at stay as they are. */
static void keep_others(struct look *look, struct subjects *ret)
{
	const struct subjects *known = &look->self->known;
	for (uint32_t i = 0; look->what == DOCKER_LOOK_NAMED && i < known->n; i++) {
		struct subject *subject = &known->items[i];
		if (is_gone(look, subject) || subjects_find(&look->subjects, subject->id))
			continue;
		ret->items[ret->n++] = *subject;
		subject->batch = NULL;
	}
}

static void keep_seen(struct look *look, struct subjects *ret)
{
	for (uint32_t i = 0; i < look->subjects.n; i++) {
		struct subject *subject = &look->subjects.items[i];
		if (subject->is_gone)
			continue;
		tally_batch_keep(look->self->ctx, look->batch);
		subject->batch = look->batch;
		subject->has_row = false;
		subject->container = NULL;
		subject->previous = NULL;
		ret->items[ret->n++] = *subject;
	}
}

/* Until the next look at everything. */
static void keep_gone(struct look *look)
{
	struct docker_status *self = look->self;
	if (self->gone && look->what != DOCKER_LOOK_NAMED) {
		tally_batch_drop(self->ctx, self->gone);
		self->gone = NULL;
	}
	if (!self->gone && look->first_gone < look->end_gone)
		self->gone = tally_batch_new(self->ctx, &status_table);
	for (uint32_t i = look->first_gone; self->gone && i < look->end_gone; i++)
		status_row_copy(self->ctx, self->gone,
				look->batch->cells + (size_t)i * STATUS_COLUMNS);
}

static void remember(struct look *look, struct subjects *fresh)
{
	struct docker_status *self = look->self;
	keep_gone(look);
	keep_others(look, fresh);
	keep_seen(look, fresh);
	subjects_sort(fresh);
	subjects_done(self->ctx, &self->known);
	self->known = *fresh;
	self->named = (struct status_named){0};
	tally_gauge(self->ctx, METRIC_CONTAINERS, self->known.n);
}

/* From now on this look's batch is the memory of those it saw. */
static int deliver(struct look *look)
{
	struct tally_ctx *ctx = look->self->ctx;
	struct subjects fresh = {.items = calloc(look->self->known.n + look->subjects.n + 1,
						 sizeof(struct subject))};
	int r = 0;
	if (look->no_memory || !fresh.items) {
		free(fresh.items);
		return tally_fail(ctx, ENOMEM, "no memory for the containers' rows");
	}
	if (look->batch->n_rows > 0) {
		tally_batch_keep(ctx, look->batch);
		r = tally_emit(ctx, look->batch, NULL, NULL);
	}
	if (r < 0)
		free(fresh.items);
	else
		remember(look, &fresh);
	return r;
}

/* ---- The look ---- */

static int look_init(struct look *look)
{
	struct docker_status *self = look->self;
	look->time = tally_now(self->ctx);
	look->monotonic = tally_monotonic(self->ctx);
	look->subjects.items = calloc(look->list.n + 1, sizeof(struct subject));
	look->asked = calloc(look->list.n + 1, sizeof(struct subject *));
	look->batch = tally_batch_new(self->ctx, &status_table);
	if (!look->subjects.items || !look->asked || !look->batch)
		return tally_fail(self->ctx, ENOMEM, "no memory for %u containers", look->list.n);
	return 0;
}

static void look_done(struct look *look)
{
	if (look->batch)
		tally_batch_drop(look->self->ctx, look->batch);
	free(look->subjects.items);
	free(look->asked);
	docker_list_done(&look->list);
}

static int look_at(struct look *look)
{
	int r = list(look);
	if (r == 0)
		r = look_init(look);
	if (r < 0)
		return r;
	choose(look);
	r = inspect(look);
	if (r < 0)
		return r;
	add_uninspected(look);
	add_gone(look);
	repeat_gone(look);
	return deliver(look);
}

int status_look(void *arg, enum docker_look what)
{
	struct docker_status *self = arg;
	struct look look = {.self = self, .what = self->named.many ? DOCKER_LOOK_ANEW : what};
	if (look.what == DOCKER_LOOK_NAMED && self->named.n == 0)
		return 0;
	int r = look_at(&look);
	bool is_news = look.is_news || look.first_gone < look.end_gone;
	look_done(&look);
	if (r == 0 && (is_news || look.what != DOCKER_LOOK_NAMED))
		status_memory_save(self);
	return r;
}
