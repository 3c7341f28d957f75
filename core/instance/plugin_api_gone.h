/*
 * What is left of an instance when it is gone, for threads of its plugin that do not know it: the
 * gate they find closed, and texts that never go.  Any thread.
 */
#ifndef TALLYD_CORE_PLUGIN_API_GONE_H
#define TALLYD_CORE_PLUGIN_API_GONE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How many are inside; far below zero: closed.  Zeroed is open. */
struct plugin_api_gate {
	atomic_int inside;
};

bool plugin_api_gate_enter(struct plugin_api_gate *gate); /* false: closed */
void plugin_api_gate_leave(struct plugin_api_gate *gate);
/* Nobody enters any more; waits until everybody has left.  false: not by the deadline (monotonic
 * ns). */
bool plugin_api_gate_close(struct plugin_api_gate *gate, int64_t deadline);
extern const int64_t PLUGIN_API_LEAVE_TIMEOUT;

/* The same text, in memory that is never freed; each text once.  NULL stays NULL; "" if there is
 * no memory. */
const char *plugin_api_for_ever(const char *text);

/* Keeps the struct of a host, and gives the oldest kept one instead if there are too many. */
void *plugin_api_gone_keep(void *host);
/* Readable for ever. */
int plugin_api_gone_stop_fd(void);
/* One that could not be closed. */
void plugin_api_gone_stuck(void);

#endif
