/*
 * The metrics of this plugin, in the order of enum http_metric: endpoints and the server count by
 * place (HTTP_REQUESTS + class * HTTP_STATUS_CLASSES + status), so the macros here must unfold in
 * the order in which the enums count.  Read by the core when the plugin is loaded; the texts are
 * part of the generated reference.
 */
#include "http_api.h"

#define REQUESTS(class, status)                                                                    \
	{                                                                                          \
		.name = "requests_total", .help = "Requests answered.",                            \
		.labels = "endpoint=\"" class "\",status=\"" status "\"",                          \
		.kind = TALLY_METRIC_COUNTER                                                       \
	}
#define REQUESTS_OF(class) REQUESTS(class, "2xx"), REQUESTS(class, "4xx"), REQUESTS(class, "5xx")

#define REFUSED(why)                                                                               \
	{                                                                                          \
		.name = "refused_total",                                                           \
		.help = "Requests and connections turned away, and clients hung up on for "        \
			"being slow.",                                                             \
		.labels = "reason=\"" why "\"", .kind = TALLY_METRIC_COUNTER                       \
	}

#define CACHE(of, result)                                                                          \
	{                                                                                          \
		.name = "cache_requests_total",                                                    \
		.help = "Requests answered from the cache, from the store, or with an old "        \
			"answer.",                                                                 \
		.labels = "kind=\"" of "\",result=\"" result "\"", .kind = TALLY_METRIC_COUNTER    \
	}
#define CACHE_OF(of) CACHE(of, "hit"), CACHE(of, "miss"), CACHE(of, "stale")

#define LEVEL(level, of, result)                                                                   \
	{                                                                                          \
		.name = "cache_level_requests_total",                                              \
		.help = "Answers looked for in a cache behind the memory, 2 being the second "     \
			"that "                                                                    \
			"is named; refused: what was there was damaged or not ours.",              \
		.labels = "level=\"" level "\",kind=\"" of "\",result=\"" result "\"",             \
		.kind = TALLY_METRIC_COUNTER                                                       \
	}
#define LEVEL_OF(level, of)                                                                        \
	LEVEL(level, of, "hit"), LEVEL(level, of, "miss"), LEVEL(level, of, "error"),              \
		LEVEL(level, of, "timeout"), LEVEL(level, of, "refused")
#define LEVEL_ALL(level)                                                                           \
	LEVEL_OF(level, "containers"), LEVEL_OF(level, "stats"), LEVEL_OF(level, "images"),        \
		LEVEL_OF(level, "history")

const struct tally_metric http_metrics[] = {
	REQUESTS_OF("containers"),
	REQUESTS_OF("stats"),
	REQUESTS_OF("logs"),
	REQUESTS_OF("events"),
	REQUESTS_OF("images"),
	REQUESTS_OF("tables"),
	REQUESTS_OF("daemon"),
	REQUESTS_OF("health"),
	REQUESTS_OF("metrics"),
	REQUESTS_OF("stream"),
	REQUESTS_OF("other"),
	{.name = "request_seconds_total",
	 .unit = "ns",
	 .help = "Time from the request's last byte to its answer, summed over all requests.",
	 .kind = TALLY_METRIC_COUNTER},
	{.name = "requests_in_flight",
	 .help = "Requests that wait for a worker or are with one.",
	 .kind = TALLY_METRIC_GAUGE},
	REFUSED("malformed"),
	REFUSED("busy"),
	REFUSED("slow"),
	{.name = "timeouts_total",
	 .help = "Requests answered with 503 because query_timeout had passed.",
	 .kind = TALLY_METRIC_COUNTER},
	{.name = "store_errors_total",
	 .help = "Queries that the store failed or left unanswered.",
	 .kind = TALLY_METRIC_COUNTER},
	REFUSED("denied"),
	REFUSED("throttled"),
	REFUSED("connections"),
	REFUSED("connections_per_address"),
	CACHE_OF("containers"),
	CACHE_OF("stats"),
	CACHE_OF("images"),
	CACHE_OF("history"),
	LEVEL_ALL("2"),
	LEVEL_ALL("3"),
	{.name = "cache_bytes",
	 .unit = "bytes",
	 .help = "Memory that kept answers hold.",
	 .kind = TALLY_METRIC_GAUGE},
	{.name = "cache_entries", .help = "Answers that are kept.", .kind = TALLY_METRIC_GAUGE},
	{.name = "cache_evictions_total",
	 .help = "Answers given up before their time to make room.",
	 .kind = TALLY_METRIC_COUNTER},
	{.name = "streams", .help = "Clients that follow a stream.", .kind = TALLY_METRIC_GAUGE},
	{.name = "stream_missed_total",
	 .help = "Events that clients of streams were told they had missed.",
	 .kind = TALLY_METRIC_COUNTER},
	{.name = "stream_followed",
	 .help = "1: what streams show is heard on a cache's channels; 0: it is not.",
	 .kind = TALLY_METRIC_GAUGE},
	{.name = "stream_refused_total",
	 .help = "Messages on these channels that were no rows.",
	 .kind = TALLY_METRIC_COUNTER},
	{.name = "certificate_expiry_timestamp_seconds",
	 .help = "When the first certificate of tls_cert expires, in Unix time; 0: there is no "
		 "TLS.",
	 .kind = TALLY_METRIC_GAUGE},
	{.name = NULL},
};
