/*
 * A container's log as the engine sends it: which request asks for it, the stream's bytes to parts,
 * and what the stream's end means.  Keeps no state of the container and knows no follower: what
 * came of it is an outcome (outcome.h).  One per follower, on the input's thread.
 *
 * Happy path: source_api_open(); source_api_feed() with what the stream brings; source_api_ended()
 * once it is over; source_api_finish() if that was the end of the log.
 */
#ifndef TALLYD_LOGS_SOURCE_API_H
#define TALLYD_LOGS_SOURCE_API_H

#include "docker/docker_stream.h"
#include "logs/log_resume.h"
#include "sources/log_frames.h"
#include "sources/log_raw.h"

struct source_api {
	struct docker_stream *stream; /* NULL: none is open */
	struct log_frames frames;     /* of a container without a terminal */
	struct log_raw raw;           /* of one with a terminal */
	enum log_outcome outcome;     /* of the bytes so far */
	bool whole; /* nothing lies in front of what was asked for: reading cannot begin further
		       back */
};

/* What to ask for. */
struct source_api_request {
	const char *id;
	const struct log_resume *resume;
	uint32_t last_lines; /* if nothing was accepted before; 0: all */
	unsigned tail_step;  /* how far back: one more after each LOG_WIDEN */
	bool seconds;        /* the engine's times are whole seconds (Podman) */
	bool follow;         /* the stream goes on while the container runs */
};

/* max_line: bytes of a line. */
void source_api_init(struct source_api *api, size_t max_line);
void source_api_done(struct source_api *api);

/* Opens a stream, which calls are made for with arg.  0 or -errno of streams_open(). */
int source_api_open(struct source_api *api, struct docker_streams *streams,
		    const struct source_api_request *request, const struct stream_calls *calls,
		    void *arg);
/* Not from within the stream's calls; without an open stream it does nothing. */
void source_api_close(struct source_api *api, struct docker_streams *streams);

/* Bytes of the stream.  Anything but LOG_MORE: enough, which source_api_ended() returns again. */
enum log_outcome source_api_feed(struct source_api *api, bool terminal, char *bytes, size_t len,
				 const struct log_frame_calls *calls);
/* The stream is over: what came of it, and in words if LOG_REFUSED or LOG_UNREADABLE. */
enum log_outcome source_api_ended(struct source_api *api, const struct fetch_answer *answer,
				  char ret_why[FETCH_REASON_SIZE]);
/* The log ended with the stream: a terminal's last line may lack its newline. */
enum log_outcome source_api_finish(struct source_api *api, log_part_fn *part, void *arg);

#endif
