/*
 * How everything is: for the log (SIGUSR1), and for `tallyd status` and `tallyd healthcheck`, which
 * ask through a socket in state_dir (status_socket.h).  Main thread.
 */
#ifndef TALLYD_CORE_STATUS_H
#define TALLYD_CORE_STATUS_H

#include <stdio.h>

#include "base/json_writer.h"
#include "runtime/daemon.h"

/* The lines that SIGUSR1 logs, into a file: "input.docker_stats: running, …". */
void status_print(struct daemon *daemon, FILE *file);

/* Is something wrong that an operator or a load balancer should know?  The reasons in one line,
 * as many as fit.  true: healthy. */
bool status_health(struct daemon *daemon, char *ret_reasons, size_t size);

/* The same as one object. */
void status_json(struct daemon *daemon, struct json_writer *json);

/* Sums the samples of a metric whose labels have key="name"; status.c. */
double status_total(struct daemon *daemon, const char *metric, const char *key, const char *name);

#endif
