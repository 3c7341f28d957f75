/*
 * See log_frames.h.  Called by source_api.c from within the stream's data(), on the input's thread.
 * curl hands over 64 KiB at most, cut anywhere; a frame that lies whole in them is read where it
 * is, only one that is cut is gathered in `body`.
 */
#include "sources/log_frames.h"

#include <stdlib.h>
#include <string.h>

enum { FRAME_STDIN, FRAME_STDOUT, FRAME_STDERR, FRAME_ERROR, FRAME_TYPES };
enum { FRAME_KEPT_BODY = 65536 };

void log_frames_restart(struct log_frames *frames)
{
	frames->head_len = frames->body_len = frames->cut = frames->left = 0;
	if (frames->body_size <= FRAME_KEPT_BODY)
		return;
	free(frames->body);
	frames->body = NULL;
	frames->body_size = 0;
}

void log_frames_done(struct log_frames *frames)
{
	free(frames->body);
	*frames = (struct log_frames){.max = frames->max};
}

static enum log_outcome frame_hand_over(const struct log_frames *frames, char *text, size_t len,
					const struct log_frame_calls *calls)
{
	struct log_part part = {.stream =
					frames->head[0] == FRAME_STDERR ? LOG_STDERR : LOG_STDOUT};
	if (frames->head[0] == FRAME_ERROR) {
		calls->engine_error(calls->arg, text, len);
		return LOG_MORE;
	}
	char last = frames->cut ? frames->last : text[len - 1];
	if (!log_part_read(&part, text, len, frames->cut, last))
		return LOG_GARBAGE;
	return calls->part(calls->arg, &part);
}

/* As much of the frame as there is; what is over the bound is dropped, its last byte noted. */
static bool frame_keep(struct log_frames *frames, const char *bytes, size_t len)
{
	size_t room = frames->max - frames->body_len;
	size_t kept = len < room ? len : room;
	size_t size = frames->body_size ? frames->body_size : 4096;
	while (size < frames->body_len + kept)
		size *= 2;
	if (size > frames->body_size) {
		char *grown = realloc(frames->body, size);
		if (!grown)
			return false;
		frames->body = grown;
		frames->body_size = size;
	}
	memcpy(frames->body + frames->body_len, bytes, kept);
	frames->body_len += kept;
	frames->cut += len - kept;
	frames->left -= len;
	frames->last = bytes[len - 1];
	return true;
}

/* LOG_GARBAGE: whole, but not the head of a frame.  A type we know, three zeros, and a length: a
 * part has at least its time. */
static enum log_outcome frame_read_head(struct log_frames *frames, const char *bytes, size_t len,
					size_t *ret_taken)
{
	const unsigned char *head = frames->head;
	size_t wanted = LOG_FRAME_HEAD - frames->head_len;
	size_t used = len < wanted ? len : wanted;
	memcpy(frames->head + frames->head_len, bytes, used);
	frames->head_len += used;
	*ret_taken = used;
	if (used < wanted)
		return LOG_MORE;
	frames->left = (size_t)head[4] << 24 | (size_t)head[5] << 16 | (size_t)head[6] << 8 |
		       (size_t)head[7];
	bool fine = head[0] < FRAME_TYPES && !head[1] && !head[2] && !head[3] && frames->left > 0;
	return fine ? LOG_MORE : LOG_GARBAGE;
}

/* A frame that is here as a whole is not copied. */
static enum log_outcome frame_read_body(struct log_frames *frames, char *bytes, size_t len,
					const struct log_frame_calls *calls, size_t *ret_taken)
{
	size_t used = len < frames->left ? len : frames->left;
	enum log_outcome outcome = LOG_MORE;
	*ret_taken = used;
	if (used == frames->left && frames->body_len + frames->cut == 0 && used <= frames->max) {
		outcome = frame_hand_over(frames, bytes, used, calls);
		log_frames_restart(frames);
		return outcome;
	}
	if (used > 0 && !frame_keep(frames, bytes, used))
		return LOG_LOST;
	if (frames->left > 0)
		return LOG_MORE;
	outcome = frame_hand_over(frames, frames->body, frames->body_len, calls);
	log_frames_restart(frames);
	return outcome;
}

enum log_outcome log_frames_feed(struct log_frames *frames, char *bytes, size_t len,
				 const struct log_frame_calls *calls)
{
	enum log_outcome outcome = LOG_MORE;
	while (len > 0 && outcome == LOG_MORE) {
		size_t used = 0;
		if (frames->head_len < LOG_FRAME_HEAD)
			outcome = frame_read_head(frames, bytes, len, &used);
		else
			outcome = frame_read_body(frames, bytes, len, calls, &used);
		bytes += used;
		len -= used;
	}
	return outcome;
}
