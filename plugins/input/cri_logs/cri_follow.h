/*
 * One container whose log file is followed.  Called by cri_session.c, on the input's thread.
 *
 * Happy path: made when its link is seen; its file is opened where the position says, and read
 * whenever it was written to; when the link is gone, what is left is read and the follower is done.
 * What can fail: opening or reading, which is tried again after a while; rows that were not taken
 * (LOG_LOST), which are read again from the position that is safe in the buffer; a file that is no
 * log, which is looked at again.
 */
#ifndef TALLYD_CRI_FOLLOW_H
#define TALLYD_CRI_FOLLOW_H

#include "base/backoff.h"
#include "cri/cri_list.h"
#include "logs/ingest.h"
#include "logs/source_file.h"

/* What the followers of an instance share. */
struct cri_reading {
	struct log_common common;
	int inotify_fd; /* -1: not running */
	char *buffer;   /* LOG_FILE_BUFFER bytes */
};

struct cri_follow {
	struct cri_reading *reading;
	struct ingest ingest;
	struct source_file file; /* closed: it is opened when it is due */
	struct log_damage damage;
	char path[CRI_PATH_SIZE];
	bool older;    /* than the start of the instance: first_sight applies */
	bool gone;     /* its link is */
	bool done;     /* and all of its log was read */
	bool reported; /* that it cannot be read */
	int64_t due;   /* monotonic ns */
	struct backoff backoff;
};

/* NULL: no memory. */
struct cri_follow *cri_follow_create(struct cri_reading *reading,
				     const struct cri_container *container, bool older);
/* Hands over what waits. */
void cri_follow_destroy(struct cri_follow *follow);

/* Its link is gone, or there again. */
void cri_follow_set_gone(struct cri_follow *follow, bool gone);
/* Opens its file if that is due, and reads a chunk of it.  true: there may be more. */
bool cri_follow_step(struct cri_follow *follow, int64_t now);
void cri_follow_end_messages(struct cri_follow *follow, int64_t due);
void cri_follow_flush(struct cri_follow *follow);
/* When to step next, beside writes to its file; monotonic ns. */
int64_t cri_follow_due(const struct cri_follow *follow);

#endif
