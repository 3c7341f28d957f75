/* What a process holds: memory, descriptors, threads.  Any thread. */
#ifndef TALLYD_CORE_MEASURE_H
#define TALLYD_CORE_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MEASURE_DESCRIPTORS = 1024 };

struct measure {
	size_t bytes;                            /* allocated and not freed */
	uint64_t open[MEASURE_DESCRIPTORS / 64]; /* which descriptors */
	unsigned descriptors;
	unsigned threads;
};

void measure_take(struct measure *ret);
/* Waits a moment until there are that many threads: one that was joined is still listed for an
 * instant.  How many there are. */
unsigned measure_threads(unsigned expected);
/* One that was opened in between, and what it is: "socket:[123]", "/path".  False: none. */
bool measure_new_descriptor(const struct measure *before, const struct measure *after, char *ret,
			    size_t size);
/* Something else is where memory was freed, so that who reads it there notices. */
void measure_churn(void);
/* From now on freed memory is overwritten. */
void measure_perturb(void);

#endif
