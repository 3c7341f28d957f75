/* If the clock of the engine's machine was set back, all positions follow it (clock_step.h).  On
 * the input's thread. */
#ifndef TALLYD_LOGS_CLOCK_H
#define TALLYD_LOGS_CLOCK_H

struct docker_logs;

void logs_clock_check(struct docker_logs *logs);

#endif
