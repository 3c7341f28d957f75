/* See cgroup_layout.h. */
#include "cgroup/cgroup_layout.h"

#include "cgroup/cgroup_paths.h"

/* In ticks of USER_HZ, which is 100 on every architecture that Docker runs on. */
static const struct cgroup_key cpuacct_stat[] = {
	{"user", 10000000, STATS_CPU_USER_NS}, {"system", 10000000, STATS_CPU_KERNEL_NS}, {0}};
static const struct cgroup_key cpu_stat[] = {{"nr_throttled", 1, STATS_THROTTLED_PERIODS},
					     {"throttled_time", 1, STATS_THROTTLED_NS},
					     {0}};
/* v1 has each member twice: of the cgroup alone, and with the cgroups below it (total_).  The
 * engine shows the latter. */
static const struct cgroup_key memory_stat[] = {{"total_rss", 1, STATS_MEM_ANON_BYTES},
						{"total_cache", 1, STATS_MEM_FILE_BYTES},
						{"total_pgfault", 1, STATS_PGFAULT},
						{"total_pgmajfault", 1, STATS_PGMAJFAULT},
						{"total_inactive_file", 1, STATS_INACTIVE_FILE},
						{0}};
static const struct cgroup_key unified_cpu_stat[] = {
	{"usage_usec", 1000, STATS_CPU_USAGE_NS},     {"user_usec", 1000, STATS_CPU_USER_NS},
	{"system_usec", 1000, STATS_CPU_KERNEL_NS},   {"nr_throttled", 1, STATS_THROTTLED_PERIODS},
	{"throttled_usec", 1000, STATS_THROTTLED_NS}, {0}};
static const struct cgroup_key unified_memory_stat[] = {{"anon", 1, STATS_MEM_ANON_BYTES},
							{"file", 1, STATS_MEM_FILE_BYTES},
							{"pgfault", 1, STATS_PGFAULT},
							{"pgmajfault", 1, STATS_PGMAJFAULT},
							{"inactive_file", 1, STATS_INACTIVE_FILE},
							{0}};

#define NUMBER(h, n, s)                                                                            \
	{                                                                                          \
		.hierarchy = CGROUP_##h, .name = n, .form = CGROUP_NUMBER, .slot = s               \
	}
#define KEYS(h, n, k)                                                                              \
	{                                                                                          \
		.hierarchy = CGROUP_##h, .name = n, .form = CGROUP_KEYS, .keys = k                 \
	}
/* Replaces the machine's number, which the slot holds before. */
#define CPUS(h, n)                                                                                 \
	{                                                                                          \
		.hierarchy = CGROUP_##h, .name = n, .form = CGROUP_CPUS, .slot = STATS_CPU_ONLINE  \
	}
#define DEVICES(h, n, f, s)                                                                        \
	{                                                                                          \
		.hierarchy = CGROUP_##h, .name = n, .form = CGROUP_##f, .slot = s                  \
	}
#define LIMIT(h, n, f, s)                                                                          \
	{                                                                                          \
		.hierarchy = CGROUP_##h, .name = n, .form = CGROUP_##f, .slot = s, .by_path = true \
	}

/* The first file exists with any set of controllers; it decides whether the cgroup still exists.
 * v1 controllers may be mounted together (cpu,cpuacct), so each file names its own hierarchy. */
static const struct cgroup_file legacy[] = {
	NUMBER(CPUACCT, "cpuacct.usage", STATS_CPU_USAGE_NS),
	KEYS(CPUACCT, "cpuacct.stat", cpuacct_stat),
	KEYS(CPU, "cpu.stat", cpu_stat),
	CPUS(CPUSET, "cpuset.effective_cpus"),
	NUMBER(MEMORY, "memory.usage_in_bytes", STATS_MEM_USAGE_BYTES),
	NUMBER(MEMORY, "memory.limit_in_bytes", STATS_MEM_LIMIT_BYTES),
	KEYS(MEMORY, "memory.stat", memory_stat),
	NUMBER(PIDS, "pids.current", STATS_PIDS),
	NUMBER(PIDS, "pids.max", STATS_PIDS_LIMIT),
	/* The CFQ scheduler's files, gone since Linux 5.0; the engine prefers them.  The throttle
	 * files are 0 unless a throttle is set, and the engine reports that, too. */
	DEVICES(BLKIO, "blkio.io_service_bytes_recursive", DEVICES, STATS_BLK_READ_BYTES),
	DEVICES(BLKIO, "blkio.io_serviced_recursive", DEVICES, STATS_BLK_READ_OPS),
	DEVICES(BLKIO, "blkio.throttle.io_service_bytes", DEVICES, STATS_BLK_READ_BYTES),
	DEVICES(BLKIO, "blkio.throttle.io_serviced", DEVICES, STATS_BLK_READ_OPS),
	LIMIT(CPU, "cpu.cfs_quota_us", NUMBER, STATS_CPU_QUOTA),
	LIMIT(CPU, "cpu.cfs_period_us", NUMBER, STATS_CPU_PERIOD),
	{0}};

static const struct cgroup_file unified[] = {
	KEYS(UNIFIED, "cpu.stat", unified_cpu_stat),
	CPUS(UNIFIED, "cpuset.cpus.effective"),
	NUMBER(UNIFIED, "memory.current", STATS_MEM_USAGE_BYTES),
	NUMBER(UNIFIED, "memory.max", STATS_MEM_LIMIT_BYTES),
	KEYS(UNIFIED, "memory.stat", unified_memory_stat),
	NUMBER(UNIFIED, "pids.current", STATS_PIDS),
	NUMBER(UNIFIED, "pids.max", STATS_PIDS_LIMIT),
	DEVICES(UNIFIED, "io.stat", IO, STATS_BLK_READ_BYTES),
	LIMIT(UNIFIED, "cpu.max", NUMBERS, STATS_CPU_QUOTA),
	{0}};

const struct cgroup_file *cgroup_layout(bool is_unified)
{
	return is_unified ? unified : legacy;
}
