/*
 * The daemon's metrics, added up to the few numbers that a row has.  Any thread.
 */
#ifndef TALLYD_SELF_SAMPLES_H
#define TALLYD_SELF_SAMPLES_H

#include <tallyd/host.h>

enum { SELF_BUFFERS = 32, SELF_BUFFER_LABELS = 96 };

struct self_buffer {
	char labels[SELF_BUFFER_LABELS];
	double bytes;
};

/* Zeroed is empty. */
struct self_samples {
	uint64_t failing, blocked, rows_waiting, rows_dropped;
	double buffer_percent, rollup_lag_s, clock_offset_s;
	bool has_buffer, has_rollup_lag, has_clock_offset;
	double started_s, cpu_s, mem_bytes; /* 0: the kernel did not say */
	/* While samples come. */
	struct self_buffer buffers[SELF_BUFFERS];
	unsigned n_buffers;
	double leader_lag_s;
	bool has_leader_lag, leads;
};

/* A tally_sample_fn; arg: struct self_samples. */
int self_samples_add(void *arg, const struct tally_sample *sample);
/* Once all are in. */
void self_samples_end(struct self_samples *samples);

#endif
