/*
 * The least that reading containers' cgroup files can cost: all opened once, each read from its
 * start into one buffer in each round, nothing looked at.
 *
 *	bench_cgroup_floor ROUNDS [PAUSE_MS] <paths
 *
 * Prints the median round's wall and CPU time, after one that is not counted.  The pause between
 * rounds leaves the caches as cold as they are for a daemon that sleeps.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FILES = 100000, MAX_ROUNDS = 1000 };

static int fds[MAX_FILES];
static unsigned n_files;

static void allow_many_files(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static void open_all(void)
{
	char path[4096];
	while (n_files < MAX_FILES && fgets(path, sizeof(path), stdin)) {
		path[strcspn(path, "\n")] = '\0';
		fds[n_files] = open(path, O_RDONLY | O_CLOEXEC);
		if (fds[n_files] < 0) {
			perror(path);
			exit(1);
		}
		n_files++;
	}
}

static double ms_of(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void read_all(size_t *bytes)
{
	static char buffer[65536];
	for (unsigned i = 0; i < n_files; i++) {
		ssize_t n = pread(fds[i], buffer, sizeof(buffer), 0);
		if (n < 0) {
			perror("pread");
			exit(1);
		}
		*bytes += (size_t)n;
	}
}

static int by_value(const void *a, const void *b)
{
	const double *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

static double median(double *values, unsigned long n)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[n / 2];
}

int main(int argc, char **argv)
{
	static double wall[MAX_ROUNDS], cpu[MAX_ROUNDS];
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long pause_ms = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	const struct timespec pause = {(time_t)(pause_ms / 1000),
				       (long)(pause_ms % 1000) * 1000000};
	size_t bytes = 0;
	if (rounds == 0 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: %s ROUNDS [PAUSE_MS] <paths\n", argv[0]);
		return 2;
	}
	allow_many_files();
	open_all();
	read_all(&bytes);
	bytes = 0;
	for (unsigned long i = 0; i < rounds; i++) {
		nanosleep(&pause, NULL);
		double wall_before = ms_of(CLOCK_MONOTONIC);
		double cpu_before = ms_of(CLOCK_PROCESS_CPUTIME_ID);
		read_all(&bytes);
		cpu[i] = ms_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_before;
		wall[i] = ms_of(CLOCK_MONOTONIC) - wall_before;
	}
	printf("files=%u bytes=%zu wall_ms=%.3f cpu_ms=%.3f\n", n_files, bytes / rounds,
	       median(wall, rounds), median(cpu, rounds));
	return 0;
}
