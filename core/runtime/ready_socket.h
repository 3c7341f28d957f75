/*
 * Where `tallyd healthcheck --ready` asks: the socket `ready` in state_dir.  Ready means what the
 * path readyz of the HTTP API means, of any process: every store of the plan answers now, no input
 * waits for a buffer, no file is missing.
 *
 * A thread of its own serves it, since a store may take seconds to answer and the main thread waits
 * for nobody; nothing is asked while nobody wants to know.  Whoever connects gets lines, of which
 * the last one counts, also if no other comes in time:
 *
 *	unready output.timescale has not answered yet
 *	ready                                            or: unready REASONS
 *
 * Main thread, all of it.
 */
#ifndef TALLYD_CORE_READY_SOCKET_H
#define TALLYD_CORE_READY_SOCKET_H

#include "instance/binding.h"
#include "instance/plan.h"
#include "process/metrics.h"

struct ready_socket;

/* From when the daemon is ready; all but the plan outlive it.  NULL: no memory, no thread. */
struct ready_socket *ready_socket_start(const char *state_dir, struct bindings *bindings,
					struct metrics *metrics, struct plan *plan);
/* After a reload: the stores of this plan are asked.  NULL for ready is fine, here and below. */
void ready_socket_use(struct ready_socket *ready, struct plan *plan);
/* Answers nobody any more, without waiting for who is being answered. */
void ready_socket_close(struct ready_socket *ready);
void ready_socket_destroy(struct ready_socket *ready); /* waits for that */

#endif
