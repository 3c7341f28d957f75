/*
 * The event stream: opening, lines, repeats, back-off.  Called by docker_follow.c and
 * stats_sources.c on the instance's thread; libcurl's callbacks run inside docker_events_act() on
 * the same thread.
 *
 * Happy path: docker_events_act() opens the stream, bytes become lines, lines become events, each
 * is handed over once.  What can fail: the connection, a refusal, an engine that accepts the
 * connection and does not answer (as a stopped dockerd: the kernel completes the handshake for it),
 * or a line that is not an event.  The stream is closed and reopened after a pause; the line is
 * skipped.
 *
 * A reconnect requests the second before the last event again, since `since` is inclusive and two
 * events may have the same time; `seen` drops what was handed over already.
 */
#include "docker/docker_events.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/hash.h"
#include "docker/docker_list.h"
#include "docker/docker_stream.h"
#include "base/json_trim.h"

static const int64_t back_off_first = 500 * CLOCK_MS, back_off_last = 30 * CLOCK_SECOND;

enum {
	EVENTS_SEEN = 512,        /* an engine keeps 256 events, and can repeat no more */
	EVENTS_LINE_FIRST = 4096, /* most fit */
};

/* Recent events, to recognize repeats. */
struct seen_event {
	int64_t time;
	uint64_t name; /* a hash of action and id */
};

struct docker_events {
	struct docker_events_setup setup;
	struct docker_target target;
	struct docker_streams *streams;
	struct docker_stream *stream; /* NULL: closed */
	bool open;                    /* the engine has answered with a 200 */
	unsigned outcome;
	int64_t opened, deadline; /* monotonic ns; deadline: of the answer */
	int64_t retry;            /* when closed: not before */
	struct backoff backoff;
	int64_t last; /* time of the last event; 0: none yet */
	struct seen_event seen[EVENTS_SEEN];
	uint32_t n_seen; /* ever added; a ring */
	char *line;
	size_t len, size;
	struct json_trim trim; /* of the line */
	bool too_long;         /* the line; skip to its end */
	char reason[DOCKER_ENDPOINT_SIZE + FETCH_REASON_SIZE];
};

bool docker_events_is_open(const struct docker_events *events)
{
	return events->open;
}

const char *docker_events_reason(const struct docker_events *events)
{
	return events->reason;
}

/* ---- Events ---- */

/* O(EVENTS_SEEN) for each event: 512 comparisons of integers, next to parsing its JSON, are
 * nothing, and a ring keeps itself bounded where a hash table would have to forget. */
static bool is_repeated(struct docker_events *events, const struct docker_event *event)
{
	uint64_t name = hash_text(0, event->action);
	name = hash_text(name, event->detail);
	name = hash_text(name, event->id);
	for (uint32_t i = 0; i < EVENTS_SEEN && i < events->n_seen; i++)
		if (events->seen[i].time == event->time && events->seen[i].name == name)
			return true;
	events->seen[events->n_seen++ % EVENTS_SEEN] = (struct seen_event){event->time, name};
	return false;
}

static void handle_line(struct docker_events *events)
{
	struct tally_ctx *ctx = events->setup.ctx;
	const char *endpoint = docker_endpoint(events->setup.docker);
	struct docker_event event;
	size_t offset = 0;
	char too_long[48];
	const char *problem = docker_event_parse(events->line, events->len, &event, &offset);
	if (events->too_long) {
		snprintf(too_long, sizeof(too_long), "longer than %d bytes", DOCKER_EVENTS_LINE);
		problem = too_long;
	}
	if (problem) {
		/* The id is known if the parser came that far. */
		const struct json_text id = {event.id, strlen(event.id)};
		bool known = docker_is_id(&id);
		tally_log(ctx, TALLY_WARNING, "%s: skipped an event%s%.12s: %s", endpoint,
			  known ? " of " : "", known ? event.id : "", problem);
		return;
	}
	/* Some engines do not filter.  Each health check makes three exec_* events, and they carry
	 * command lines, which may hold secrets: they are dropped here at the latest. */
	if (strncmp(event.action, "exec_", 5) == 0 || is_repeated(events, &event))
		return;
	/* Columns are made of kept_attributes, so this is worth a counter and not a warning. */
	uint32_t n = events->trim.cut + events->trim.dropped;
	if (n > 0) {
		tally_count(ctx, DOCKER_METRIC_TEXTS_CUT, n);
		tally_log(ctx, TALLY_DEBUG, "%s: %s of %.12s: %u long texts were cut or left out",
			  endpoint, event.action, event.id, n);
	}
	events->last = event.time;
	events->outcome |= DOCKER_EVENTS_SOME;
	events->setup.event(events->setup.arg, &event);
}

/* ---- Lines ---- */

static bool line_reserve(struct docker_events *events, size_t wanted)
{
	size_t size = events->size ? events->size : EVENTS_LINE_FIRST;
	while (size < wanted)
		size *= 2;
	if (size == events->size)
		return true;
	char *grown = realloc(events->line, size);
	if (!grown)
		return false;
	events->line = grown;
	events->size = size;
	return true;
}

/* The attributes include all labels of the container, which may be huge.  These attributes are kept
 * whole when the line is trimmed, because columns or decisions depend on them. */
static const char *const kept_attributes[] = {
	"name",    "image",        "exitCode",          "signal",
	"oldName", "execDuration", "containerExitCode", "health_status",
	NULL};

static void line_begin(struct docker_events *events)
{
	events->len = 0;
	events->too_long = false;
	json_trim_init(&events->trim, kept_attributes);
}

static bool on_data(void *arg, char *data, size_t len)
{
	struct docker_events *events = arg;
	while (len > 0) {
		const char *end = memchr(data, '\n', len);
		size_t part = end ? (size_t)(end - data) : len;
		if (!events->too_long && line_reserve(events, events->len + part)) {
			json_trim_feed(&events->trim, events->line, &events->len, data, part);
			events->too_long = events->len > DOCKER_EVENTS_LINE;
		} else {
			events->too_long = true;
		}
		if (end) {
			/* Events are NDJSON; between them there may be a bare line end. */
			bool blank =
				events->len == 0 || (events->len == 1 && events->line[0] == '\r');
			if (events->too_long || !blank)
				handle_line(events);
			line_begin(events);
		}
		part += end != NULL;
		data += part;
		len -= part;
	}
	return true;
}

static void on_opened(void *arg)
{
	struct docker_events *events = arg;
	events->open = true;
	events->opened = tally_monotonic(events->setup.ctx);
	events->outcome |= DOCKER_EVENTS_OPENED;
}

/* ---- Opening and ending ---- */

static void end(struct docker_events *events)
{
	int64_t now = tally_monotonic(events->setup.ctx);
	events->stream = NULL;
	/* One that lived long enough is a new failure, not the next of a row. */
	if (events->open && now - events->opened > back_off_last)
		backoff_reset(&events->backoff);
	events->retry = now + backoff_next(&events->backoff);
	events->open = false;
	events->outcome |= DOCKER_EVENTS_LOST;
	line_begin(events);
}

static void explain(struct docker_events *events, const char *what)
{
	snprintf(events->reason, sizeof(events->reason), "%s: events: %s",
		 docker_endpoint(events->setup.docker), what);
}

static void on_ended(void *arg, const struct fetch_answer *ended)
{
	struct docker_events *events = arg;
	char reason[FETCH_REASON_SIZE] = "the stream ended";
	if (ended->error || ended->status != 200)
		docker_explain(ended, reason);
	explain(events, reason);
	end(events);
}

static const struct stream_calls event_calls = {
	.opened = on_opened, .data = on_data, .ended = on_ended};

static void write_path(const struct docker_events *events, char ret[FETCH_PATH_SIZE])
{
	/* SECONDS.NNNNNNNNN, which every engine understands, exact to the nanosecond. */
	int64_t since = events->last > 0 ? events->last - CLOCK_SECOND : events->setup.since;
	int len = snprintf(ret, FETCH_PATH_SIZE, "/events?");
	if (since > 0)
		len += snprintf(ret + len, (size_t)(FETCH_PATH_SIZE - len),
				"since=%" PRId64 ".%09" PRId64 "&", since / CLOCK_SECOND,
				since % CLOCK_SECOND);
	len += snprintf(ret + len, (size_t)(FETCH_PATH_SIZE - len), "filters=");
	/* Percent-encoding of what JSON needs only: curl_easy_escape() would encode commas and
	 * colons as well, at three bytes each of a path that FETCH_PATH_SIZE bounds. */
	for (const char *c = events->setup.filters; *c && len + 4 < FETCH_PATH_SIZE; c++)
		len += snprintf(ret + len, (size_t)(FETCH_PATH_SIZE - len),
				strchr("{}[]\" ", *c) ? "%%%02X" : "%c", *c);
}

/* -ECANCELED. */
static int open_stream(struct docker_events *events)
{
	char path[FETCH_PATH_SIZE];
	const struct stream_request request = {DOCKER_EVENTS, path, &event_calls, events};
	int r = docker_connect(events->setup.docker);
	if (r == -ECANCELED)
		return r;
	if (r < 0) {
		snprintf(events->reason, sizeof(events->reason), "%s",
			 tally_reason(events->setup.ctx));
		end(events);
		return 0;
	}
	write_path(events, path);
	events->deadline = tally_monotonic(events->setup.ctx) + events->target.timeout;
	if (streams_open(events->streams, &request, &events->stream) < 0) {
		explain(events, "no memory");
		end(events);
	}
	return 0;
}

/* ---- Waiting ---- */

int docker_events_fd(const struct docker_events *events)
{
	return streams_fd(events->streams);
}

int64_t docker_events_due(const struct docker_events *events)
{
	if (!events->stream)
		return events->retry;
	int64_t due = streams_due(events->streams);
	if (due < 0)
		due = INT64_MAX;
	return !events->open && events->deadline < due ? events->deadline : due;
}

int docker_events_act(struct docker_events *events, unsigned *ret_outcome)
{
	static const struct fetch_answer late = {.error = ETIMEDOUT};
	int r = 0;
	events->outcome = 0;
	if (!events->stream && tally_monotonic(events->setup.ctx) >= events->retry)
		r = open_stream(events);
	if (r == 0)
		streams_act(events->streams);
	/* The engine took the request and does not answer: a dockerd that is stopped by SIGSTOP, or
	 * stuck.  An open stream may be silent for hours, so only opening has a deadline. */
	if (events->stream && !events->open &&
	    tally_monotonic(events->setup.ctx) >= events->deadline) {
		streams_close(events->streams, events->stream);
		docker_count(events->setup.docker, DOCKER_EVENTS, &late);
		explain(events, "no answer in time: is dockerd hanging?");
		end(events);
	}
	*ret_outcome = events->outcome;
	return r;
}

/* ---- Creating and destroying ---- */

void docker_events_destroy(struct docker_events *events)
{
	if (!events)
		return;
	streams_destroy(events->streams);
	free(events->line);
	free(events);
}

int docker_events_create(const struct docker_events_setup *setup, struct docker_events **ret)
{
	struct docker_events *events = calloc(1, sizeof(*events));
	if (!events)
		return -ENOMEM;
	events->setup = *setup;
	events->backoff = (struct backoff){.first = back_off_first, .most = back_off_last};
	line_begin(events);
	docker_target(setup->docker, &events->target);
	int r = streams_create(setup->docker, &events->streams);
	if (r < 0) {
		docker_events_destroy(events);
		return r;
	}
	*ret = events;
	return 0;
}
