/* What the files of this plugin share: its configuration, its metrics and its bounds. */
#ifndef TALLYD_HTTP_API_H
#define TALLYD_HTTP_API_H

#include <tallyd/host.h>
#include <tallyd/query.h>

#define HTTP_SECOND INT64_C(1000000000)
#define HTTP_DAY (86400 * HTTP_SECOND)

enum {
	HTTP_MAX_TARGET = 8 << 10,  /* bytes of path and query */
	HTTP_MAX_HEADERS = 8 << 10, /* bytes of all header lines */
	HTTP_MAX_BODY = 16 << 20,   /* of an answer */
};

struct http_config {
	const char *listen;
	struct tally_store *store;
	int64_t max_query_range_days, max_results_per_query;
	int64_t query_timeout;
	int64_t threads, max_connections, max_connections_per_address;
	bool insecure;
};

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
	HTTP_OTHER,
	HTTP_CLASSES
};

enum { HTTP_STATUS_CLASSES = 3 }; /* 2xx, 4xx, 5xx */

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
};

extern const struct tally_metric http_metrics[];

#endif
