/* The kinds of requests, for the metrics and the list of requests. */
#ifndef TALLYD_PLUGINS_COMMON_DOCKER_CALL_H
#define TALLYD_PLUGINS_COMMON_DOCKER_CALL_H

enum docker_call {
	DOCKER_VERSION,
	DOCKER_LIST,
	DOCKER_STATS,
	DOCKER_INSPECT,
	DOCKER_EVENTS,
	DOCKER_IMAGES,
	DOCKER_LOGS,
	DOCKER_INFO,
	DOCKER_CALLS
};

#endif
