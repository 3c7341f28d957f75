/*
 * The table of all routes.  A new one goes here, its parameters into route_params.c if they are
 * new, and its schema and examples into the JSON file beside its resource; docs/api.md has the
 * prose.  Data only: the plugin links it with the endpoints, the generator of openapi.json without.
 *
 * A path in which a literal stands where another has {…} comes first, because the first match wins.
 */
#include "routes/endpoint.h"

#include "base/clock.h"
#include "message/window.h"
#include "routes/route_params.h"

/* The generator runs on the machine that builds, and links nothing that answers. */
#ifdef TALLYD_OPENAPI_GENERATOR
#define HANDLER(function) NULL
#else
#define HANDLER(function) function
#endif

#define PARAMS(...)                                                                                \
	.list = (const struct param_spec *const[])                                                 \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}
#define WRITTEN &param_times, &param_ints
#define GRID(agg)                                                                                  \
	&param_from, &param_to, &param_step, &param_points, &param_tz, &param_fields, &(agg),      \
		&param_series_format, &param_csv_safe, WRITTEN
#define SORTED &param_sort, &param_total
#define PAGES                                                                                      \
	&param_from, &param_to, &param_order, &param_limit, &param_cursor, &param_format,          \
		&param_csv_safe, &param_shown, SORTED, WRITTEN

#define LOG_FILTERS                                                                                \
	&param_pattern, &param_q, &param_regex, &param_stream, &param_level, &param_hosts,         \
		&param_name, &param_containers, &param_log_project, &param_service,                \
		&param_log_label

#define ALERT_FILTERS                                                                              \
	&param_alert_state, &param_alert_name, &param_severity, &param_hosts,                      \
		&param_alert_service, &param_alert_container

#define COUNT_HELP                                                                                 \
	"Counting ends after search_time: complete is then false, a point that was not counted is" \
	" null, and a total is at least so many."

#define SEARCH_HELP                                                                                \
	"A search with q or regex ends after search_time: complete is then false, searched_from"   \
	" (with order=asc searched_to) says how far it came, and next_cursor goes on from there."

#define STREAM_HELP                                                                                \
	"Server-Sent Events without an end: each row is an event with an id and, as"               \
	" data, the object that the list has. An event named lagged says with "                    \
	"{\"missed\":N} that the client was too slow for N rows (0: nobody knows). "               \
	"A comment comes when nothing else does. Bearer tokens need the scope "                    \
	"stream besides that of the rows; a browser's EventSource cannot send any, "               \
	"so there read it by fetch()."

const char *const http_class_names[HTTP_CLASSES] = {
	[HTTP_CONTAINERS] = "containers", [HTTP_STATS] = "stats",   [HTTP_LOGS] = "logs",
	[HTTP_EVENTS] = "events",         [HTTP_IMAGES] = "images", [HTTP_TABLES] = "tables",
	[HTTP_DAEMON] = "daemon",         [HTTP_HEALTH] = "health", [HTTP_METRICS] = "metrics",
	[HTTP_STREAM] = "stream",         [HTTP_OTHER] = "other",   [HTTP_SESSION] = "session",
};

const char *const cache_class_names[CACHE_CLASS_NONE] = {
	[CACHE_CLASS_CONTAINERS] = "containers",
	[CACHE_CLASS_STATS] = "stats",
	[CACHE_CLASS_IMAGES] = "images",
	[CACHE_CLASS_HISTORY] = "history",
};

const struct endpoint endpoints[ROUTES_MAX] = {
	/* Containers.  What makes these answers wrong is an event, so a row of container_events
	 * invalidates them; the TTL is for what has no event, such as the readings beside each. */
	{
		.path = "/api/v1/containers",
		.answer = HANDLER(containers_list),
		.class = HTTP_CONTAINERS,
		.cached = CACHE_CLASS_CONTAINERS,
		.params = {PARAMS(&param_hosts, &param_state, &param_health, &param_name,
				  &param_image, &param_label, &param_project, &param_service,
				  &param_gone, &param_limit, &param_cursor, &param_shown, SORTED,
				  WRITTEN)},
		.id = "listContainers",
		.tag = "Containers",
		.summary = "Containers that exist, with their newest readings",
		.schema = "ContainerList",
		.errors = ERROR_TOO_LARGE,
	},
	{
		.path = "/api/v1/containers/{id}",
		.answer = HANDLER(containers_one),
		.class = HTTP_CONTAINERS,
		.cached = CACHE_CLASS_CONTAINERS,
		.params = {PARAMS(&param_container_id, &param_host, WRITTEN)},
		.id = "getContainer",
		.tag = "Containers",
		.summary = "One container",
		.schema = "Container",
		.errors = ERROR_NOT_FOUND | ERROR_AMBIGUOUS | ERROR_TOO_LARGE,
	},
	/* Series.  The past hardly changes, so they are cached the longest, and requests for about
	 * the same range share an answer: `grid`, see cache_policy.c. */
	{
		.path = "/api/v1/containers/{id}/stats",
		.answer = HANDLER(containers_stats),
		.class = HTTP_STATS,
		.cached = CACHE_CLASS_HISTORY,
		.params = {PARAMS(&param_container_id, GRID(param_agg), &param_host),
			   .range = CLOCK_HOUR, .grid = true},
		.id = "getContainerStats",
		.tag = "Readings",
		.summary = "Readings of one container on a grid of time",
		.schema = "Series|SeriesRows",
		.errors = ERROR_NOT_FOUND | ERROR_AMBIGUOUS | ERROR_TOO_LARGE,
	},
	/* Logs and events.  Logs go back an hour by default and events a day, because there are far
	 * more lines than events.  New rows come all the time: cached for 2 s, which is enough for
	 * a page that many people have open. */
	{
		.path = "/api/v1/containers/{id}/logs",
		.answer = HANDLER(containers_logs),
		.class = HTTP_LOGS,
		.cached = CACHE_CLASS_STATS,
		.params = {PARAMS(&param_container_id, PAGES, &param_pattern, &param_q,
				  &param_regex, &param_stream, &param_level, &param_before,
				  &param_after, &param_host),
			   .range = CLOCK_HOUR},
		.id = "getContainerLogs",
		.tag = "Logs",
		.summary = "What one container printed",
		.description = "By default the last hour. " SEARCH_HELP,
		.schema = "LogList",
		.errors = ERROR_NOT_FOUND | ERROR_AMBIGUOUS | ERROR_TOO_LARGE,
	},
	{
		.path = "/api/v1/containers/{id}/events",
		.answer = HANDLER(containers_events),
		.class = HTTP_EVENTS,
		.cached = CACHE_CLASS_STATS,
		.params = {PARAMS(&param_container_id, PAGES, &param_action, &param_host),
			   .range = CLOCK_DAY},
		.id = "getContainerEvents",
		.tag = "Events",
		.summary = "What happened to one container",
		.description = "By default the last day.",
		.schema = "EventList",
		.errors = ERROR_NOT_FOUND | ERROR_AMBIGUOUS | ERROR_TOO_LARGE,
	},
	{
		.path = "/api/v1/logs",
		.answer = HANDLER(logs_list),
		.class = HTTP_LOGS,
		.cached = CACHE_CLASS_STATS,
		.params = {PARAMS(PAGES, LOG_FILTERS, &param_before, &param_after),
			   .range = CLOCK_HOUR},
		.id = "listLogs",
		.tag = "Logs",
		.summary = "What containers printed",
		.description = "By default the last hour. " SEARCH_HELP,
		.schema = "LogList",
		.errors = ERROR_NOT_FOUND | ERROR_AMBIGUOUS | ERROR_TOO_LARGE,
	},
	{
		.path = "/api/v1/logs/histogram",
		.answer = HANDLER(logs_histogram),
		.class = HTTP_LOGS,
		.cached = CACHE_CLASS_STATS,
		.params = {PARAMS(&param_from, &param_to, &param_step, &param_points, &param_tz,
				  &param_by_level, LOG_FILTERS, &param_times),
			   .range = CLOCK_HOUR, .grid = true},
		.id = "getLogHistogram",
		.tag = "Logs",
		.summary = "How many lines containers printed, on a grid of time",
		.description = "By default of the last hour. " COUNT_HELP,
		.schema = "LogHistogram",
		.errors = ERROR_NOT_FOUND | ERROR_AMBIGUOUS,
	},
	{
		.path = "/api/v1/logs/count",
		.answer = HANDLER(logs_count),
		.class = HTTP_LOGS,
		.cached = CACHE_CLASS_STATS,
		.params = {PARAMS(&param_from, &param_to, LOG_FILTERS), .range = CLOCK_HOUR},
		.id = "countLogs",
		.tag = "Logs",
		.summary = "How many lines containers printed",
		.description = "By default in the last hour. " COUNT_HELP,
		.schema = "LogCount",
		.errors = ERROR_NOT_FOUND | ERROR_AMBIGUOUS,
	},
	{
		.path = "/api/v1/logs/patterns",
		.answer = HANDLER(logs_patterns),
		.class = HTTP_LOGS,
		.cached = CACHE_CLASS_STATS,
		.params = {PARAMS(&param_from, &param_to, &param_new_since, &param_service,
				  &param_hosts, &param_level, &param_limit, &param_cursor,
				  &param_format, &param_csv_safe, &param_shown, SORTED, WRITTEN),
			   .range = CLOCK_DAY},
		.id = "listLogPatterns",
		.tag = "Logs",
		.summary = "What log lines have in common, and what is new",
		.description = "By default of the last day, the most lines first; with new_since "
			       "what is new comes first. Lines are counted by whole minutes, up to "
			       "counted_until; null: not counted yet.",
		.schema = "LogPatternList",
	},
	{
		.path = "/api/v1/events",
		.answer = HANDLER(events_list),
		.class = HTTP_EVENTS,
		.cached = CACHE_CLASS_STATS,
		.params = {PARAMS(PAGES, &param_action, &param_hosts, &param_name, &param_image,
				  &param_containers, &param_service),
			   .range = CLOCK_DAY},
		.id = "listEvents",
		.tag = "Events",
		.summary = "What happened to containers",
		.description = "By default the last day.",
		.schema = "EventList",
		.errors = ERROR_NOT_FOUND | ERROR_AMBIGUOUS | ERROR_TOO_LARGE,
	},
	{
		.path = "/api/v1/changes",
		.answer = HANDLER(changes_list),
		.class = HTTP_EVENTS,
		.cached = CACHE_CLASS_STATS,
		.params = {PARAMS(PAGES, &param_change_service, &param_kind, &param_hosts,
				  &param_project),
			   .range = 7 * CLOCK_DAY},
		.id = "listChanges",
		.tag = "Changes",
		.summary = "What changed about services",
		.description = "By default in the last week.",
		.schema = "ChangeList",
		.errors = ERROR_TOO_LARGE,
	},
	/* What it compares are sums of readings and lines, so that needs the scopes of both. */
	{
		.path = "/api/v1/changes/{id}/effect",
		.answer = HANDLER(changes_effect),
		.class = HTTP_EVENTS,
		.scopes = 1U << HTTP_STATS | 1U << HTTP_LOGS,
		.cached = CACHE_CLASS_HISTORY,
		.params = {PARAMS(&param_change_id, &param_effect_window)},
		.id = "getEffect",
		.tag = "Changes",
		.summary = "What a change did to its service",
		.description = "CPU, memory and its growth, network, disk, throttling, lines by "
			       "level and ends of containers, before and after it and at the same "
			       "hours of the day before; which patterns of lines came, grew and "
			       "went. docs/changes.md has the method.",
		.schema = "Effect",
		.errors = ERROR_NOT_FOUND | ERROR_TOO_LARGE,
	},
	/* Alerts.  /alerts has no range: one that is still firing may have begun at any time. */
	{
		.path = "/api/v1/alerts",
		.answer = HANDLER(alerts_newest),
		.class = HTTP_EVENTS,
		.cached = CACHE_CLASS_STATS,
		.params = {PARAMS(ALERT_FILTERS, &param_limit, &param_cursor, &param_format,
				  &param_csv_safe, &param_shown, SORTED, WRITTEN)},
		.id = "listAlerts",
		.tag = "Alerts",
		.summary = "What every alert said last",
		.description = "The newest row of each rule and subject, the newest first. state "
			       "and severity are those of this row.",
		.schema = "NewestAlertList",
		.errors = ERROR_TOO_LARGE,
	},
	{
		.path = "/api/v1/alerts/history",
		.answer = HANDLER(alerts_history),
		.class = HTTP_EVENTS,
		.cached = CACHE_CLASS_STATS,
		.params = {PARAMS(PAGES, ALERT_FILTERS), .range = 7 * CLOCK_DAY},
		.id = "listAlertHistory",
		.tag = "Alerts",
		.summary = "When alerts began, fired and ended",
		.description = "By default in the last week.",
		.schema = "AlertList",
		.errors = ERROR_TOO_LARGE,
	},
	/* Streams.  An answer without an end cannot be cached.  A token needs the scope of the rows
	 * as well: else a token for streams alone would read logs that it may not list.  Of several
	 * topics the endpoint checks it. */
	{
		.path = "/api/v1/stream",
		.answer = HANDLER(stream_topics),
		.class = HTTP_STREAM,
		.cached = CACHE_CLASS_NONE,
		.params = {PARAMS(&param_topics, &param_q, &param_stream, &param_level,
				  &param_action, &param_hosts, &param_name, &param_image,
				  &param_containers, &param_service, &param_stream_fields,
				  &param_tail, &param_since, &param_last_event_ids,
				  &param_last_event_id, WRITTEN),
			   .others = OTHERS_OF_TOPICS},
		.id = "streamTopics",
		.tag = "Streams",
		.summary = "Several kinds of rows in one stream",
		.description =
			"As the streams of one kind, but each event is named after its topic, and "
			"its id holds the place in all of them. containers are rows of events, as "
			"a sign that lists of containers have changed. A filter is for the topics "
			"that know it, or as TOPIC.FILTER (logs.level=error) for one, together "
			"with those for all. An event named ready comes when the past is over. "
			"A token needs the scope of each topic besides stream: stats, logs, "
			"events, containers.",
		.media = "text/event-stream",
		.errors = ERROR_NOT_FOUND | ERROR_AMBIGUOUS,
	},
	{
		.path = "/api/v1/stream/stats",
		.answer = HANDLER(stream_stats),
		.class = HTTP_STREAM,
		.scopes = 1U << HTTP_STATS,
		.cached = CACHE_CLASS_NONE,
		.params = {PARAMS(&param_hosts, &param_name, &param_containers, &param_service,
				  &param_stream_fields, &param_since, &param_last_event_ids,
				  &param_last_event_id, WRITTEN)},
		.id = "streamStats",
		.tag = "Readings",
		.summary = "Readings as they are taken",
		.description = STREAM_HELP,
		.media = "text/event-stream",
		.errors = ERROR_NOT_FOUND | ERROR_AMBIGUOUS,
	},
	{
		.path = "/api/v1/stream/logs",
		.answer = HANDLER(stream_logs),
		.class = HTTP_STREAM,
		.scopes = 1U << HTTP_LOGS,
		.cached = CACHE_CLASS_NONE,
		.params = {PARAMS(&param_q, &param_stream, &param_level, &param_hosts, &param_name,
				  &param_containers, &param_service, &param_tail, &param_since,
				  &param_last_event_ids, &param_last_event_id, &param_shown,
				  WRITTEN)},
		.id = "streamLogs",
		.tag = "Logs",
		.summary = "Lines as they are printed",
		.description = STREAM_HELP,
		.media = "text/event-stream",
		.errors = ERROR_NOT_FOUND | ERROR_AMBIGUOUS,
	},
	{
		.path = "/api/v1/stream/events",
		.answer = HANDLER(stream_events),
		.class = HTTP_STREAM,
		.scopes = 1U << HTTP_EVENTS,
		.cached = CACHE_CLASS_NONE,
		.params = {PARAMS(&param_action, &param_hosts, &param_name, &param_image,
				  &param_containers, &param_service, &param_tail, &param_since,
				  &param_last_event_ids, &param_last_event_id, &param_shown,
				  WRITTEN)},
		.id = "streamEvents",
		.tag = "Events",
		.summary = "What happens to containers, as it does",
		.description = STREAM_HELP,
		.media = "text/event-stream",
		.errors = ERROR_NOT_FOUND | ERROR_AMBIGUOUS,
	},
	/* Images.  They change when an image is pulled, tagged or removed, and each of these writes
	 * a row of a table that invalidates them. */
	{
		.path = "/api/v1/images",
		.answer = HANDLER(images_list),
		.class = HTTP_IMAGES,
		.cached = CACHE_CLASS_IMAGES,
		.params = {PARAMS(&param_hosts, &param_references, &param_dangling,
				  &param_outdated_images, &param_gone, &param_limit, &param_cursor,
				  &param_format, &param_csv_safe, &param_shown, SORTED, WRITTEN)},
		.id = "listImages",
		.tag = "Images",
		.summary = "Images, and which containers use them",
		.schema = "ImageList",
		.errors = ERROR_TOO_LARGE,
	},
	{
		.path = "/api/v1/images/versions",
		.answer = HANDLER(images_versions),
		.class = HTTP_IMAGES,
		.cached = CACHE_CLASS_IMAGES,
		.params = {PARAMS(&param_from, &param_to, &param_hosts, &param_reference,
				  &param_outdated, &param_limit, &param_cursor, &param_shown,
				  SORTED, WRITTEN),
			   .range = WINDOW_LONGEST},
		.id = "listVersions",
		.tag = "Images",
		.summary = "What references point to, who runs what, and what is outdated",
		.description =
			"from and to limit the changes, by default to as far back as may be asked "
			"for; entries are there whether they changed or not.",
		.schema = "VersionList",
		.errors = ERROR_TOO_LARGE,
	},
	{
		.path = "/api/v1/images/{id}",
		.answer = HANDLER(images_one),
		.class = HTTP_IMAGES,
		.cached = CACHE_CLASS_IMAGES,
		.params = {PARAMS(&param_image_id, &param_image_host, WRITTEN)},
		.id = "getImage",
		.tag = "Images",
		.summary = "One image, on every host that has it",
		.schema = "ImageOnHosts",
		.errors = ERROR_NOT_FOUND | ERROR_AMBIGUOUS | ERROR_TOO_LARGE,
	},
	/* Readings of many containers: on a grid, the newest, the largest. */
	{
		.path = "/api/v1/stats",
		.answer = HANDLER(stats_many),
		.class = HTTP_STATS,
		.cached = CACHE_CLASS_HISTORY,
		.params = {PARAMS(GRID(param_group_agg), &param_group_by, &param_ids,
				  &param_project, &param_service, &param_name, &param_label,
				  &param_image, &param_stats_host),
			   .range = CLOCK_HOUR, .grid = true},
		.id = "getStats",
		.tag = "Readings",
		.summary = "Readings of many containers, or of groups of them, on one grid of time",
		.description = "A container without a reading in a point does not count there; a "
			       "point without any is null.",
		.schema = "ManySeries|GroupSeries|SeriesRows",
		.errors = ERROR_NOT_FOUND | ERROR_AMBIGUOUS | ERROR_TOO_LARGE,
	},
	{
		.path = "/api/v1/stats/latest",
		.answer = HANDLER(stats_latest),
		.class = HTTP_STATS,
		.cached = CACHE_CLASS_STATS,
		.params = {PARAMS(&param_hosts, &param_fields, &param_format, &param_csv_safe,
				  SORTED, WRITTEN)},
		.id = "getLatestStats",
		.tag = "Readings",
		.summary = "The newest readings of every container",
		.schema = "ReadingsList",
		.errors = ERROR_TOO_LARGE,
	},
	{
		.path = "/api/v1/top",
		.answer = HANDLER(stats_top),
		.class = HTTP_STATS,
		.cached = CACHE_CLASS_STATS,
		.params = {PARAMS(&param_by, &param_top_agg, &param_hosts, &param_from, &param_to,
				  &param_span, &param_top_limit, &param_format, &param_csv_safe,
				  WRITTEN),
			   .range = CLOCK_HOUR},
		.id = "getTop",
		.tag = "Readings",
		.summary = "The containers that use most",
		.schema = "Top",
		.errors = ERROR_TOO_LARGE,
	},
	/* Sums over all containers.  They tell about no single container, so the scope is `daemon`,
	 * which a status page may have without reading names and labels. */
	{
		.path = "/api/v1/hosts",
		.answer = HANDLER(hosts_list),
		.class = HTTP_DAEMON,
		.cached = CACHE_CLASS_CONTAINERS,
		.params = {PARAMS(WRITTEN)},
		.id = "listHosts",
		.tag = "Hosts",
		.summary = "Hosts and what their containers use",
		.schema = "HostList",
	},
	{
		.path = "/api/v1/summary",
		.answer = HANDLER(hosts_summary),
		.class = HTTP_DAEMON,
		.cached = CACHE_CLASS_CONTAINERS,
		.params = {PARAMS(WRITTEN)},
		.id = "getSummary",
		.tag = "Hosts",
		.summary = "All of it in a few numbers",
		.schema = "Summary",
	},
	/* Any table.  A token with the scope `tables` reads all of them, logs included. */
	{
		.path = "/api/v1/tables",
		.answer = HANDLER(tables_list),
		.class = HTTP_TABLES,
		.cached = CACHE_CLASS_CONTAINERS,
		.id = "listTables",
		.tag = "Tables",
		.summary = "Every table of the store",
		.schema = "TableList",
	},
	{
		.path = "/api/v1/tables/{name}",
		.answer = HANDLER(tables_rows),
		.class = HTTP_TABLES,
		.cached = CACHE_CLASS_STATS,
		.params = {PARAMS(&param_table_name, &param_from, &param_to, &param_table_order,
				  &param_limit, &param_cursor, &param_format, &param_csv_safe,
				  &param_shown, SORTED, WRITTEN),
			   .others = OTHERS_ARE_TAGS},
		.id = "getTable",
		.tag = "Tables",
		.summary = "Rows of a table as they were written",
		.description = "from and to are not looked at for tables of kind state.",
		.schema = "RowList",
		.errors = ERROR_NOT_FOUND | ERROR_TOO_LARGE,
	},
	/* The daemon.  These answer from memory, so that they work when the store does not. */
	{
		.path = "/api/v1/pipeline",
		.answer = HANDLER(daemon_pipeline),
		.class = HTTP_DAEMON,
		.cached = CACHE_CLASS_NONE,
		.direct = true,
		.id = "getPipeline",
		.tag = "The daemon",
		.summary = "The balance of rows",
		.schema = "Pipeline",
	},
	{
		.path = "/api/v1/plugins",
		.answer = HANDLER(daemon_plugins),
		.class = HTTP_DAEMON,
		.cached = CACHE_CLASS_NONE,
		.direct = true,
		.id = "listPlugins",
		.tag = "The daemon",
		.summary = "The instances of this daemon",
		.schema = "PluginList",
	},
	{
		.path = "/api/v1/version",
		.answer = HANDLER(daemon_version),
		.class = HTTP_DAEMON,
		.cached = CACHE_CLASS_NONE,
		.direct = true,
		.id = "getVersion",
		.tag = "The daemon",
		.summary = "Which daemon this is",
		.schema = "VersionInfo",
	},
	/* Public, because whatever restarts a process that fails it has no token, and must get its
	 * answer however many connections are open. */
	{
		.path = "/healthz",
		.answer = HANDLER(health_live),
		.class = HTTP_HEALTH,
		.cached = CACHE_CLASS_NONE,
		.direct = true,
		.public = true,
		.reserved = true,
		.params = {.others = OTHERS_IGNORED},
		.id = "getHealth",
		.tag = "The daemon",
		.summary = "200 as long as the process answers",
		.schema = "Health",
	},
	/* Asks the store, and is never cached: it says what is true now. */
	{
		.path = "/readyz",
		.answer = HANDLER(health_ready),
		.class = HTTP_HEALTH,
		.cached = CACHE_CLASS_NONE,
		.params = {.others = OTHERS_IGNORED},
		.id = "getReady",
		.tag = "The daemon",
		.summary = "200 while the store answers and no input waits for a buffer",
		.schema = "Ready",
	},
	{
		.path = "/metrics",
		.answer = HANDLER(metrics_text),
		.class = HTTP_METRICS,
		.cached = CACHE_CLASS_NONE,
		.direct = true,
		.params = {.others = OTHERS_IGNORED},
		.id = "getMetrics",
		.tag = "The daemon",
		.summary = "What the daemon counts, in the Prometheus text format",
		.media = "text/plain",
	},
	/* Cached, since often two Prometheus servers scrape the same daemon. */
	{
		.path = "/metrics/containers",
		.answer = HANDLER(metrics_containers),
		.class = HTTP_METRICS,
		.cached = CACHE_CLASS_STATS,
		.params = {PARAMS(&param_hosts)},
		.id = "getContainerMetrics",
		.tag = "The daemon",
		.summary =
			"Newest readings under the names that cAdvisor uses, in the Prometheus text"
			" format",
		.description = "Off unless container_metrics is on: 404.",
		.media = "text/plain",
		.errors = ERROR_NOT_FOUND | ERROR_TOO_LARGE,
	},
	/* Signing in.  Public, since who asks has not signed in yet; the two that change something
	 * are for pages of this origin only (http/sign_in.c). */
	{
		.path = "/api/v1/session",
		.answer = HANDLER(session_show),
		.class = HTTP_SESSION,
		.cached = CACHE_CLASS_NONE,
		.direct = true,
		.public = true,
		.id = "getSession",
		.tag = "Signing in",
		.summary = "Whether a token is required, and what this request's covers",
		.schema = "Session",
	},
	{
		.path = "/api/v1/session",
		.method = METHOD_POST,
		.answer = HANDLER(session_begin),
		.class = HTTP_SESSION,
		.cached = CACHE_CLASS_NONE,
		.direct = true,
		.public = true,
		.id = "signIn",
		.tag = "Signing in",
		.summary = "Makes a cookie of a token, for browsers",
		.description =
			"The cookie tallyd_session covers what the token does, in GET and HEAD, "
			"for session_life at most. Only from pages of this origin: Sec-Fetch-Site "
			"must be same-origin, or Origin name the host that Host does. 404 where "
			"no token is required.",
		.upload = "SignIn",
		.errors = ERROR_NOT_FOUND,
	},
	{
		.path = "/api/v1/session",
		.method = METHOD_DELETE,
		.answer = HANDLER(session_end),
		.class = HTTP_SESSION,
		.cached = CACHE_CLASS_NONE,
		.direct = true,
		.public = true,
		.id = "signOut",
		.tag = "Signing in",
		.summary = "Ends the session of this request's cookie, if there is one",
	},
	/* Pages that are the same for the life of the process.  Public: a browser has to have them
	 * to ask for a token, and they tell what anybody can read in the source. */
	{
		.path = "/openapi.json",
		.answer = HANDLER(openapi_document),
		.class = HTTP_OTHER,
		.cached = CACHE_CLASS_NONE,
		.direct = true,
		.fixed = true,
		.public = true,
		.id = "getOpenapi",
		.tag = "The daemon",
		.summary = "This document",
		.schema = "Document",
	},
	{
		.path = "/docs",
		.answer = HANDLER(openapi_page),
		.class = HTTP_OTHER,
		.cached = CACHE_CLASS_NONE,
		.direct = true,
		.fixed = true,
		.public = true,
		.id = "getDocs",
		.tag = "The daemon",
		.summary = "This document, to read",
		.media = "text/html",
	},
	{
		.path = "/assets/dashboard.js",
		.answer = HANDLER(dashboard_script),
		.class = HTTP_OTHER,
		.cached = CACHE_CLASS_NONE,
		.direct = true,
		.fixed = true,
		.public = true,
		.params = {.others = OTHERS_IGNORED},
		.id = "getDashboardScript",
		.tag = "The daemon",
		.summary = "The dashboard's script",
		.media = "text/javascript",
	},
	{
		.path = "/assets/dashboard.css",
		.answer = HANDLER(dashboard_style),
		.class = HTTP_OTHER,
		.cached = CACHE_CLASS_NONE,
		.direct = true,
		.fixed = true,
		.public = true,
		.params = {.others = OTHERS_IGNORED},
		.id = "getDashboardStyle",
		.tag = "The daemon",
		.summary = "The dashboard's style",
		.media = "text/css",
	},
	{
		.path = "/assets/icon.svg",
		.answer = HANDLER(dashboard_icon),
		.class = HTTP_OTHER,
		.cached = CACHE_CLASS_NONE,
		.direct = true,
		.fixed = true,
		.public = true,
		.params = {.others = OTHERS_IGNORED},
		.id = "getDashboardIcon",
		.tag = "The daemon",
		.summary = "The dashboard's icon",
		.media = "image/svg+xml",
	},
	{
		.path = "/",
		.answer = HANDLER(index_page),
		.class = HTTP_OTHER,
		.cached = CACHE_CLASS_NONE,
		.direct = true,
		.fixed = true,
		.public = true,
		.params = {.others = OTHERS_IGNORED},
		.id = "getIndex",
		.tag = "The daemon",
		.summary = "The dashboard; without scripts, a page with links to all this",
		.media = "text/html",
	},
	{.path = NULL},
};
