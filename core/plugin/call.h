/*
 * Which function of a plugin an instance's thread is in, and since when: for saying what hangs when
 * it does not stop, and in the status.  One thread makes the calls, any thread reads.
 */
#ifndef TALLYD_CORE_CALL_H
#define TALLYD_CORE_CALL_H

#include <stdatomic.h>
#include <stdint.h>

#include "plugin/reason.h"
#include "base/clock.h"

struct call {
	_Atomic(const char *) name; /* NULL: in none */
	atomic_int_least64_t since; /* monotonic ns */
};

static inline void call_begin(struct call *call, const char *name)
{
	atomic_store(&call->since, clock_monotonic());
	atomic_store(&call->name, name);
}

static inline void call_end(struct call *call)
{
	atomic_store(&call->name, NULL);
}

/* r = NAMED_CALL(&instance->call, "gather", input->gather(self)); */
#define NAMED_CALL(call, function, expression)                                                     \
	({                                                                                         \
		call_begin(call, function);                                                        \
		int named_call_r = PLUGIN_CALL(expression);                                        \
		call_end(call);                                                                    \
		named_call_r;                                                                      \
	})

#endif
