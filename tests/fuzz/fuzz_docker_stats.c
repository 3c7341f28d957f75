/* The answer of GET /containers/ID/stats, and CPU percent of two such. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stats_baseline.h"
#include "stats_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compute(const struct stats *stats)
{
	struct docker_container container = {.status = "Up 5 minutes"};
	struct stats_baseline baseline = {.cpu.time = 1, .container = &container};
	double percent;
	for (int i = 0; i < 2; i++)
		if (stats_baseline_cpu(&baseline, stats, &percent) &&
		    (!isfinite(percent) || percent < 0))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stats stats;
	size_t offset = 0;
	/* Exactly as long, so that a read past the end is seen. */
	char *text = malloc(size ? size : 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	if (!stats_read(text, size, &stats, &offset))
		compute(&stats);
	else if (offset > size)
		abort();
	free(text);
	return 0;
}
