/*
 * Preloaded by the fault tests: the clock of the day as the file TALLYD_TEST_CLOCK has it, which
 * holds the nanoseconds to add.  The file may change at any time: a step of the clock.  The
 * monotonic clock stays as it is.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SHIM_SECOND = 1000000000 };

static const atomic_int_least64_t *shim_step;

__attribute__((constructor)) static void shim_open(void)
{
	const char *path = getenv("TALLYD_TEST_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (at == MAP_FAILED)
		abort();
	shim_step = at;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	static int (*real)(clockid_t, struct timespec *);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	int r = real(clock, ret);
	if (r < 0 || !shim_step || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
		return r;
	int64_t ns = ret->tv_sec * (int64_t)SHIM_SECOND + ret->tv_nsec + atomic_load(shim_step);
	ret->tv_sec = ns / SHIM_SECOND;
	ret->tv_nsec = ns % SHIM_SECOND;
	return 0;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}
