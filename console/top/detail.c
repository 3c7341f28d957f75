/*
 * Two requests: the series, asked for again every ten seconds, and a stream of lines that begins
 * with the last ones.  Called by top.c between two looks at the keyboard.
 */
#include "top/detail.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_reader.h"

static const int64_t series_every = 10 * CLOCK_SECOND;
enum { DETAIL_TAIL = 200 };

static const struct {
	const char *name, *from;
} ranges[DETAIL_RANGES] = {{"15 min", "now-15m"},
			   {"1 h", "now-1h"},
			   {"6 h", "now-6h"},
			   {"24 h", "now-24h"},
			   {"7 d", "now-7d"}};

const char *detail_range_name(int range)
{
	return ranges[range].name;
}

struct detail *detail_create(struct client *client, const char *host, const char *id)
{
	struct detail *detail = calloc(1, sizeof(*detail));
	if (!detail)
		return NULL;
	*detail = (struct detail){.client = client,
				  .host = strdup(host),
				  .id = strdup(id),
				  .range = 1,
				  .points = 120,
				  .backoff = {.first = CLOCK_SECOND, .most = 30 * CLOCK_SECOND},
				  .changed = true};
	if (detail->host && detail->id)
		return detail;
	detail_destroy(detail);
	return NULL;
}

void detail_destroy(struct detail *detail)
{
	if (!detail)
		return;
	client_cancel(detail->client, detail->series);
	client_cancel(detail->client, detail->lines);
	backlog_done(&detail->log);
	sse_done(&detail->sse);
	free(detail->host);
	free(detail->id);
	free(detail);
}

void detail_zoom(struct detail *detail, int step)
{
	int range = detail->range + step;
	if (range < 0 || range >= DETAIL_RANGES)
		return;
	detail->range = range;
	client_cancel(detail->client, detail->series);
	detail->series = NULL;
	detail->series_at = 0;
	detail->changed = true;
}

/* ---- Readings -------------------------------------------------------------------- */

static void detail_points(struct json_reader *json, double *values, size_t *n)
{
	char number[64];
	*n = 0;
	json_enter_array(json);
	while (json_next_item(json)) {
		struct json_text raw;
		bool known = json_peek(json) == JSON_NEXT_NUMBER;
		if (!json_read_raw(json, &raw) || *n == DETAIL_POINTS)
			continue;
		known &= raw.len < sizeof(number);
		if (known) {
			memcpy(number, raw.at, raw.len);
			number[raw.len] = '\0';
		}
		values[(*n)++] = known ? strtod(number, NULL) : NAN;
	}
}

static void detail_series_done(void *arg, const struct answer *answer)
{
	static const char *const names[DETAIL_SERIES] = {"cpu_percent", "mem_used_bytes",
							 "net_rx_bytes", "net_tx_bytes"};
	struct detail *detail = arg;
	struct json_reader json;
	struct json_text key;
	detail->series = NULL;
	detail->series_at = clock_monotonic() + series_every;
	detail->changed = true;
	snprintf(detail->problem, sizeof(detail->problem), "%s",
		 answer->problem ? answer->problem : "");
	if (answer->problem)
		return;
	json_reader_init(&json, answer->body, answer->len);
	json_enter_object(&json);
	while (json_next_key(&json, &key)) {
		size_t i = 0;
		while (i < DETAIL_SERIES && !json_text_is(&key, names[i]))
			i++;
		if (i < DETAIL_SERIES && json_peek(&json) == JSON_NEXT_ARRAY)
			detail_points(&json, detail->values[i], &detail->n[i]);
		else
			json_skip(&json);
	}
	detail->loaded = true;
}

static void detail_ask(struct detail *detail)
{
	struct strbuf path = {0};
	size_t points = detail->points < DETAIL_POINTS ? detail->points : DETAIL_POINTS - 1;
	strbuf_add(&path, "/api/v1/containers/");
	client_escape(&path, detail->id);
	strbuf_add(&path,
		   "/stats?fields=cpu_percent,mem_used_bytes,net_rx_bytes,net_tx_bytes&from=%s"
		   "&points=%zu&times=s",
		   ranges[detail->range].from, points > 10 ? points : 10);
	client_parameter(&path, "host", detail->host);
	if (!path.failed)
		detail->series =
			client_begin(detail->client, path.data, NULL, detail_series_done, detail);
	if (!detail->series)
		detail->series_at = clock_monotonic() + CLOCK_SECOND;
	strbuf_done(&path);
}

/* ---- Lines ------------------------------------------------------------------------ */

static void detail_event(void *arg, const struct sse_event *event)
{
	struct detail *detail = arg;
	backoff_reset(&detail->backoff);
	detail->log_problem[0] = '\0';
	detail->changed = true;
	if (!*event->name)
		backlog_row(&detail->log, event->data, event->len);
}

static void detail_bytes(void *arg, const char *data, size_t len)
{
	struct detail *detail = arg;
	sse_feed(&detail->sse, data, len, detail_event, detail);
}

static void detail_lines_ended(void *arg, const struct answer *answer)
{
	struct detail *detail = arg;
	detail->lines = NULL;
	detail->lines_at = clock_monotonic() + backoff_next(&detail->backoff);
	detail->no_log = answer->status >= 400 && answer->status < 500 && answer->status != 429;
	snprintf(detail->log_problem, sizeof(detail->log_problem), "%s", answer->problem);
	detail->changed = true;
}

static void detail_follow(struct detail *detail)
{
	struct strbuf path = {0};
	strbuf_add(&path, "/api/v1/stream/logs?");
	if (*detail->sse.id) {
		strbuf_add(&path, "last_event_id=");
		client_escape(&path, detail->sse.id);
	} else {
		strbuf_add(&path, "tail=%d", DETAIL_TAIL);
	}
	client_parameter(&path, "container", detail->id);
	client_parameter(&path, "host", detail->host);
	sse_restart(&detail->sse);
	if (!path.failed)
		detail->lines = client_begin(detail->client, path.data, detail_bytes,
					     detail_lines_ended, detail);
	if (!detail->lines)
		detail->lines_at = clock_monotonic() + CLOCK_SECOND;
	strbuf_done(&path);
}

void detail_tick(struct detail *detail)
{
	int64_t now = clock_monotonic();
	if (!detail->series && now >= detail->series_at)
		detail_ask(detail);
	if (!detail->lines && !detail->no_log && now >= detail->lines_at)
		detail_follow(detail);
}
