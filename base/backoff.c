/* Nothing can fail: without random numbers from the kernel the clock is the seed. */
#include "base/backoff.h"

#include <limits.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/hash.h"

int64_t backoff_pause(int64_t first, int64_t most, unsigned failures)
{
	while (failures-- > 0 && first < most)
		first = first <= most / 2 ? 2 * first : most;
	return first < most ? first : most;
}

int64_t backoff_next(struct backoff *backoff)
{
	int64_t pause = backoff_pause(backoff->first, backoff->most, backoff->failures);
	if (backoff->failures < UINT_MAX)
		backoff->failures++;
	if (backoff->seed == 0 && getrandom(&backoff->seed, sizeof(backoff->seed), GRND_NONBLOCK) !=
					  sizeof(backoff->seed))
		backoff->seed = (uint64_t)clock_monotonic();
	backoff->seed = hash_word(backoff->seed, backoff->failures);
	return 1 + (int64_t)(backoff->seed % (uint64_t)pause);
}
