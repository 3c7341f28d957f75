/*
 * The specifications of all parameters: data only, read by message/arguments.c when a request comes
 * and by openapi/generate.c when tallyd is built.  The order of choices is that of the enumeration
 * that the endpoint reads the value as (list_format, list_order, series_format, json_times, the
 * aggregates of query/fields.c and top.c).
 */
#include "routes/route_params.h"

#include "base/clock.h"

#define AT(member) .at = offsetof(struct arguments, member)
#define MANY .flags = PARAM_REPEATED
/* max_results_per_query by default; the document cannot know what is configured. */
#define RESULTS .type = PARAM_INT, .flags = PARAM_RESULTS, .min = 1, .max = 10000
#define NO_BY_DEFAULT(member) .type = PARAM_FLAG, .fallback = "no", AT(member)
#define PATTERN "or a pattern with * and ?."

/* ---- In the path --------------------------------------------------------- */

const struct param_spec param_container_id = {
	.name = "id",
	.flags = PARAM_IN_PATH | PARAM_REQUIRED,
	.help = "A container: its id, its name or the beginning of its id, tried in this order.",
	.example = "\"web\"",
	.component = "id",
};
const struct param_spec param_image_id = {
	.name = "id",
	.flags = PARAM_IN_PATH | PARAM_REQUIRED,
	.help = "A reference (a / in it as %2F), or an id or its beginning, with or without "
		"sha256:.",
	.example = "\"web:latest\"",
};
const struct param_spec param_table_name = {
	.name = "name",
	.flags = PARAM_IN_PATH | PARAM_REQUIRED,
	.help = "A table, as /api/v1/tables lists them.",
	.example = "\"container_events\"",
};

/* ---- Time ---------------------------------------------------------------- */

/* from and to have no fallback: where from lies by default depends on `to` and on the route. */
const struct param_spec param_from = {
	.name = "from",
	.type = PARAM_TIME,
	.help = "From when on: RFC 3339, Unix seconds or milliseconds, now, now-1h.",
	.example = "\"now-6h\"",
	.component = "from",
};
const struct param_spec param_to = {
	.name = "to",
	.type = PARAM_TIME,
	.help = "Until when; excluded. By default now.",
	.example = "\"now\"",
	.component = "to",
};
/* Under a second there would be more points than readings.  The upper bound keeps a step, added to
 * any time up to 2200, within 64 bits. */
const struct param_spec param_step = {
	.name = "step",
	.type = PARAM_STEP,
	.min = CLOCK_SECOND,
	.max = 3650 * CLOCK_DAY,
	AT(step),
	.help = "Width of a point: 10s, 5m, 1h; from 1s to 3650d, or 1mo to 120mo.",
	.component = "step",
};
const struct param_spec param_tz = {
	.name = "tz",
	.help = "Where days, weeks (from Monday on) and months of step begin: a zone of the tz "
		"database; by default UTC. Times are in UTC all the same.",
	.example = "\"Europe/Berlin\"",
	.component = "tz",
};
const struct param_spec param_points = {
	.name = "points",
	RESULTS,
	.fallback = "300", /* as many as a chart on a screen can show */
	AT(points),
	.help = "Instead of step: a round step of 10s or more that fits into the range so many "
		"times at most; a range that begins within a step touches one point more. The "
		"maximum is max_results_per_query.",
	.component = "points",
};
/* Two minutes, because a rate needs two readings and an input may take one a minute. */
const struct param_spec param_span = {
	.name = "window",
	.type = PARAM_DURATION,
	.min = 1,
	.max = CLOCK_DAY,
	.fallback = "2min",
	AT(span),
	.help = "How far back readings count: at most a day. Or give from and to.",
	.example = "\"10min\"",
};

/* ---- Series -------------------------------------------------------------- */

const struct param_spec param_fields = {
	.name = "fields",
	.help = "Columns of container_stats, with commas between them; by default all numbers.",
	.example = "\"cpu_percent,mem_used_bytes\"",
	.component = "fields",
};
/* No fallback: without it gauges are averaged and counters become rates (query/fields.c). */
#define AGGREGATES "avg|min|max|last|rate|sum|p50|p95|p99"
const struct param_spec param_agg = {
	.name = "agg",
	.type = PARAM_CHOICES,
	.choices = AGGREGATES,
	AT(aggregates),
	.help = "How all fields are put together; by default the average, and of counters the "
		"rate per second. With several of them each field comes as FIELD.AGG. p50, p95 and "
		"p99 are percentiles of the readings; sum is for groups.",
	.example = "[\"min\",\"avg\",\"max\"]",
	.component = "agg",
};
const struct param_spec param_group_agg = {
	.name = "agg",
	.type = PARAM_CHOICES,
	.choices = AGGREGATES,
	AT(aggregates),
	.help = "How all fields are put together, in each point first those of a container, then "
		"the containers of a group: by default the sum over containers of each one's "
		"average, or of a counter its rate per second; of single containers as for one. "
		"With several of them each field comes as FIELD.AGG.",
	.example = "[\"sum\",\"max\"]",
	.component = "groupagg",
};
const struct param_spec param_group_by = {
	.name = "group_by",
	.type = PARAM_CHOICE,
	.choices = "container|project|service|host|image",
	AT(group_by),
	.help = "One series for each container, Compose project, service, host or image; by "
		"default for each container.",
};
const struct param_spec param_series_format = {
	.name = "format",
	.type = PARAM_CHOICE,
	.choices = "json|rows|csv|ndjson",
	.fallback = "json",
	AT(format),
	.help = "Columns, rows, CSV, or one JSON row a line.",
	.component = "seriesformat",
};
const struct param_spec param_times = {
	.name = "times",
	.type = PARAM_CHOICE,
	.choices = "rfc3339|s|ms",
	.fallback = "rfc3339",
	AT(times),
	.help = "How times are written: as text, or as numbers, seconds (with decimals) or whole "
		"milliseconds since 1970.",
	.component = "times",
};
/* JavaScript has no other numbers than doubles. */
const struct param_spec param_ints = {
	.name = "ints",
	.type = PARAM_CHOICE,
	.choices = "number|string",
	.fallback = "number",
	AT(ints),
	.help = "string: integers beyond 2^53, which a double cannot hold, are written as text.",
	.component = "ints",
};
/* One parameter with commas rather than a repeated one: the answer has its series in this order,
 * and parameters are sorted so that requests can share answers. */
const struct param_spec param_ids = {
	.name = "ids",
	.help = "These containers, named as {id}, with commas between them: at most 100.",
	.example = "\"web,db\"",
};
const struct param_spec param_by = {
	.name = "by",
	.help = "cpu (percent of one core, the default), mem (used), net or blk (bytes per second "
		"in and out), or any column of numbers of container_stats.",
	.example = "\"net_rx_bytes\"",
};
/* No fallback: it depends on the column, and on whether there is a range. */
const struct param_spec param_top_agg = {
	.name = "agg",
	.type = PARAM_CHOICE,
	.choices = "avg|min|max|last|rate",
	AT(agg),
	.help = "How the readings of a container are put together. By default counters are rates "
		"per second, and others the last reading, or with from or to the average.",
};

/* ---- Lists --------------------------------------------------------------- */

#define LIMIT_HELP "How many at most. The maximum is max_results_per_query, 10000 unless it is set."

/* A page has 100 rows by default, a ranking 10: that is what fits on a screen. */
const struct param_spec param_limit = {
	.name = "limit",
	RESULTS,
	.fallback = "100",
	AT(limit),
	.help = LIMIT_HELP,
	.component = "limit",
};
const struct param_spec param_top_limit = {
	.name = "limit",
	RESULTS,
	.fallback = "10",
	AT(limit),
	.help = LIMIT_HELP,
	.component = "toplimit",
};
const struct param_spec param_cursor = {
	.name = "cursor",
	.help = "next_cursor of the page before; all other parameters as they were there.",
	.component = "cursor",
};
/* People read logs and events from the newest on; programs that copy a table, from the oldest. */
const struct param_spec param_order = {
	.name = "order",
	.type = PARAM_CHOICE,
	.choices = "asc|desc",
	.fallback = "desc",
	AT(order),
	.help = "asc: the oldest first.",
	.component = "order",
};
const struct param_spec param_table_order = {
	.name = "order",
	.type = PARAM_CHOICE,
	.choices = "asc|desc",
	.fallback = "asc",
	AT(order),
	.help = "desc: the newest first; of tables of kind state the last in the order of their "
		"tags.",
	.component = "tableorder",
};
const struct param_spec param_format = {
	.name = "format",
	.type = PARAM_CHOICE,
	.choices = "json|ndjson|csv",
	.fallback = "json",
	AT(format),
	.help = "JSON, one JSON row a line, or CSV. In the latter two only the Link header leads "
		"to the next page.",
	.component = "format",
};
const struct param_spec param_sort = {
	.name = "sort",
	.help = "A column, or -COLUMN from the largest on; null comes last. By default in the "
		"order of the key.",
	.example = "\"-created\"",
	.component = "sort",
};
const struct param_spec param_shown = {
	.name = "fields",
	.help = "Only these columns, with commas between them; of containers also stats.",
	.example = "\"host,image\"",
	.component = "shown",
};
/* Off by default: it costs a second query. */
const struct param_spec param_total = {
	.name = "total",
	NO_BY_DEFAULT(total),
	.help = "yes: the answer says in total how many rows all pages have; null if they could "
		"not be counted within search_time. Only in JSON.",
	.component = "total",
};
/* Off by default, because it changes what was stored (message/csv.c). */
const struct param_spec param_csv_safe = {
	.name = "csv_safe",
	NO_BY_DEFAULT(csv_safe),
	.help = "Of format=csv: yes puts a ' before text that a spreadsheet would take for a "
		"formula (it begins with = + - @, a tab, or the end of a line). Numbers stay as "
		"they are.",
	.component = "csv_safe",
};
const struct param_spec param_gone = {
	.name = "gone",
	NO_BY_DEFAULT(gone),
	.help = "yes: also those that were removed.",
};

/* ---- Filters ------------------------------------------------------------- */

/* `host` means three things: which of several containers of one name, of which hosts an image is
 * shown, and any of some hosts. */
const struct param_spec param_host = {
	.name = "host",
	.help = "Of several containers of that name, the one on this host.",
	.example = "\"alpha\"",
	.component = "host",
};
const struct param_spec param_stats_host = {
	.name = "host",
	MANY,
	.help = "On this host; any of them. With ids, of several containers of one name the one on "
		"this host.",
	.example = "[\"alpha\"]",
};
const struct param_spec param_image_host = {.name = "host", .help = "Only on this host."};
const struct param_spec param_hosts = {
	.name = "host",
	MANY,
	.help = "On this host; any of them.",
	.example = "[\"alpha\"]",
	.component = "hosts",
};
const struct param_spec param_containers = {
	.name = "container",
	MANY,
	.help = "Of this container, named as {id}; any of them.",
	.component = "containers",
};
const struct param_spec param_name = {
	.name = "name",
	MANY,
	.help = "Of containers with this name, " PATTERN,
	.example = "[\"web*\"]",
	.component = "name",
};
const struct param_spec param_state = {
	.name = "state", MANY, .help = "Any of them.", .example = "[\"running\"]"};
const struct param_spec param_health = {.name = "health", MANY, .help = "Any of them."};
const struct param_spec param_image = {
	.name = "image",
	MANY,
	.help = "Created from this image, " PATTERN,
	.example = "[\"nginx:*\"]",
	.component = "image",
};
const struct param_spec param_label = {.name = "label",
				       MANY,
				       .help = "key or key=value; all of them.",
				       .example = "[\"env=prod\"]"};
const struct param_spec param_project = {
	.name = "project", MANY, .help = "Compose project; any of them."};
const struct param_spec param_q = {
	.name = "q",
	MANY,
	.help = "The message holds this, upper and lower case alike; all of them.",
	.component = "q",
};
const struct param_spec param_regex = {
	.name = "regex",
	MANY,
	.help = "The message matches this regular expression (Perl's syntax; (?i) for either "
		"case); all of them.",
	.example = "[\"timeout after [0-9]{4,}ms\"]",
	.component = "regex",
};
const struct param_spec param_log_project = {
	.name = "project",
	MANY,
	.help = "Of containers of this Compose project; any of them.",
	.component = "logproject",
};
const struct param_spec param_service = {
	.name = "service",
	MANY,
	.help = "Of containers of this service, one after the other and side by side: "
		"PROJECT/SERVICE of Compose, the service of a swarm, a label's value "
		"(service_label), else a container's name; or a pattern with * and ?.",
	.example = "[\"shop/web\"]",
	.component = "service",
};
const struct param_spec param_change_service = {
	.name = "service",
	MANY,
	.help = "Of this service, as the list of containers has it; " PATTERN,
	.example = "[\"shop/web\"]",
};
const struct param_spec param_kind = {
	.name = "kind",
	.type = PARAM_CHOICE,
	MANY,
	.choices =
		"image|config|limits|mounts|env_names|network|restart|oom|health|scaled|host|mark",
	.help = "Any of them.",
};
const struct param_spec param_alert_state = {
	.name = "state",
	.type = PARAM_CHOICE,
	MANY,
	.choices = "pending|firing|resolved",
	.help = "Any of them.",
	.component = "alertstate",
};
const struct param_spec param_alert_name = {
	.name = "name",
	MANY,
	.help = "Of the rule [alert.NAME], " PATTERN,
	.example = "[\"unhealthy\"]",
	.component = "alertname",
};
const struct param_spec param_severity = {
	.name = "severity",
	.type = PARAM_CHOICE,
	MANY,
	.choices = "info|warning|critical",
	.help = "Any of them.",
	.component = "severity",
};
const struct param_spec param_alert_service = {
	.name = "service",
	MANY,
	.help = "About this service, " PATTERN,
	.example = "[\"shop/web\"]",
	.component = "alertservice",
};
const struct param_spec param_alert_container = {
	.name = "container",
	MANY,
	.help = "About this container, by its name, " PATTERN,
	.example = "[\"shop-web-1\"]",
	.component = "alertcontainer",
};
const struct param_spec param_change_id = {
	.name = "id",
	.flags = PARAM_IN_PATH | PARAM_REQUIRED,
	.help = "The id of a change.",
	.example = "\"63f1a2b3c4d5e-0a1b2c3d\"",
};
const struct param_spec param_effect_window = {
	.name = "window",
	.type = PARAM_DURATION,
	.min = 12 * CLOCK_SECOND,
	.max = CLOCK_DAY,
	.fallback = "1h",
	AT(span),
	.help = "How long before and after the change is compared. Below 6min readings must come "
		"faster than every twelfth of it, and lines are counted one by one.",
};
const struct param_spec param_log_label = {
	.name = "label",
	MANY,
	.help = "Of containers with this label, key or key=value; all of them.",
	.example = "[\"env=prod\"]",
	.component = "loglabel",
};
const struct param_spec param_before = {
	.name = "before",
	.type = PARAM_INT,
	.min = 0,
	.max = 100,
	.fallback = "0",
	AT(before),
	.help = "So many lines of the same container before each one; they have context true.",
	.component = "before",
};
const struct param_spec param_after = {
	.name = "after",
	.type = PARAM_INT,
	.min = 0,
	.max = 100,
	.fallback = "0",
	AT(after),
	.help = "So many lines of the same container after each one; they have context true.",
	.component = "after",
};
const struct param_spec param_by_level = {
	.name = "by",
	.type = PARAM_CHOICE,
	.choices = "level",
	.fallback = "level",
	.help = "What lines are counted by, besides their time.",
};
const struct param_spec param_stream = {
	.name = "stream",
	.type = PARAM_CHOICE,
	MANY,
	.choices = "stdout|stderr",
	.help = "Any of them.",
	.component = "stream",
};
/* As the logs input stores them (log_level.c), from the least to the most severe. */
const struct param_spec param_level = {
	.name = "level",
	.type = PARAM_CHOICE,
	MANY,
	.choices = "trace|debug|info|notice|warning|error|critical|dbg|information|warn|err|crit|"
		   "fatal|alert|emergency|panic",
	.help = "Any of them; the later ones are other names for some of the former.",
	.component = "level",
};
const struct param_spec param_action = {
	.name = "action",
	MANY,
	.help = "Any of them.",
	.example = "[\"die\",\"oom\"]",
	.component = "action",
};
const struct param_spec param_references = {
	.name = "reference",
	MANY,
	.help = "A tag holds this, upper and lower case alike.",
	.example = "[\"nginx:\"]",
};
/* No fallback: yes, no and "either" are three different questions. */
const struct param_spec param_dangling = {
	.name = "dangling",
	.type = PARAM_FLAG,
	.help = "Whether it has neither a tag nor a digest.",
};
/* A flag, although it filters by a count: no means "either", since nobody looks for images that are
 * all up to date. */
const struct param_spec param_outdated_images = {
	.name = "outdated",
	NO_BY_DEFAULT(outdated),
	.help = "yes: only images with containers whose reference points elsewhere by now.",
};
const struct param_spec param_reference = {
	.name = "reference", .help = "This one, " PATTERN, .example = "\"web:latest\""};
const struct param_spec param_outdated = {
	.name = "outdated",
	NO_BY_DEFAULT(outdated),
	.help = "yes: only with outdated containers.",
};
/* Browsers send it by themselves when they reconnect (WHATWG HTML, "Server-sent events"). */
const struct param_spec param_last_event_id = {
	.name = "Last-Event-ID",
	.flags = PARAM_IN_HEADER,
	.help = "The id of the last event that the client had: what came after it comes first.",
	.component = "lasteventid",
};
const struct param_spec param_last_event_ids = {
	.name = "last_event_id",
	MANY,
	.help = "The same as a parameter, for a first request; or the position of a list: what "
		"came after the list comes first. The header counts more. With several topics, one "
		"of each.",
	.component = "last_event_ids",
};
const struct param_spec param_topics = {
	.name = "topics",
	.flags = PARAM_REQUIRED,
	.help = "One or several of stats, logs, events and containers, with commas between them.",
	.example = "\"logs,containers\"",
};
const struct param_spec param_tail = {
	.name = "tail",
	.type = PARAM_INT,
	.flags = PARAM_RESULTS,
	.max = 10000,
	AT(tail),
	.help = "The last so many lines or events that fit come first. The maximum is "
		"max_results_per_query.",
	.component = "tail",
};
const struct param_spec param_since = {
	.name = "since",
	.help = "Rows from that time on come first: as from=. Of readings the newest of each "
		"container.",
	.example = "\"now-5m\"",
	.component = "since",
};
const struct param_spec param_pattern = {
	.name = "pattern",
	.flags = PARAM_REPEATED,
	.help = "Only lines of this pattern, as /api/v1/logs/patterns names it.",
	.example = "\"5f0c1d9a77e2\"",
	.component = "pattern",
};
const struct param_spec param_new_since = {
	.name = "new_since",
	.help = "A time between from and to: lines are those since then, lines_before those from "
		"`from` until then, and state says of each pattern whether it is new, gone or "
		"known.",
	.example = "\"now-1h\"",
};
const struct param_spec param_stream_fields = {
	.name = "fields",
	.help = "Of readings these columns, besides the time and what says whose they are.",
	.example = "\"cpu_percent,mem_used_bytes\"",
	.component = "streamfields",
};
