/*
 * See source_api.h.  Called by follower.c only, some of it from within the stream's calls.
 *
 * Where to begin is not found by a scan of the log, which would cost the engine as much as the log
 * is long: the last 256 lines are asked for, and if the first that comes lies behind the position
 * (LOG_WIDEN), 16 times as many, and so on; only then all since the position's time, for which the
 * engine reads the log from its beginning (342 MB: 6 s of a core, where tail=5000 takes 20 ms).
 */
#include "sources/source_api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

static const uint32_t tail_steps[] = {256, 4096, 65536, 1048576};

enum { TAIL_STEPS = sizeof(tail_steps) / sizeof(tail_steps[0]) };
enum { FRAME_ROOM = 64 }; /* for the time in front of a part */

void source_api_init(struct source_api *api, size_t max_line)
{
	*api = (struct source_api){.frames.max = max_line + FRAME_ROOM};
	api->raw.max = max_line + (max_line / LOG_PART_FULL + 2) * FRAME_ROOM;
}

void source_api_done(struct source_api *api)
{
	log_frames_done(&api->frames);
	log_raw_done(&api->raw);
}

/* ---- Opening ---- */

/* As a part of the query; empty: the log from its beginning.  Sets api->whole. */
static void choose_begin(struct source_api *api, const struct source_api_request *request,
			 char *ret, size_t size)
{
	const struct log_resume *resume = request->resume;
	/* Podman loses lines between the last so many and those that follow, and mixes up the
	 * parts of long ones; and to number the lines of a second all of them are needed. */
	bool by_time = request->seconds || log_resume_is_round(resume);
	api->whole = true;
	ret[0] = '\0';
	if (log_resume_is_empty(resume)) {
		if (request->last_lines > 0)
			snprintf(ret, size, "&tail=%u", request->last_lines);
		return;
	}
	if (request->tail_step < TAIL_STEPS && !by_time) {
		api->whole = false;
		snprintf(ret, size, "&tail=%u", tail_steps[request->tail_step]);
		return;
	}
	int64_t since = log_resume_since(resume);
	/* A position finer than the engine's times cannot be compared with them here; the engine
	 * can, and sends what lies behind it. */
	if (request->seconds && !log_resume_is_round(resume))
		since = log_resume_newest(resume);
	snprintf(ret, size, "&since=%" PRId64 ".%09" PRId64, since / CLOCK_SECOND,
		 since % CLOCK_SECOND);
}

int source_api_open(struct source_api *api, struct docker_streams *streams,
		    const struct source_api_request *request, const struct stream_calls *calls,
		    void *arg)
{
	char path[FETCH_PATH_SIZE], begin[64];
	const struct stream_request stream = {DOCKER_LOGS, path, calls, arg};
	choose_begin(api, request, begin, sizeof(begin));
	snprintf(path, sizeof(path),
		 "/containers/%s/logs?stdout=1&stderr=1&timestamps=1&follow=%d%s", request->id,
		 request->follow, begin);
	log_frames_restart(&api->frames);
	log_raw_restart(&api->raw);
	api->outcome = LOG_MORE;
	return streams_open(streams, &stream, &api->stream);
}

void source_api_close(struct source_api *api, struct docker_streams *streams)
{
	if (api->stream)
		streams_close(streams, api->stream);
	api->stream = NULL;
}

/* ---- Reading ---- */

enum log_outcome source_api_feed(struct source_api *api, bool terminal, char *bytes, size_t len,
				 const struct log_frame_calls *calls)
{
	api->outcome = terminal ? log_raw_feed(&api->raw, bytes, len, calls->part, calls->arg)
				: log_frames_feed(&api->frames, bytes, len, calls);
	return api->outcome;
}

enum log_outcome source_api_ended(struct source_api *api, const struct fetch_answer *answer,
				  char ret_why[FETCH_REASON_SIZE])
{
	ret_why[0] = '\0';
	api->stream = NULL;
	if (answer->error)
		return answer->error == ECANCELED ? api->outcome : LOG_FAILED;
	switch (answer->status) {
	case 200:
		return LOG_END;
	case 404:
		return LOG_NOT_FOUND;
	case 409: /* being removed: an event or a 404 will say when it is gone */
		return LOG_FAILED;
	case 501:
		docker_explain(answer, ret_why);
		return LOG_UNREADABLE;
	default:
		docker_explain(answer, ret_why);
		return LOG_REFUSED;
	}
}

enum log_outcome source_api_finish(struct source_api *api, log_part_fn *part, void *arg)
{
	return api->raw.len > 0 ? log_raw_end(&api->raw, part, arg) : LOG_MORE;
}
