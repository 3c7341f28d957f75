/*
 * What is logged and counted about one container's log, so that follower.c can be read without it.
 * Each message names the container, says what is wrong and what happens next.  Never changes what a
 * follower does.
 */
#ifndef TALLYD_LOGS_REPORT_H
#define TALLYD_LOGS_REPORT_H

#include "follower.h"

/* An outcome that means trouble.  why: in words, where source_api.h gives some; else NULL. */
void report_outcome(struct follower *follower, int outcome, const char *why);
/* A file cannot be opened, so the API is used; reported once per instance. */
void report_file_not_opened(struct docker_logs *logs, const char *path, int error);
void report_file_read_error(const struct follower *follower, int error);
/* Takes over what log_file.h has counted of gaps and damage since the last call.  last: the
 * file is about to be closed, so nothing is held back for the next minute. */
void report_damage(struct follower *follower, bool last);
/* An error message of the engine within the stream; arg: a struct ingest. */
void report_engine_text(void *arg, const char *text, size_t len);

#endif
