/*
 * Open-ended answers on one multi handle: events and followed logs.  docker_events.c and
 * docker_logs call this on the instance's thread; the callbacks of a request run within
 * streams_act().
 *
 * A stream is a transfer of docker_transfer.c with other callbacks for headers and data.  It ends
 * in exactly one call of ended(), or without one by streams_close().  What can fail: no 200 comes
 * (the beginning of the body is kept for the message), the connection breaks, or data() returns
 * false.
 */
#include "docker/docker_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "docker/docker_multi.h"
#include "docker/docker_transfer.h"

enum { STREAM_BUFFER = 65536, STREAM_REFUSAL = 512 };

struct docker_stream {
	struct docker_stream *next, **link; /* in its streams */
	struct docker_transfer *transfer;
	struct docker *docker;
	enum docker_call call;
	const struct stream_calls *calls;
	void *arg;
	int64_t begun;
	long status; /* 0: no headers yet */
	bool enough; /* data() returned false */
	char refusal[STREAM_REFUSAL];
	size_t refusal_len;
};

struct docker_streams {
	struct docker *docker;
	struct docker_target target;
	struct docker_multi multi;
	struct docker_stream *first;
};

/* ---- Callbacks of libcurl ---- */

/* The empty line ends the headers.  The stream is counted as answered here and not at its end,
 * which may be days away: `engine_seconds_total` is about how long the engine takes to answer. */
static size_t on_header(char *line, size_t one, size_t len, void *arg)
{
	struct docker_stream *stream = arg;
	(void)one;
	if (len > 2 || line[0] != '\r')
		return len;
	curl_easy_getinfo(stream->transfer->easy, CURLINFO_RESPONSE_CODE, &stream->status);
	if (stream->status != 200)
		return len;
	const struct fetch_answer agreed = {.status = 200,
					    .took = clock_monotonic() - stream->begun};
	docker_count(stream->docker, stream->call, &agreed);
	if (stream->calls->opened)
		stream->calls->opened(stream->arg);
	return len;
}

static size_t on_data(char *bytes, size_t one, size_t len, void *arg)
{
	struct docker_stream *stream = arg;
	(void)one;
	if (stream->status != 200) {
		size_t room = STREAM_REFUSAL - 1 - stream->refusal_len;
		size_t kept = len < room ? len : room;
		memcpy(stream->refusal + stream->refusal_len, bytes, kept);
		stream->refusal_len += kept;
		return len;
	}
	stream->enough = !stream->calls->data(stream->arg, bytes, len);
	return stream->enough ? 0 : len;
}

/* ---- Opening and closing ---- */

static void stream_free(struct docker_streams *streams, struct docker_stream *stream)
{
	*stream->link = stream->next;
	if (stream->next)
		stream->next->link = stream->link;
	curl_multi_remove_handle(streams->multi.curl, stream->transfer->easy);
	docker_transfer_destroy(stream->transfer);
	free(stream);
}

static void stream_prepare(const struct docker_streams *streams, struct docker_stream *stream,
			   const char *path)
{
	const struct docker_target *target = &streams->target;
	char url[DOCKER_ENDPOINT_SIZE + FETCH_PATH_SIZE];
	CURL *easy = stream->transfer->easy;
	snprintf(url, sizeof(url), "%s/v1.%u%s", target->endpoint->url, docker_api(streams->docker),
		 path);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	/* No total timeout, as it is open-ended.  docker_events.c watches for the first answer. */
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(target->timeout / CLOCK_MS));
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)STREAM_BUFFER);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, stream);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, stream);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, stream);
}

int streams_open(struct docker_streams *streams, const struct stream_request *request,
		 struct docker_stream **ret)
{
	int r = docker_check_request(streams->docker, request->call, request->path);
	if (r < 0)
		return r;
	struct docker_stream *stream = calloc(1, sizeof(*stream));
	if (!stream)
		return -ENOMEM;
	stream->transfer = docker_transfer_create(streams->target.endpoint, &streams->target.tls);
	if (!stream->transfer) {
		free(stream);
		return -ENOMEM;
	}
	stream->docker = streams->docker;
	stream->call = request->call;
	stream->calls = request->calls;
	stream->arg = request->arg;
	stream->begun = clock_monotonic();
	stream->next = streams->first;
	stream->link = &streams->first;
	if (stream->next)
		stream->next->link = &stream->next;
	streams->first = stream;
	stream_prepare(streams, stream, request->path);
	if (curl_multi_add_handle(streams->multi.curl, stream->transfer->easy) != CURLM_OK) {
		stream_free(streams, stream);
		return -ENOMEM;
	}
	*ret = stream;
	return 0;
}

void streams_close(struct docker_streams *streams, struct docker_stream *stream)
{
	stream_free(streams, stream);
}

/* ---- Acting ---- */

void streams_act(struct docker_streams *streams)
{
	struct CURLMsg *message;
	int left;
	docker_multi_act(&streams->multi, 0);
	while ((message = curl_multi_info_read(streams->multi.curl, &left)) != NULL) {
		struct docker_stream *stream = NULL;
		char reason[FETCH_REASON_SIZE] = "", body[STREAM_REFUSAL];
		struct fetch_answer answer = {.reason = reason};
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &stream);
		docker_transfer_answer(stream->transfer, message->data.result, &answer, reason);
		if (stream->enough) {
			answer.error = ECANCELED;
			snprintf(reason, sizeof(reason), "ended by its reader");
		}
		/* The stream is freed before its owner hears of the end, so that ended() may open
		 * the next one or close others; what ended() needs is copied before. */
		memcpy(body, stream->refusal, sizeof(body));
		answer.body = body;
		answer.len = stream->refusal_len;
		if (stream->status != 200)
			docker_count(stream->docker, stream->call, &answer);
		else if (!stream->enough)
			docker_count_fault(stream->docker, stream->call, &answer);
		const struct stream_calls *calls = stream->calls;
		void *arg = stream->arg;
		stream_free(streams, stream);
		calls->ended(arg, &answer);
	}
}

int streams_fd(const struct docker_streams *streams)
{
	return streams->multi.epoll_fd;
}

int64_t streams_due(const struct docker_streams *streams)
{
	return streams->multi.timer;
}

/* ---- Creating and destroying ---- */

void streams_destroy(struct docker_streams *streams)
{
	if (!streams)
		return;
	while (streams->first)
		stream_free(streams, streams->first);
	docker_multi_done(&streams->multi);
	free(streams);
}

int streams_create(struct docker *docker, struct docker_streams **ret)
{
	struct docker_streams *streams = calloc(1, sizeof(*streams));
	if (!streams)
		return -ENOMEM;
	streams->docker = docker;
	docker_target(docker, &streams->target);
	int r = docker_multi_init(&streams->multi, -1);
	if (r < 0) {
		streams_destroy(streams);
		return r;
	}
	*ret = streams;
	return 0;
}
