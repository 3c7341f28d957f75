/*
 * Which containers are followed, and what each of them is: the engine's list, and an inspect of
 * those that wait for one.  Called by session.c, on the input's thread, which waits for the engine
 * meanwhile.
 */
#ifndef TALLYD_LOGS_SCAN_H
#define TALLYD_LOGS_SCAN_H

#include "logs.h"

/* Follows one more, or counts that max_containers are followed already.  matched: it has passed the
 * operator's patterns. */
void scan_add(struct docker_logs *logs, const char *id, bool matched);
/* Inspects those that wait for it; whole: lists all containers before.  0, or what tally_fail()
 * returned. */
int scan_run(struct docker_logs *logs, bool whole);

#endif
