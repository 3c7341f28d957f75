/*
 * Fields of /proc/self/stat as in proc(5); those after the name's ')' are counted from 3.
 *
 * Called by plugin_api_metrics.c for the daemon's own metrics and by status.c.  The name in the
 * second field may hold blanks and parentheses, hence the search for the last ')'.  What cannot be
 * read stays 0.
 */
#include "process/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

static int64_t process_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int64_t n = 0;
	if (!dir)
		return 0;
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n - 1; /* the folder itself */
}

static void process_read_stat(struct process_usage *ret)
{
	auto_fclose FILE *file = fopen("/proc/self/stat", "re");
	char text[1024];
	unsigned long utime, stime;
	unsigned long long start;
	long threads, rss;
	if (!file || !fgets(text, sizeof(text), file))
		return;
	const char *after = strrchr(text, ')');
	if (!after || sscanf(after + 1,
			     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d"
			     " %ld %*d %llu %*u %ld",
			     &utime, &stime, &threads, &start, &rss) != 5)
		return;
	double ticks = (double)sysconf(_SC_CLK_TCK);
	ret->threads = threads;
	ret->resident_bytes = rss * sysconf(_SC_PAGESIZE);
	ret->cpu_seconds = (double)(utime + stime) / ticks;
	/* Wall time of the boot; a stepped clock moves it, as it does in `ps`. */
	ret->start_time = (double)(clock_now() - clock_ns(CLOCK_BOOTTIME)) / CLOCK_SECOND +
			  (double)start / ticks;
}

void process_read(struct process_usage *ret)
{
	*ret = (struct process_usage){.open_fds = process_count_fds()};
	process_read_stat(ret);
}

/* The names that Prometheus's client libraries use, so that ready-made dashboards find them. */
int process_samples(tally_sample_fn *each, void *arg)
{
	struct process_usage usage;
	process_read(&usage);
	const struct tally_sample samples[] = {
		{.name = "process_cpu_seconds_total",
		 .help = "Processor time used.",
		 .kind = TALLY_METRIC_COUNTER,
		 .value = usage.cpu_seconds},
		{.name = "process_open_fds",
		 .help = "Open file descriptors.",
		 .kind = TALLY_METRIC_GAUGE,
		 .value = (double)usage.open_fds},
		{.name = "process_resident_memory_bytes",
		 .help = "Resident memory.",
		 .kind = TALLY_METRIC_GAUGE,
		 .value = (double)usage.resident_bytes},
		{.name = "process_start_time_seconds",
		 .help = "When the daemon was started, in seconds since 1970.",
		 .kind = TALLY_METRIC_GAUGE,
		 .value = usage.start_time},
		{.name = "process_threads",
		 .help = "Threads.",
		 .kind = TALLY_METRIC_GAUGE,
		 .value = (double)usage.threads},
	};
	int r = 0;
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples) && r == 0; i++) {
		struct tally_sample sample = samples[i];
		sample.labels = "";
		if (sample.value > 0 || sample.kind == TALLY_METRIC_COUNTER)
			r = each(arg, &sample);
	}
	return r;
}

void process_raise_file_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	/* If that is refused, the limit stays as it was, which is enough for most machines. */
	setrlimit(RLIMIT_NOFILE, &limit);
}
