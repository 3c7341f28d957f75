/*
 * One array of series, kept in the order of name and labels: a few hundred, found by bisection
 * under the lock, added to without it.  Whoever reads them all waits for `together`, so that
 * numbers which change in one step (metrics_begin) are seen to do so.
 *
 * Called by everybody on any thread.  A series is never removed while the daemon runs, so whoever
 * has found one keeps the pointer and adds to it without a lookup.  Without memory, or beyond
 * METRICS_MAX, callers get `unseen`: counting must not be a reason to fail.
 */
#include "process/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { METRICS_MAX = 64 * 1024 };

struct metric {
	atomic_int_least64_t value;
	uint32_t kind; /* enum tally_metric_kind */
	bool seconds;  /* counted in ns */
	const char *name, *labels, *help;
	char texts[];
};

struct metrics {
	pthread_rwlock_t together; /* before lock; held for reading by those who change numbers */
	pthread_mutex_t lock;      /* series, n, capacity */
	struct metric **series;
	size_t n, capacity;
	struct metric *unseen; /* stands in when there is no memory for another */
};

/* Its texts lie behind it in the same allocation: they live exactly as long, and a sample may
 * point into them. */
static struct metric *metric_create(uint32_t kind, const char *name, const char *labels,
				    const char *help)
{
	size_t name_size = strlen(name) + 1, labels_size = strlen(labels) + 1;
	size_t help_size = strlen(help) + 1;
	struct metric *metric = malloc(sizeof(*metric) + name_size + labels_size + help_size);
	if (!metric)
		return NULL;
	atomic_init(&metric->value, 0);
	metric->kind = kind;
	metric->name = memcpy(metric->texts, name, name_size);
	metric->labels = memcpy(metric->texts + name_size, labels, labels_size);
	metric->help = memcpy(metric->texts + name_size + labels_size, help, help_size);
	return metric;
}

struct metrics *metrics_create(void)
{
	auto_free struct metrics *metrics = calloc(1, sizeof(*metrics));
	if (!metrics)
		return NULL;
	metrics->unseen = metric_create(TALLY_METRIC_COUNTER, "", "", "");
	if (!metrics->unseen)
		return NULL;
	/* Whoever reads them all must not wait for ever behind those who change a few. */
	pthread_rwlockattr_t attributes;
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&metrics->together, &attributes);
	pthread_rwlockattr_destroy(&attributes);
	pthread_mutex_init(&metrics->lock, NULL);
	return TAKE(metrics);
}

/* Nobody counts any more: it is the last thing that the daemon frees. */
void metrics_destroy(struct metrics *metrics)
{
	if (!metrics)
		return;
	for (size_t i = 0; i < metrics->n; i++)
		free(metrics->series[i]);
	free(metrics->series);
	free(metrics->unseen);
	pthread_mutex_destroy(&metrics->lock);
	pthread_rwlock_destroy(&metrics->together);
	free(metrics);
}

/* Where it is, or where it belongs. */
static bool metrics_find(const struct metrics *metrics, const char *name, const char *labels,
			 size_t *ret_at)
{
	size_t low = 0, high = metrics->n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct metric *metric = metrics->series[middle];
		int order = strcmp(metric->name, name);
		if (order == 0)
			order = strcmp(metric->labels, labels);
		if (order == 0) {
			*ret_at = middle;
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_at = low;
	return false;
}

/* Bounded, since labels may come from foreign names: more series than this are a mistake in a
 * plugin, and must not eat the memory of the daemon. */
static bool metrics_grow(struct metrics *metrics)
{
	size_t capacity = metrics->capacity ? metrics->capacity * 2 : 64;
	if (metrics->n < metrics->capacity)
		return true;
	if (capacity > METRICS_MAX)
		return false;
	struct metric **series = reallocarray(metrics->series, capacity, sizeof(struct metric *));
	if (!series)
		return false;
	metrics->series = series;
	metrics->capacity = capacity;
	return true;
}

/* Without room the caller gets `unseen`, which can be added to and is never shown. */
static struct metric *metrics_insert(struct metrics *metrics, size_t at, struct metric *metric)
{
	if (!metric || !metrics_grow(metrics)) {
		free(metric);
		return metrics->unseen;
	}
	memmove(metrics->series + at + 1, metrics->series + at,
		(metrics->n - at) * sizeof(struct metric *));
	metrics->series[at] = metric;
	metrics->n++;
	return metric;
}

static struct metric *metrics_get(struct metrics *metrics, const struct tally_sample *wanted,
				  const char *unit)
{
	size_t at;
	pthread_mutex_lock(&metrics->lock); /* found and inserted in one, or two could insert it */
	struct metric *metric;
	if (metrics_find(metrics, wanted->name, wanted->labels, &at)) {
		metric = metrics->series[at];
	} else {
		metric = metric_create(wanted->kind, wanted->name, wanted->labels, wanted->help);
		if (metric)
			metric->seconds = unit && strcmp(unit, "ns") == 0;
		metric = metrics_insert(metrics, at, metric);
	}
	pthread_mutex_unlock(&metrics->lock);
	return metric;
}

struct metric *metrics_counter(struct metrics *metrics, const char *name, const char *labels,
			       const char *unit, const char *help)
{
	struct tally_sample wanted = {
		.name = name, .labels = labels, .help = help, .kind = TALLY_METRIC_COUNTER};
	return metrics_get(metrics, &wanted, unit);
}

struct metric *metrics_gauge(struct metrics *metrics, const char *name, const char *labels,
			     const char *unit, const char *help)
{
	struct tally_sample wanted = {
		.name = name, .labels = labels, .help = help, .kind = TALLY_METRIC_GAUGE};
	return metrics_get(metrics, &wanted, unit);
}

/* Relaxed: a counter orders nothing else; what must be seen together is read under `together`. */
void metric_add(struct metric *metric, uint64_t n)
{
	atomic_fetch_add_explicit(&metric->value, (int64_t)n, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value)
{
	atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

int64_t metric_get(const struct metric *metric)
{
	return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

void metrics_begin(struct metrics *metrics)
{
	pthread_rwlock_rdlock(&metrics->together);
}

void metrics_end(struct metrics *metrics)
{
	pthread_rwlock_unlock(&metrics->together);
}

/* The length without that end, if there is anything before it. */
static size_t metrics_stem(const char *name, size_t len, const char *end)
{
	size_t n = strlen(end);
	return len > n && memcmp(name + len - n, end, n) == 0 ? len - n : len;
}

/* Prometheus's conventions: base units, and _total for counters; a plugin may declare its name
 * with or without either. */
void metrics_declared_name(const char *plugin, const struct tally_metric *metric, char *ret,
			   size_t size)
{
	bool ns = metric->unit && strcmp(metric->unit, "ns") == 0;
	size_t whole = strlen(metric->name);
	size_t len = metrics_stem(metric->name, whole, "_total");
	bool total = metric->kind == TALLY_METRIC_COUNTER || len < whole;
	if (ns)
		len = metrics_stem(metric->name, len, "_seconds");
	snprintf(ret, size, "tallyd_%s_%.*s%s%s", plugin, (int)len, metric->name,
		 ns ? "_seconds" : "", total ? "_total" : "");
}

/* A label that does not fit is left out whole, and a value that does not fit is cut: half a
 * label would make the page unreadable for every scraper.  Escaped as the Prometheus text format
 * has it. */
void metrics_label(char *labels, size_t size, const char *key, const char *value)
{
	size_t at = strlen(labels);
	int len = snprintf(labels + at, size - at, "%s%s=\"", at ? "," : "", key);
	if (len < 0 || at + (size_t)len + 2 > size) {
		labels[at] = '\0';
		return;
	}
	at += (size_t)len;
	for (; *value; value++) {
		size_t n = strchr("\\\"\n", *value) ? 2 : 1;
		if (at + n + 2 > size)
			break;
		if (n == 2)
			labels[at++] = '\\';
		labels[at++] = *value == '\n' ? 'n' : *value;
	}
	memcpy(labels + at, "\"", 2);
}

/* Names and labels live as long as the metrics, so samples may be used without any lock. */
static int metrics_snapshot(struct metrics *metrics, struct tally_sample **ret, size_t *ret_n)
{
	int r = 0;
	/* Copied, and passed on without the locks: the reader may be a slow client. */
	pthread_rwlock_wrlock(&metrics->together);
	pthread_mutex_lock(&metrics->lock);
	struct tally_sample *samples = calloc(metrics->n + 1, sizeof(*samples));
	if (samples) {
		for (size_t i = 0; i < metrics->n; i++) {
			const struct metric *metric = metrics->series[i];
			int64_t value = metric_get(metric);
			bool counter = metric->kind == TALLY_METRIC_COUNTER;
			samples[i] = (struct tally_sample){
				.name = metric->name,
				.labels = metric->labels,
				.help = metric->help,
				.kind = metric->kind,
				.value = counter ? (double)(uint64_t)value : (double)value,
			};
			/* Durations are counted in ns, which are exact in 64 bits. */
			if (metric->seconds)
				samples[i].value /= 1e9;
		}
		*ret = samples;
		*ret_n = metrics->n;
	} else {
		r = -ENOMEM;
	}
	pthread_mutex_unlock(&metrics->lock);
	pthread_rwlock_unlock(&metrics->together);
	return r;
}

int metrics_each(struct metrics *metrics, tally_sample_fn *each, void *arg)
{
	auto_free struct tally_sample *samples = NULL;
	size_t n = 0;
	int r = metrics_snapshot(metrics, &samples, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = each(arg, &samples[i]);
	return r;
}
