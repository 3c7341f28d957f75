/*
 * What this process itself uses: memory, processor, file descriptors, threads, since when.  Read
 * from /proc when asked.  Any thread.
 */
#ifndef TALLYD_CORE_PROCESS_H
#define TALLYD_CORE_PROCESS_H

#include <stdint.h>
#include <tallyd/host.h>

struct process_usage {
	int64_t resident_bytes, threads, open_fds;
	double cpu_seconds;
	double start_time; /* seconds since 1970 */
};

/* What cannot be read stays 0. */
void process_read(struct process_usage *ret);

/* As Prometheus names them; what cannot be read is left out. */
int process_samples(tally_sample_fn *each, void *arg);

/* As many open files as the system allows: a poll of an old engine wants a connection per
 * container.  Nothing here uses select(), whose sets end at 1024.  Main thread, at the start. */
void process_raise_file_limit(void);

#endif
