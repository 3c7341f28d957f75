/* What the files of this plugin share: its configuration, its metrics and its bounds. */
#ifndef TALLYD_HTTP_API_H
#define TALLYD_HTTP_API_H

#include <tallyd/buffer.h>
#include <tallyd/host.h>
#include <tallyd/query.h>

enum {
	HTTP_MAX_TARGET = 8 << 10,    /* bytes of path and query */
	HTTP_MAX_HEADERS = 8 << 10,   /* bytes of all header lines */
	HTTP_MAX_UPLOAD = 1 << 10,    /* bytes of a request's body, where one is taken */
	HTTP_MAX_BODY = 16 << 20,     /* of an answer */
	HTTP_MAX_OUTGOING = 64 << 20, /* of answers on their way, each with its other coding */
};

struct http_config {
	const char *listen;
	struct tally_store *store;
	int64_t max_query_range_days, max_results_per_query;
	int64_t query_timeout, search_time, client_timeout;
	int64_t threads, max_connections, max_connections_per_address;
	bool insecure, container_metrics;
	const char *tls_cert, *tls_key;   /* files; NULL: no TLS */
	const char *const *cors_origins;  /* NULL: none */
	const char *tokens_file;          /* NULL: requests need no token */
	const char *const *allowed_hosts; /* NULL: none but this machine's own names */
	int64_t session_life, session_idle;
	const struct tally_named_cache *cache;
	const char *cache_scope; /* NULL: nothing is shared with another instance */
	int64_t cache_size;
	int64_t cache_ttl_containers, cache_ttl_stats, cache_ttl_images, cache_ttl_history;
	int64_t live; /* enum http_live */
	int64_t live_memory, live_client_memory, live_heartbeat, max_streams;
};

/* Where streams get their rows from; in the order of the option's choices. */
enum http_live { HTTP_LIVE_AUTO, HTTP_LIVE_PIPELINE, HTTP_LIVE_STORE, HTTP_LIVE_OFF };

/* What requests are counted under. */
enum http_class {
	HTTP_CONTAINERS,
	HTTP_STATS,
	HTTP_LOGS,
	HTTP_EVENTS,
	HTTP_IMAGES,
	HTTP_TABLES,
	HTTP_DAEMON,
	HTTP_HEALTH,
	HTTP_METRICS,
	HTTP_STREAM,
	HTTP_OTHER,   /* from here on no scopes */
	HTTP_SESSION, /* signing in and out */
	HTTP_CLASSES
};

/* What answers are kept as, each for its own time. */
enum cache_class {
	CACHE_CLASS_CONTAINERS,
	CACHE_CLASS_STATS,
	CACHE_CLASS_IMAGES,
	CACHE_CLASS_HISTORY,
	CACHE_CLASS_NONE
};

enum { HTTP_STATUS_CLASSES = 3 }; /* 2xx and 3xx, 4xx, 5xx */

/* Of a cache behind the memory. */
enum http_level_result {
	HTTP_LEVEL_HIT,
	HTTP_LEVEL_MISS,
	HTTP_LEVEL_ERROR,
	HTTP_LEVEL_TIMEOUT,
	HTTP_LEVEL_REFUSED, /* what was there was not ours, or damaged */
	HTTP_LEVEL_RESULTS
};
enum { HTTP_LEVELS = 2 }; /* at most */

enum http_cache_result { HTTP_CACHE_HIT, HTTP_CACHE_MISS, HTTP_CACHE_STALE, HTTP_CACHE_RESULTS };

/* In the order of http_metrics[]: first requests_total, by class and status class. */
enum http_metric {
	HTTP_REQUESTS = 0,
	HTTP_REQUEST_TIME = HTTP_CLASSES * HTTP_STATUS_CLASSES,
	HTTP_IN_FLIGHT,
	HTTP_MALFORMED,
	HTTP_BUSY,
	HTTP_SLOW,
	HTTP_TIMEOUTS,
	HTTP_STORE_ERRORS,
	HTTP_DENIED,
	HTTP_THROTTLED,
	HTTP_FULL,
	HTTP_FULL_ADDRESS,
	HTTP_CACHE_REQUESTS, /* by kind and result: hit, miss, stale */
	/* by level, kind and result */
	HTTP_LEVEL_REQUESTS = HTTP_CACHE_REQUESTS + CACHE_CLASS_NONE * HTTP_CACHE_RESULTS,
	HTTP_CACHE_BYTES =
		HTTP_LEVEL_REQUESTS + HTTP_LEVELS * CACHE_CLASS_NONE * HTTP_LEVEL_RESULTS,
	HTTP_CACHE_ENTRIES,
	HTTP_CACHE_EVICTIONS,
	HTTP_STREAMS,
	HTTP_STREAM_MISSED,
	HTTP_STREAM_SUBSCRIBED,
	HTTP_STREAM_REFUSED,
	HTTP_CERTIFICATE_EXPIRY,
};

extern const struct tally_metric http_metrics[];

#endif
