/* The input's run(): one session with the engine, from the first scan until the daemon stops it. */
#ifndef TALLYD_LOGS_SESSION_H
#define TALLYD_LOGS_SESSION_H

/* arg: a struct docker_logs.  0: stopped; else what tally_fail() returned. */
int session_run(void *arg);

#endif
