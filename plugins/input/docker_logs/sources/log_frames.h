/*
 * The stream of a container without a terminal: frames of an 8-byte head (type, 0, 0, 0, length in
 * big endian) and a text with its time in front.  Takes the stream in pieces of any size.
 *
 * What can fail: bytes that are not a frame, after which nothing can be trusted; the engine's own
 * error messages (type 3), which go to engine_error().
 *
 * Source: "Stream format" of the Docker Engine API's POST /containers/{id}/attach.
 */
#ifndef TALLYD_LOG_FRAMES_H
#define TALLYD_LOG_FRAMES_H

#include "logs/log_part.h"

enum { LOG_FRAME_HEAD = 8 };

struct log_frames {
	size_t max; /* bytes of a frame that are kept, its time among them */
	unsigned char head[LOG_FRAME_HEAD];
	size_t head_len;
	char *body; /* of a frame that came in pieces */
	size_t body_len, body_size;
	size_t cut, left; /* of its bytes: not kept; still to come */
	char last;
};

struct log_frame_calls {
	log_part_fn *part;
	void (*engine_error)(void *arg, const char *text, size_t len);
	void *arg;
};

/* LOG_GARBAGE, LOG_LOST (no memory), or what part() returned.  It may write to bytes. */
enum log_outcome log_frames_feed(struct log_frames *frames, char *bytes, size_t len,
				 const struct log_frame_calls *calls);
/* Forgets a frame that has begun, for a new connection. */
void log_frames_restart(struct log_frames *frames);
void log_frames_done(struct log_frames *frames);

#endif
