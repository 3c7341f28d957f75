/*
 * Called by top.c between two looks at the keyboard.  Four requests, each with its time; those that
 * are under way are not begun again.
 *
 * The age of readings is the server's own (/readyz), since our clock may be another; a reading that
 * arrives by the stream is new.
 */
#include "top/feed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_reader.h"
#include "api/row.h"
#include "terminal/text.h"

static const int64_t list_every = 10 * CLOCK_SECOND;
static const int64_t poll_every = 2 * CLOCK_SECOND; /* where there is no stream */
static const int64_t list_settle = 400 * CLOCK_MS;  /* until a change is in the store */
static const int64_t trends_every = 30 * CLOCK_SECOND;
static const int64_t ready_every = 5 * CLOCK_SECOND;
enum { FEED_TRENDS_AT_ONCE = 60 };

void feed_begin(struct feed *feed, struct client *client)
{
	*feed = (struct feed){.client = client,
			      .backoff = {.first = CLOCK_SECOND, .most = 30 * CLOCK_SECOND},
			      .age = NAN};
}

void feed_done(struct feed *feed)
{
	client_cancel(feed->client, feed->list);
	client_cancel(feed->client, feed->stream);
	client_cancel(feed->client, feed->trends);
	client_cancel(feed->client, feed->ready);
	strbuf_done(&feed->cursor);
	sse_done(&feed->sse);
	model_done(&feed->model);
}

static int64_t feed_in(int64_t ns)
{
	return clock_monotonic() + ns;
}

void feed_again(struct feed *feed)
{
	feed->list_at = feed->stream_at = feed->ready_at = 0;
	if (feed->trends_at > feed_in(CLOCK_SECOND))
		feed->trends_at = feed_in(CLOCK_SECOND);
}

/* ---- The list -------------------------------------------------------------------- */

static void feed_row(void *arg, char *json, size_t len)
{
	struct feed *feed = arg;
	model_list_row(&feed->model, json, len);
}

static void feed_failed(struct feed *feed, long status, const char *problem)
{
	snprintf(feed->problem, sizeof(feed->problem), "%s", problem);
	feed->problem_status = status;
	strbuf_clear(&feed->cursor);
	feed->list_at = feed_in(backoff_next(&feed->backoff));
	feed->changed = true;
}

static void feed_listed(void *arg, const struct answer *answer)
{
	struct feed *feed = arg;
	feed->list = NULL;
	if (answer->problem) {
		feed_failed(feed, answer->status, answer->problem);
		return;
	}
	if (!row_list(answer->body, answer->len, feed_row, feed, &feed->cursor)) {
		feed_failed(feed, answer->status, "the API's list of containers is damaged");
		return;
	}
	if (feed->cursor.len && !feed->model.cut)
		return; /* the next page is due at once */
	strbuf_clear(&feed->cursor);
	if (!feed->model.loaded)
		feed->trends_at = 0;
	model_list_end(&feed->model);
	backoff_reset(&feed->backoff);
	if (*feed->problem)
		feed_again(feed); /* it is back: so is the stream, perhaps */
	feed->problem[0] = '\0';
	feed->list_at = feed_in(feed->polls ? poll_every : list_every);
	feed->changed = true;
}

static void feed_list(struct feed *feed)
{
	struct strbuf path = {0};
	strbuf_add(&path, "/api/v1/containers?limit=1000");
	if (feed->cursor.len)
		client_parameter(&path, "cursor", feed->cursor.data);
	else
		model_list_begin(&feed->model);
	if (!path.failed)
		feed->list = client_begin(feed->client, path.data, NULL, feed_listed, feed);
	if (!feed->list)
		feed->list_at = feed_in(CLOCK_SECOND);
	strbuf_done(&path);
}

/* ---- The stream -------------------------------------------------------------------- */

static void feed_event(void *arg, const struct sse_event *event)
{
	struct feed *feed = arg;
	if (strcmp(event->name, "containers") == 0) {
		int64_t soon = feed_in(list_settle);
		if (feed->list_at > soon)
			feed->list_at = soon;
	} else if (strcmp(event->name, "stats") == 0) {
		int64_t newest = feed->model.newest;
		feed->changed |= model_reading(&feed->model, event->data, event->len);
		if (feed->model.newest > newest) {
			feed->age = 0;
			feed->aged_at = clock_monotonic();
		}
	}
}

static void feed_bytes(void *arg, const char *data, size_t len)
{
	struct feed *feed = arg;
	sse_feed(&feed->sse, data, len, feed_event, feed);
}

static void feed_stream_ended(void *arg, const struct answer *answer)
{
	struct feed *feed = arg;
	feed->stream = NULL;
	bool refused = answer->status >= 400 && answer->status < 500 && answer->status != 429;
	feed->polls |= refused;
	feed->stream_at = feed_in(refused ? CLOCK_HOUR : 2 * CLOCK_SECOND);
	if (refused)
		feed->list_at = 0;
}

static void feed_stream(struct feed *feed)
{
	sse_restart(&feed->sse);
	feed->stream = client_begin(
		feed->client,
		"/api/v1/stream?topics=stats,containers&fields=cpu_percent,mem_used_bytes,"
		"net_rx_bytes,net_tx_bytes,blk_read_bytes,blk_write_bytes,pids",
		feed_bytes, feed_stream_ended, feed);
	if (!feed->stream)
		feed->stream_at = feed_in(CLOCK_SECOND);
}

/* ---- Trends, some containers of one host at a time ------------------------------------- */

static void feed_trended(void *arg, const struct answer *answer)
{
	struct feed *feed = arg;
	feed->trends = NULL;
	/* A sparkline that is missing says enough; the list tells of errors. */
	if (answer->problem)
		return;
	model_trends(&feed->model, answer->body, answer->len);
	feed->changed = true;
}

static void feed_next_trends(struct feed *feed)
{
	struct strbuf path = {0};
	const char *host = NULL;
	unsigned n = 0;
	strbuf_add(&path,
		   "/api/v1/stats?from=now-1h&points=%d&fields=cpu_percent,net_rx_bytes,"
		   "net_tx_bytes,blk_read_bytes,blk_write_bytes",
		   MODEL_TRENDS - 1);
	for (size_t i = 0; i < feed->model.n && n < FEED_TRENDS_AT_ONCE; i++) {
		struct container *container = feed->model.containers[i];
		if (container->trended || !container->now.time ||
		    (host && !container_is(container, MODEL_HOST, host)))
			continue;
		if (!host) {
			host = container->texts[MODEL_HOST];
			client_parameter(&path, "host", host);
			strbuf_add(&path, "&ids=");
		}
		strbuf_add(&path, "%s", n++ ? "," : "");
		client_escape(&path, container->texts[MODEL_ID]);
		container->trended = true;
	}
	if (n > 0 && !path.failed)
		feed->trends = client_begin(feed->client, path.data, NULL, feed_trended, feed);
	strbuf_done(&path);
	if (feed->trends)
		return;
	for (size_t i = 0; i < feed->model.n; i++)
		feed->model.containers[i]->trended = false;
	feed->trends_at = feed_in(trends_every);
}

/* ---- Is it well? ------------------------------------------------------------------------- */

static void feed_readied(void *arg, const struct answer *answer)
{
	struct feed *feed = arg;
	struct json_reader json;
	struct json_text key, text = {0}, age = {0};
	char number[40] = "";
	feed->ready = NULL;
	feed->ready_at = feed_in(ready_every);
	feed->unready[0] = '\0';
	feed->no_health |= answer->status == 401 || answer->status == 403;
	if (answer->status != 200 && answer->status != 503)
		return;
	json_reader_init(&json, answer->body, answer->len);
	json_enter_object(&json);
	while (json_next_key(&json, &key)) {
		if (json_text_is(&key, "detail"))
			json_read_text(&json, &text);
		else if (json_text_is(&key, "age_seconds") && json_peek(&json) == JSON_NEXT_NUMBER)
			json_read_raw(&json, &age);
		else
			json_skip(&json);
	}
	if (json.problem)
		return;
	if (answer->status == 503 && text.at) {
		struct strbuf shown = {0};
		text_show(&shown, text.at, text.len, 200);
		snprintf(feed->unready, sizeof(feed->unready), "%s", shown.data ? shown.data : "");
		strbuf_done(&shown);
	}
	if (age.at && age.len < sizeof(number)) {
		memcpy(number, age.at, age.len);
		feed->age = strtod(number, NULL);
		feed->aged_at = clock_monotonic();
	}
	feed->changed = true;
}

double feed_age(const struct feed *feed)
{
	if (!isnan(feed->age))
		return feed->age + (double)(clock_monotonic() - feed->aged_at) / CLOCK_SECOND;
	if (!feed->model.newest)
		return NAN;
	return (double)(clock_now() - feed->model.newest) / CLOCK_SECOND;
}

/* ---- All of it ---------------------------------------------------------------------------- */

void feed_tick(struct feed *feed)
{
	int64_t now = clock_monotonic();
	if (!feed->list && (feed->cursor.len || now >= feed->list_at))
		feed_list(feed);
	if (!feed->model.loaded)
		return;
	if (!feed->stream && !feed->polls && now >= feed->stream_at)
		feed_stream(feed);
	if (!feed->ready && !feed->no_health && now >= feed->ready_at)
		feed->ready = client_begin(feed->client, "/readyz", NULL, feed_readied, feed);
	if (!feed->trends && now >= feed->trends_at)
		feed_next_trends(feed);
}
