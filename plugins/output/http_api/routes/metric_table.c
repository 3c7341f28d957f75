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
		.help = "Requests and connections refused, and slow clients disconnected.",        \
		.labels = "reason=\"" why "\"", .kind = TALLY_METRIC_COUNTER                       \
	}

#define CACHE(of, result)                                                                          \
	{                                                                                          \
		.name = "cache_requests_total",                                                    \
		.help = "Requests answered from the cache, from the store, or with a stale "       \
			"answer.",                                                                 \
		.labels = "kind=\"" of "\",result=\"" result "\"", .kind = TALLY_METRIC_COUNTER    \
	}
#define CACHE_OF(of) CACHE(of, "hit"), CACHE(of, "miss"), CACHE(of, "stale")

#define LEVEL(level, of, result)                                                                   \
	{                                                                                          \
		.name = "cache_level_requests_total",                                              \
		.help = "Lookups in a shared cache; level 2 is the first after memory; refused: "  \
			"damaged or foreign.",                                                     \
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
	REQUESTS_OF("session"),
	{.name = "request_seconds_total",
	 .unit = "ns",
	 .help = "Time from the request's last byte to its answer, summed over all requests.",
	 .kind = TALLY_METRIC_COUNTER},
	{.name = "requests_in_flight",
	 .help = "Requests that wait for a worker or are being answered by one.",
	 .kind = TALLY_METRIC_GAUGE},
	REFUSED("malformed"),
	REFUSED("busy"),
	REFUSED("slow"),
	{.name = "timeouts_total",
	 .help = "Requests answered with 503 because query_timeout had passed.",
	 .kind = TALLY_METRIC_COUNTER},
	{.name = "store_errors_total",
	 .help = "Queries that failed in the store or were not answered in time.",
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
	 .help = "Memory of cached answers.",
	 .kind = TALLY_METRIC_GAUGE},
	{.name = "cache_entries", .help = "Cached answers.", .kind = TALLY_METRIC_GAUGE},
	{.name = "cache_evictions_total",
	 .help = "Answers evicted before they expired.",
	 .kind = TALLY_METRIC_COUNTER},
	{.name = "streams", .help = "Clients of streams.", .kind = TALLY_METRIC_GAUGE},
	{.name = "stream_missed_total",
	 .help = "Events that clients of streams missed.",
	 .kind = TALLY_METRIC_COUNTER},
	{.name = "stream_followed",
	 .help = "1: streams are subscribed to the channels of a cache; 0: they are not.",
	 .kind = TALLY_METRIC_GAUGE},
	{.name = "stream_refused_total",
	 .help = "Messages on these channels that were not rows.",
	 .kind = TALLY_METRIC_COUNTER},
	{.name = "certificate_expiry_timestamp_seconds",
	 .help = "When the first certificate of tls_cert expires, in Unix time; 0: no TLS.",
	 .kind = TALLY_METRIC_GAUGE},
	{.name = NULL},
};
