/*
 * Every number the daemon reports about itself.  A series is found by name and labels and made at
 * its first use; it is never freed before metrics_destroy(), so a restarted instance goes on
 * counting.  Adding is an atomic; finding takes the lock, so keep the pointer.  Any thread.
 */
#ifndef TALLYD_CORE_METRICS_H
#define TALLYD_CORE_METRICS_H

#include <stdint.h>
#include <tallyd/host.h>

struct metrics;
struct metric;

struct metrics *metrics_create(void);
void metrics_destroy(struct metrics *metrics);

/*
 * name: with its unit and _total, as Prometheus has it.  unit: "ns" is shown in seconds; any
 * other is shown as counted.  labels: `a="x",b="y"`, already escaped (see metrics_label).  Never
 * NULL: without memory it is a series that nobody sees.
 */
struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *labels,
			       const char *unit, const char *help);
struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *labels,
			     const char *unit, const char *help);

void metric_add(struct metric *metric, uint64_t n);
void metric_set(struct metric *metric, int64_t value);
int64_t metric_get(const struct metric *metric);

/* What changes between these two is seen whole or not at all by metrics_each(): for sums that
 * must hold at any time.  Not nested; held over nothing that waits. */
void metrics_begin(struct metrics *metrics);
void metrics_end(struct metrics *metrics);

/* What a metric that a plugin declares is called: tallyd_<plugin>_<name>, with _seconds for what is
 * measured in ns and _total for counters, each once. */
void metrics_declared_name(const char *plugin, const struct tally_metric *metric, char *ret,
			   size_t size);

/* Appends `key="value"` with value escaped, after a comma if something is there already.  What
 * does not fit into size is cut off the value. */
void metrics_label(char *labels, size_t size, const char *key, const char *value);

/* One moment's values, sorted by name, then labels.  No lock is held while each() runs; non-zero
 * stops it and is returned.  -ENOMEM. */
int metrics_each(struct metrics *metrics, tally_sample_fn *each, void *arg);

#endif
