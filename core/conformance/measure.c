/*
 * From malloc and /proc/self; in a build with a sanitizer, which replaces malloc, from the
 * sanitizer.  Called by the checks, in their child.  What cannot be read counts as 0.
 */
#include "conformance/measure.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static unsigned measure_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n > 2 ? n - 2 : 0;
}

static size_t measure_bytes(void)
{
	typedef size_t sanitizer_fn(void);
	const union {
		void *object;
		sanitizer_fn *function;
	} symbol = {dlsym(RTLD_DEFAULT, "__sanitizer_get_current_allocated_bytes")};
	if (symbol.object)
		return symbol.function();
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

void measure_take(struct measure *ret)
{
	*ret = (struct measure){.bytes = measure_bytes()};
	for (int fd = 0; fd < MEASURE_DESCRIPTORS; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		ret->descriptors++;
		ret->open[fd / 64] |= UINT64_C(1) << fd % 64;
	}
	ret->threads = measure_entries("/proc/self/task");
}

unsigned measure_threads(unsigned expected)
{
	const struct timespec turn = clock_timespec(CLOCK_MS);
	int64_t deadline = clock_monotonic() + CLOCK_SECOND / 2;
	unsigned n = measure_entries("/proc/self/task");
	while (n > expected && clock_monotonic() < deadline) {
		nanosleep(&turn, NULL);
		n = measure_entries("/proc/self/task");
	}
	return n;
}

bool measure_new_descriptor(const struct measure *before, const struct measure *after, char *ret,
			    size_t size)
{
	char path[64];
	for (unsigned fd = 0; fd < MEASURE_DESCRIPTORS; fd++) {
		uint64_t bit = UINT64_C(1) << fd % 64;
		if (!(after->open[fd / 64] & bit) || before->open[fd / 64] & bit)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%u", fd);
		ssize_t n = readlink(path, ret, size - 1);
		ret[n > 0 ? n : 0] = '\0';
		return true;
	}
	return false;
}

/* Small pieces are kept for reuse as they are: taking them makes them say something else. */
void measure_churn(void)
{
	enum { PIECES = 24, LARGEST = 2048, STEP = 16 };
	char *pieces[PIECES];
	for (size_t size = STEP; size <= LARGEST; size += STEP) {
		for (int i = 0; i < PIECES; i++) {
			pieces[i] = malloc(size);
			if (pieces[i])
				memset(pieces[i], 'X', size);
		}
		for (int i = 0; i < PIECES; i++)
			free(pieces[i]);
	}
}

void measure_perturb(void)
{
	mallopt(M_PERTURB, 'X');
}
