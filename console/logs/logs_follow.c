/*
 * The past, then what comes: one stream that begins with tail= or since=, so that no line is lost
 * or doubled between the two.  A stream that ends is opened again after its last event, after a
 * growing pause; each outage is told once, on stderr.  The first attempt must succeed, since an
 * address may simply be wrong.
 *
 * Of a project, another stream tells of containers that start.  Those that are new get a stream of
 * lines of their own, with all that they have said since we began; it is closed when they are gone.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "console.h"
#include "logs/logs.h"
#include "api/sse.h"
#include "terminal/text.h"

enum { FOLLOW_TAIL = 100, FOLLOW_MOST = 10000, FOLLOW_STREAMS = 24 };

static const int64_t follow_settle = CLOCK_SECOND / 2; /* until a start is in the store */

struct follow;

/* Lines of some containers. */
struct follow_lines {
	struct follow *follow;
	struct strbuf parameters;
	struct request *request;
	struct sse sse;
	struct backoff backoff;
	int64_t again; /* monotonic: when to open it; 0: it is open */
	bool used;     /* this place of the list */
	bool reached;  /* it has been open once */
};

struct follow {
	struct client *client;
	const struct logs_options *options;
	struct logs_source *source;
	struct logs_printer *printer;
	struct follow_lines lines[FOLLOW_STREAMS]; /* the first is what was asked for */
	struct request *starts;
	struct sse starts_sse;
	int64_t begun; /* monotonic */
	int64_t starts_again;
	int64_t look_at; /* when to look for new containers; 0: no need */
	bool failed;     /* it is hopeless */
	bool told;       /* of this outage */
	bool full;       /* some that joined are not followed, which was told */
};

/* ---- Lines -------------------------------------------------------------------------- */

static void follow_lagged(const struct follow *follow, const char *data)
{
	const char *colon = strchr(data, ':');
	long missed = colon ? strtol(colon + 1, NULL, 10) : 0;
	logs_flush(follow->printer);
	if (missed > 0)
		fprintf(stderr, "tallyd: %ld lines are not shown here: too many at once\n", missed);
	else
		fprintf(stderr, "tallyd: some lines may be missing here\n");
}

static void lines_event(void *arg, const struct sse_event *event)
{
	struct follow_lines *lines = arg;
	struct follow *follow = lines->follow;
	lines->reached = true;
	backoff_reset(&lines->backoff);
	if (follow->told) {
		fprintf(stderr, "tallyd: the stream goes on\n");
		follow->told = false;
	}
	if (strcmp(event->name, "lagged") == 0)
		follow_lagged(follow, event->data);
	else if (!*event->name)
		logs_print(follow->printer, event->data, event->len);
}

static void lines_bytes(void *arg, const char *data, size_t len)
{
	struct follow_lines *lines = arg;
	sse_feed(&lines->sse, data, len, lines_event, lines);
}

static void lines_tell(struct follow_lines *lines, const char *problem)
{
	struct follow *follow = lines->follow;
	struct strbuf why = {0};
	strbuf_add(&why, "%s", problem);
	if (*lines->sse.comment) {
		strbuf_add(&why, ": ");
		text_show(&why, lines->sse.comment, strlen(lines->sse.comment), 300);
	}
	if (!follow->told)
		fprintf(stderr, "tallyd: %s%s\n", why.data ? why.data : "the stream ended",
			follow->failed ? "" : "; it is opened again");
	follow->told = true;
	strbuf_done(&why);
}

static void lines_ended(void *arg, const struct answer *answer)
{
	struct follow_lines *lines = arg;
	struct follow *follow = lines->follow;
	bool refused = answer->status >= 400 && answer->status < 500 && answer->status != 429;
	lines->request = NULL;
	lines->again = clock_monotonic() + backoff_next(&lines->backoff);
	follow->failed |=
		refused || (!lines->reached && lines == follow->lines && answer->status != 200);
	lines_tell(lines, answer->problem);
}

/* Where the stream begins. */
static void lines_begin_at(const struct follow_lines *lines, struct strbuf *path)
{
	const struct follow *follow = lines->follow;
	const struct logs_options *options = follow->options;
	long tail = options->tail >= 0 || options->since ? options->tail : FOLLOW_TAIL;
	if (*lines->sse.id) {
		strbuf_add(path, "last_event_id=");
		client_escape(path, lines->sse.id);
	} else if (lines->reached || lines != follow->lines) {
		/* Nothing was there then, so nothing comes twice. */
		strbuf_add(path, "since=now-%" PRId64 "s",
			   (clock_monotonic() - follow->begun) / CLOCK_SECOND + 1);
	} else {
		strbuf_add(path, "tail=%ld", tail >= 0 ? tail : FOLLOW_MOST);
		if (options->since)
			client_time(path, "since", options->since);
	}
}

static void lines_begin(struct follow_lines *lines)
{
	struct follow *follow = lines->follow;
	struct strbuf path = {0};
	strbuf_add(&path, "/api/v1/stream/logs?");
	lines_begin_at(lines, &path);
	logs_filters(&path, follow->options);
	strbuf_bytes(&path, lines->parameters.data ? lines->parameters.data : "",
		     lines->parameters.len);
	sse_restart(&lines->sse);
	if (!path.failed)
		lines->request =
			client_begin(follow->client, path.data, lines_bytes, lines_ended, lines);
	lines->again = lines->request ? 0 : clock_monotonic() + CLOCK_SECOND;
	strbuf_done(&path);
}

/* NULL: there is no place left. */
static struct follow_lines *follow_add(struct follow *follow, const char *parameters, size_t len)
{
	for (int i = 0; i < FOLLOW_STREAMS; i++) {
		struct follow_lines *lines = &follow->lines[i];
		if (lines->used)
			continue;
		*lines = (struct follow_lines){
			.follow = follow,
			.backoff = {.first = CLOCK_SECOND / 2, .most = 30 * CLOCK_SECOND},
			.again = 1,
			.used = true};
		strbuf_bytes(&lines->parameters, parameters, len);
		return lines;
	}
	return NULL;
}

static void lines_end(struct follow_lines *lines)
{
	client_cancel(lines->follow->client, lines->request);
	strbuf_done(&lines->parameters);
	sse_done(&lines->sse);
	lines->request = NULL;
	lines->used = false;
}

/* ---- Containers that start -------------------------------------------------------------- */

static void follow_start(void *arg, const struct sse_event *event)
{
	struct follow *follow = arg;
	(void)event;
	follow->look_at = clock_monotonic() + follow_settle;
}

static void follow_starts_bytes(void *arg, const char *data, size_t len)
{
	struct follow *follow = arg;
	sse_feed(&follow->starts_sse, data, len, follow_start, follow);
}

static void follow_starts_ended(void *arg, const struct answer *answer)
{
	struct follow *follow = arg;
	(void)answer;
	follow->starts = NULL;
	follow->starts_again = clock_monotonic() + 5 * CLOCK_SECOND;
}

static bool follow_has(const struct follow *follow, const char *parameter)
{
	for (int i = 0; i < FOLLOW_STREAMS; i++) {
		const struct follow_lines *lines = &follow->lines[i];
		if (lines->used && lines->parameters.data &&
		    strstr(lines->parameters.data, parameter))
			return true;
	}
	return false;
}

/* now: "&container=…&container=…". */
static void follow_changed(struct follow *follow, char *now)
{
	for (int i = 1; i < FOLLOW_STREAMS; i++) {
		struct follow_lines *lines = &follow->lines[i];
		if (lines->used && lines->parameters.data && !strstr(now, lines->parameters.data))
			lines_end(lines);
	}
	char *rest;
	for (const char *one = strtok_r(now, "&", &rest); one; one = strtok_r(NULL, "&", &rest)) {
		char parameter[200];
		int len = snprintf(parameter, sizeof(parameter), "&%s", one);
		if (len >= (int)sizeof(parameter) || follow_has(follow, parameter))
			continue;
		if (!follow_add(follow, parameter, (size_t)len) && !follow->full)
			fprintf(stderr, "tallyd: more containers have joined than can be followed; "
					"start again for all of them\n"),
				follow->full = true;
	}
}

static void follow_look(struct follow *follow)
{
	struct error error;
	struct logs_source now = {0};
	follow->look_at = 0;
	int r = logs_source_find(follow->client, follow->options, &now, &error);
	if (r == 0 && now.parameters.len)
		follow_changed(follow, now.parameters.data);
	logs_source_done(&now);
}

static void follow_project(struct follow *follow)
{
	int64_t now = clock_monotonic();
	if (!follow->source->grows)
		return;
	if (!follow->starts && now >= follow->starts_again) {
		sse_restart(&follow->starts_sse);
		follow->starts = client_begin(follow->client, "/api/v1/stream/events?action=start",
					      follow_starts_bytes, follow_starts_ended, follow);
		follow->look_at = now + follow_settle; /* for one that started before */
	}
	if (follow->look_at && now >= follow->look_at)
		follow_look(follow);
}

/* ---- Until somebody ends it ---------------------------------------------------------------- */

/* A reader that went away while there is nothing to write. */
static bool follow_is_unread(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};
	return poll(&out, 1, 0) == 1 && out.revents & POLLERR;
}

static void follow_begin_due(struct follow *follow)
{
	for (int i = 0; i < FOLLOW_STREAMS; i++) {
		struct follow_lines *lines = &follow->lines[i];
		if (lines->used && !lines->request && clock_monotonic() >= lines->again)
			lines_begin(lines);
	}
}

int logs_follow(struct client *client, const struct logs_options *options,
		struct logs_source *source, struct logs_printer *printer)
{
	struct follow *follow = calloc(1, sizeof(*follow));
	if (!follow)
		return CONSOLE_FAILED;
	*follow = (struct follow){.client = client,
				  .options = options,
				  .source = source,
				  .printer = printer,
				  .begun = clock_monotonic()};
	const struct strbuf *asked = &source->parameters;
	follow_add(follow, asked->data ? asked->data : "", asked->len);
	bool writes = true;
	while (!follow->failed && writes && !follow_is_unread()) {
		follow_begin_due(follow);
		follow_project(follow);
		client_wait(client, -1, 250);
		writes = logs_flush(printer);
	}
	bool well = !follow->failed && (writes || logs_closed(printer));
	for (int i = 0; i < FOLLOW_STREAMS; i++)
		if (follow->lines[i].used)
			lines_end(&follow->lines[i]);
	client_cancel(client, follow->starts);
	sse_done(&follow->starts_sse);
	free(follow);
	return well ? CONSOLE_OK : CONSOLE_FAILED;
}
