/*
 * /api/v1/stream and /api/v1/stream/…: what containers use, print and go through, as it comes.  On
 * a worker's thread, since rows of the store may come first (sse_history.c); what follows is the
 * HTTP thread's (sse_client.c).
 *
 *	topics, filters → places in the ring buffers → the past → the response takes the client over
 *
 * A client counts against max_streams from live_enter() on; whatever fails after that frees it, and
 * gives the place back.  A 503 is sent as a stream that ends (sse_client_refuse()).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "live/sse_client.h"
#include "live/sse_event.h"
#include "message/time_expr.h"
#include "query/catalog_cache.h"
#include "query/fields.h"
#include "routes/endpoint.h"
#include "routes/list_endpoint.h"

static const char streams_retry[] = "retry: 2000\n\n"; /* ms until a client comes back */

static const struct list_filter stats_filters[] = {
	{"host", "host", TALLY_EQUALS},
	{"name", "name", TALLY_GLOB},
	{.param = NULL},
};
static const struct list stats_of_containers = {"container_stats", stats_filters};

/* Changes of containers are told by the rows of their events. */
static const struct sse_topic_kind kinds[] = {
	{"stats", 'S', LIVE_STATS, &stats_of_containers, HTTP_STATS, false},
	{"logs", 'L', LIVE_LOGS, &logs_of_containers, HTTP_LOGS, true},
	{"events", 'E', LIVE_EVENTS, &events_of_containers, HTTP_EVENTS, true},
	{"containers", 'C', LIVE_EVENTS, &events_of_containers, HTTP_CONTAINERS, false},
};
enum { KIND_STATS, KIND_LOGS, KIND_EVENTS, KIND_CONTAINERS, KINDS };
_Static_assert((int)KINDS == (int)SSE_TOPICS, "a client may have each");

/* ---- Topics -------------------------------------------------------------- */

static void add_topic(struct sse_client *stream, const struct sse_topic_kind *kind)
{
	struct sse_topic *topic = &stream->topics[stream->n_topics++];
	topic->client = stream;
	topic->is = kind;
	topic->ring = live_ring(stream->live, kind->kind);
}

static const struct sse_topic_kind *find_kind(const char *name, size_t len)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strlen(kinds[i].name) == len && memcmp(kinds[i].name, name, len) == 0)
			return &kinds[i];
	return NULL;
}

static int refuse_topic(struct context *context, const char *param, const char *name, size_t len)
{
	return response_problem(context->builder, 400, param,
				"\"%.*s\" is not a topic (stats, logs, events, containers)",
				(int)len, name);
}

static bool has_topic(const struct sse_client *stream, const struct sse_topic_kind *kind)
{
	for (uint32_t i = 0; i < stream->n_topics; i++)
		if (stream->topics[i].is == kind)
			return true;
	return false;
}

static int add_named_topic(struct sse_client *stream, struct context *context, const char *name,
			   size_t len)
{
	const struct sse_topic_kind *kind = find_kind(name, len);
	if (!kind)
		return refuse_topic(context, "topics", name, len);
	if (!(context->scopes & 1U << kind->scope))
		return response_problem(context->builder, 403, "topics",
					"this token needs the scope \"%s\", or \"read\", for the "
					"topic %s",
					http_class_names[kind->scope], kind->name);
	if (!has_topic(stream, kind))
		add_topic(stream, kind);
	return 0;
}

static int read_topics(struct sse_client *stream, struct context *context)
{
	const char *at = target_param(context->target, "topics");
	int r = 0;
	while (r == 0) {
		size_t len = strcspn(at, ",");
		r = add_named_topic(stream, context, at, len);
		if (at[len] == '\0')
			break;
		at += len + 1;
	}
	return r;
}

static bool knows_filter(const struct sse_topic_kind *kind, const char *name)
{
	static const char *const everywhere[] = {"container", "service", "fields"};
	for (size_t i = 0; i < sizeof(everywhere) / sizeof(*everywhere); i++)
		if (strcmp(name, everywhere[i]) == 0)
			return true;
	for (const struct list_filter *filter = kind->list->filters; filter->param; filter++)
		if (strcmp(name, filter->param) == 0)
			return true;
	return false;
}

/* TOPIC.NAME=: the topic has to be one of the stream's, and to know such a filter, or it would be a
 * condition that nobody looks at. */
static int check_own_filters(const struct sse_client *stream, struct context *context)
{
	for (uint32_t i = 0; i < context->target->n_params; i++) {
		const char *name = context->target->params[i].name, *dot = strchr(name, '.');
		if (!dot)
			continue;
		size_t len = (size_t)(dot - name);
		const struct sse_topic_kind *kind = find_kind(name, len);
		if (!kind)
			return refuse_topic(context, name, name, len);
		if (!has_topic(stream, kind))
			return response_problem(context->builder, 400, name,
						"%s is not among the topics", kind->name);
		if (!knows_filter(kind, dot + 1))
			return response_problem(context->builder, 400, name,
						"the topic %s has no filter %s", kind->name,
						dot + 1);
	}
	return 0;
}

/* ---- What each shows ----------------------------------------------------- */

static const char *topic_name(const struct sse_topic *topic)
{
	return topic->client->multiplexed ? topic->is->name : NULL;
}

/* Of several topics fields= is for readings, as columns of the same name are in no other. */
static const struct param *find_fields(const struct sse_topic *topic, const struct context *context)
{
	const char *name = topic_name(topic);
	bool bare = !name || topic->is->kind == LIVE_STATS;
	const struct param *found = NULL;
	for (uint32_t i = 0; i < context->target->n_params; i++) {
		const struct param *param = &context->target->params[i];
		bool own = strcmp(param->name, "fields") != 0;
		if (list_filter_is(param->name, name, "fields") && (own || (bare && !found)))
			found = param;
	}
	return found;
}

/* fields=a,b,c */
static int read_fields(struct sse_topic *topic, struct context *context)
{
	const struct param *fields = find_fields(topic, context);
	const struct tally_table *table;
	if (!fields)
		return 0;
	int r = context_table(context, topic->is->list->table, &table);
	if (r < 0)
		return r;
	if (!table)
		return response_unavailable(context->builder, "the store has no %s yet",
					    topic->is->list->table);
	for (const char *at = fields->value; *at; at += *at == ',') {
		size_t len = strcspn(at, ",");
		auto_free char *name = strndup(at, len);
		if (!name)
			return response_unavailable(context->builder, "out of memory");
		if (!table_column(table, name))
			return fields_unknown(context, fields->name, table, name);
		at += len;
	}
	topic->fields = strdup(fields->value);
	return topic->fields ? 0 : response_unavailable(context->builder, "out of memory");
}

static int read_since(struct sse_client *stream, struct context *context)
{
	const char *text = target_param(context->target, "since");
	if (!text)
		return 0;
	if (time_expr_read(text, context->now, &stream->since) < 0)
		return response_problem(context->builder, 400, "since",
					"\"%s\" is not a time (try now-5m or RFC 3339)", text);
	int64_t days = context->config->max_query_range_days;
	if (context->now - stream->since > days * CLOCK_DAY)
		return response_problem(context->builder, 400, "since",
					"at most %lld days ago (max_query_range_days)",
					(long long)days);
	return 0;
}

/* ---- Where each begins --------------------------------------------------- */

/* Its part of the header, else of one of the parameters, in memory of its own. */
static char *find_id(const struct sse_topic *topic, const struct context *context)
{
	if (context->last_event_id)
		return event_id_part(context->last_event_id, topic->is->letter);
	for (uint32_t i = 0; i < context->target->n_params; i++) {
		const struct param *param = &context->target->params[i];
		char *id = strcmp(param->name, "last_event_id") == 0 && *param->value
				   ? event_id_part(param->value, topic->is->letter)
				   : NULL;
		if (id)
			return id;
	}
	return NULL;
}

/* An id of which no part is for the topic was not made here. */
static bool has_foreign_id(const struct sse_topic *topic, const struct context *context)
{
	return !topic->client->multiplexed &&
	       (context->last_event_id || target_param(context->target, "last_event_id"));
}

static int join(struct sse_topic *topic, struct context *context)
{
	auto_free char *id = find_id(topic, context);
	int r = service_members_find(&topic->row_filter.members, context,
				     live_ring(topic->client->live, LIVE_EVENTS));
	if (r < 0)
		return r;
	if (!id && has_foreign_id(topic, context))
		sse_event_write_lagged(topic, 0);
	r = sse_topic_join(topic, context, id);
	/* What came with the request stays its place until a row comes. */
	if (r == 0 && id && asprintf(&topic->last, "%c%s", topic->is->letter, id) < 0) {
		topic->last = NULL;
		r = response_unavailable(context->builder, "out of memory");
	}
	return r;
}

/* The filters first: they need the store, and a client that is refused for one of them must not
 * take a place.  `retry` is what a browser waits before it reconnects. */
static int sse_client_prepare(struct sse_client *stream, struct context *context)
{
	int r = read_since(stream, context);
	for (uint32_t i = 0; r == 0 && i < stream->n_topics; i++) {
		struct sse_topic *topic = &stream->topics[i];
		r = row_filter_read(context, topic->is->list->filters, topic_name(topic),
				    &topic->row_filter);
		if (r == 0)
			r = read_fields(topic, context);
	}
	if (r < 0)
		return r;
	r = live_enter(stream->live, stream);
	if (r == -EBUSY)
		return response_unavailable(context->builder,
					    "%lld streams are open, which is max_streams",
					    (long long)context->config->max_streams);
	if (r < 0)
		return response_unavailable(context->builder, "tallyd is shutting down");
	json_write_raw(&stream->out, streams_retry, sizeof(streams_retry) - 1);
	for (uint32_t i = 0; r == 0 && i < stream->n_topics; i++)
		r = join(&stream->topics[i], context);
	if (r == 0 && stream->multiplexed && sse_event_begin_ids(stream, context) < 0)
		r = response_unavailable(context->builder, "out of memory");
	return r;
}

/* ---- Answering ----------------------------------------------------------- */

/* kind NULL: topics=. */
static int sse_client_answer(struct context *context, const struct sse_topic_kind *kind)
{
	if (context->config->live == HTTP_LIVE_OFF)
		return response_problem(
			context->builder, 404, NULL,
			"streams are switched off: live = off in [output.http_api]");
	struct sse_client *stream = calloc(1, sizeof(*stream));
	if (!stream)
		return response_unavailable(context->builder, "out of memory");
	stream->live = context->live;
	stream->ctx = context->ctx;
	stream->config = context->config;
	stream->multiplexed = !kind;
	stream->announces = !kind || target_param(context->target, "tail") ||
			    target_param(context->target, "since") ||
			    target_param(context->target, "last_event_id");
	json_writer_init(&stream->out, (size_t)context->config->live_client_memory);
	stream->out.times = (enum json_times)context->args->times;
	stream->out.ints_as_text = context->args->ints != 0;
	if (kind)
		add_topic(stream, kind);
	int r = kind ? 0 : read_topics(stream, context);
	if (r == 0 && !kind)
		r = check_own_filters(stream, context);
	if (r == 0)
		r = sse_client_prepare(stream, context);
	if (r < 0) {
		sse_client_free(stream);
		sse_client_refuse(context->builder);
		return r;
	}
	context->builder->source = sse_client_source(stream);
	context->builder->type = sse_client_type;
	return 0;
}

int stream_topics(struct context *context)
{
	return sse_client_answer(context, NULL);
}

int stream_stats(struct context *context)
{
	return sse_client_answer(context, &kinds[KIND_STATS]);
}

int stream_logs(struct context *context)
{
	return sse_client_answer(context, &kinds[KIND_LOGS]);
}

int stream_events(struct context *context)
{
	return sse_client_answer(context, &kinds[KIND_EVENTS]);
}
