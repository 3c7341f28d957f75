/*
 * A clock that is set back would give new lines times that lie before what was accepted, so that
 * they would count as read.  It is noticed, and the positions follow it.  Called whenever bytes of
 * a log have come, before they are looked into; on the input's thread.
 */
#ifndef TALLYD_LOGS_CLOCK_STEP_H
#define TALLYD_LOGS_CLOCK_STEP_H

struct docker_logs;

void clock_step_check(struct docker_logs *logs);

#endif
