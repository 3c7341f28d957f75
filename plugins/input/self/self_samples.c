/*
 * Samples are told apart by their names alone, but for the sizes of buffers: those of one buffer
 * have the same labels.  They come sorted by name, so bytes are known before capacities.
 */
#include "self_samples.h"

#include <stdio.h>
#include <string.h>

static void add_count(uint64_t *to, double value)
{
	*to += value > 0 ? (uint64_t)value : 0;
}

static void keep_larger(double *to, bool *has, double value)
{
	if (!*has || value > *to)
		*to = value;
	*has = true;
}

static void add_bytes(struct self_samples *samples, const struct tally_sample *sample)
{
	if (samples->n_buffers == SELF_BUFFERS)
		return;
	struct self_buffer *buffer = &samples->buffers[samples->n_buffers++];
	snprintf(buffer->labels, sizeof(buffer->labels), "%s", sample->labels);
	buffer->bytes = sample->value;
}

static void add_capacity(struct self_samples *samples, const struct tally_sample *sample)
{
	for (unsigned i = 0; i < samples->n_buffers; i++) {
		const struct self_buffer *buffer = &samples->buffers[i];
		if (strcmp(buffer->labels, sample->labels) == 0 && sample->value > 0)
			keep_larger(&samples->buffer_percent, &samples->has_buffer,
				    100 * buffer->bytes / sample->value);
	}
}

/* Of its name behind tallyd_. */
static void add_store(struct self_samples *samples, const char *name, double value)
{
	if (strcmp(name, "sqlite_rollup_lag_seconds") == 0)
		keep_larger(&samples->rollup_lag_s, &samples->has_rollup_lag, value);
	else if (strcmp(name, "timescale_rollup_lag_seconds") == 0)
		keep_larger(&samples->leader_lag_s, &samples->has_leader_lag, value);
	else if (strcmp(name, "timescale_leader") == 0)
		samples->leads |= value > 0;
	else if (strcmp(name, "timescale_clock_offset_seconds") == 0) {
		samples->has_clock_offset = true;
		samples->clock_offset_s = value;
	}
}

static void add_process(struct self_samples *samples, const char *name, double value)
{
	if (strcmp(name, "process_start_time_seconds") == 0)
		samples->started_s = value;
	else if (strcmp(name, "process_cpu_seconds_total") == 0)
		samples->cpu_s = value;
	else if (strcmp(name, "process_resident_memory_bytes") == 0)
		samples->mem_bytes = value;
}

int self_samples_add(void *arg, const struct tally_sample *sample)
{
	struct self_samples *samples = arg;
	const char *prefix = "tallyd_";
	if (strncmp(sample->name, prefix, strlen(prefix)) != 0) {
		add_process(samples, sample->name, sample->value);
		return 0;
	}
	const char *name = sample->name + strlen(prefix);
	if (strcmp(name, "instance_failing") == 0)
		add_count(&samples->failing, sample->value);
	else if (strcmp(name, "buffer_blocked") == 0)
		add_count(&samples->blocked, sample->value);
	else if (strcmp(name, "rows_waiting") == 0)
		add_count(&samples->rows_waiting, sample->value);
	else if (strcmp(name, "rows_dropped_total") == 0)
		add_count(&samples->rows_dropped, sample->value);
	else if (strcmp(name, "buffer_bytes") == 0)
		add_bytes(samples, sample);
	else if (strcmp(name, "buffer_capacity_bytes") == 0)
		add_capacity(samples, sample);
	else
		add_store(samples, name, sample->value);
	return 0;
}

/* Another daemon may lead, and know the delay; here it is then 0. */
void self_samples_end(struct self_samples *samples)
{
	if (samples->has_leader_lag && samples->leads)
		keep_larger(&samples->rollup_lag_s, &samples->has_rollup_lag,
			    samples->leader_lag_s);
}
