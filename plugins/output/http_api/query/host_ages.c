/*
 * The first question is about a day; after that only about the last minutes, since the times of
 * before are remembered.  What can fail is the store: its failures are counted, and ages go on to
 * grow, as they should.
 */
#include "query/host_ages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/query.h>

#include "base/clock.h"
#include "base/worker.h"
#include "message/exposition.h"

enum { AGES_HOSTS = 10000, AGES_NAME_SIZE = 256 };

static const int64_t ages_every = 10 * CLOCK_SECOND, ages_first = CLOCK_SECOND,
		     ages_recent = 5 * CLOCK_MINUTE, ages_kept = CLOCK_DAY,
		     ages_ahead = CLOCK_MINUTE,
		     ages_linger = 5 * CLOCK_MINUTE; /* after the last scrape */

static const char *const ages_tables[] = {"tallyd_self", "container_stats"};
enum { AGES_TABLES = 2 };

struct host_age {
	char name[AGES_NAME_SIZE];
	int64_t newest;
};

struct host_ages {
	struct tally_ctx *ctx;
	const struct http_config *config;
	struct worker worker;
	bool asked_all[AGES_TABLES]; /* of a day; the worker's own */
	pthread_mutex_t lock;        /* guards all below */
	int64_t scraped;             /* monotonic; 0: not yet */
	struct host_age *list;       /* by name */
	uint32_t n;
};

/* ---- Asking ------------------------------------------------------------------ */

/* Where it is, or would be. */
static uint32_t find_place(const struct host_ages *ages, const char *name, bool *ret_found)
{
	uint32_t from = 0, to = ages->n;
	*ret_found = false;
	while (from < to && !*ret_found) {
		uint32_t middle = from + (to - from) / 2;
		int order = strcmp(name, ages->list[middle].name);
		*ret_found = order == 0;
		if (order <= 0)
			to = middle;
		else
			from = middle + 1;
	}
	return to;
}

/* One that there is no room or memory for is not told of. */
static struct host_age *find_host(struct host_ages *ages, const char *name)
{
	bool found;
	uint32_t place = find_place(ages, name, &found);
	if (found)
		return &ages->list[place];
	if (ages->n == AGES_HOSTS)
		return NULL;
	struct host_age *grown = realloc(ages->list, (ages->n + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	ages->list = grown;
	memmove(&grown[place + 1], &grown[place], (ages->n - place) * sizeof(*grown));
	ages->n++;
	grown[place] = (struct host_age){.newest = 0};
	memcpy(grown[place].name, name, strlen(name));
	return &grown[place];
}

/* Rows of: the time of the host's newest row, and the host. */
static int take_hosts(void *arg, const struct tally_batch *batch)
{
	struct host_ages *ages = arg;
	char name[AGES_NAME_SIZE] = "";
	pthread_mutex_lock(&ages->lock);
	for (uint32_t i = 0; i < batch->n_rows; i++) {
		const struct tally_cell *row = batch->cells + (size_t)i * batch->table->n_columns;
		if (!row[0].set || !row[1].set || row[1].len >= sizeof(name))
			continue;
		memcpy(name, row[1].text, row[1].len);
		name[row[1].len] = '\0';
		struct host_age *host = find_host(ages, name);
		if (host && row[0].i > host->newest)
			host->newest = row[0].i;
	}
	pthread_mutex_unlock(&ages->lock);
	return worker_is_stopping(&ages->worker) ? -ECANCELED : 0;
}

static bool is_over(void *arg)
{
	return worker_is_stopping(&((struct host_ages *)arg)->worker);
}

static int ask(struct host_ages *ages, const char *table, int64_t back)
{
	static const char *const groups[] = {"host"};
	static const struct tally_select newest = {.column = "time", .aggregate = TALLY_MAX};
	int64_t now = tally_now(ages->ctx);
	const struct tally_query query = {
		.size = sizeof(query),
		.table = table,
		.from = now - back,
		.to = now + ages_ahead,
		.select = &newest,
		.n_select = 1,
		.group_by = groups,
		.n_group_by = 1,
		.limit = AGES_HOSTS,
		.deadline = tally_monotonic(ages->ctx) + ages->config->query_timeout,
		.cancelled = is_over,
		.cancelled_arg = ages,
	};
	return tally_query(ages->ctx, ages->config->store, &query, take_hosts, ages);
}

static void forget_old(struct host_ages *ages)
{
	int64_t before = tally_now(ages->ctx) - ages_kept;
	uint32_t n = 0;
	pthread_mutex_lock(&ages->lock);
	for (uint32_t i = 0; i < ages->n; i++)
		if (ages->list[i].newest >= before)
			ages->list[n++] = ages->list[i];
	ages->n = n;
	pthread_mutex_unlock(&ages->lock);
}

/* A store that could not tell of a day in time is not asked for one again. */
static void ask_all(struct host_ages *ages)
{
	for (int i = 0; i < AGES_TABLES; i++) {
		int r = ask(ages, ages_tables[i], ages->asked_all[i] ? ages_recent : ages_kept);
		ages->asked_all[i] = r == 0 || r == -ETIMEDOUT;
		if (r < 0 && r != -ENOENT && r != -ECANCELED)
			tally_count(ages->ctx, HTTP_STORE_ERRORS, 1);
	}
	forget_old(ages);
}

static void ages_run(void *arg)
{
	struct host_ages *ages = arg;
	int64_t until = INT64_MAX;
	while (worker_wait(&ages->worker, until) != WORKER_STOPPED) {
		ask_all(ages);
		int64_t now = clock_monotonic();
		pthread_mutex_lock(&ages->lock);
		bool wanted = now - ages->scraped < ages_linger;
		int64_t every = ages->n ? ages_every : ages_first;
		if (!wanted)
			ages->scraped = 0;
		pthread_mutex_unlock(&ages->lock);
		/* What comes while nobody asks is not in the last minutes when somebody does. */
		if (!wanted)
			memset(ages->asked_all, 0, sizeof(ages->asked_all));
		until = wanted ? now + every : INT64_MAX;
	}
}

/* ---- For /metrics -------------------------------------------------------------- */

static void write_ages(const struct host_ages *ages, int64_t now, struct json_writer *text)
{
	static const char name[] = "tallyd_host_age_seconds";
	exposition_head(text, name,
			"How long ago the newest row of the host in the store was made.",
			TALLY_METRIC_GAUGE);
	for (uint32_t i = 0; i < ages->n; i++) {
		const struct host_age *host = &ages->list[i];
		exposition_word(text, name);
		exposition_word(text, "{host=\"");
		exposition_label(text, host->name, strlen(host->name));
		exposition_word(text, "\"}");
		exposition_value(text, now > host->newest ? (double)(now - host->newest) / 1e9 : 0);
	}
}

void host_ages_write(struct host_ages *ages, struct json_writer *text)
{
	if (!ages)
		return;
	pthread_mutex_lock(&ages->lock);
	bool begins = !ages->scraped;
	ages->scraped = clock_monotonic();
	if (ages->n)
		write_ages(ages, tally_now(ages->ctx), text);
	pthread_mutex_unlock(&ages->lock);
	if (begins)
		worker_wake(&ages->worker);
}

/* ---- Life ---------------------------------------------------------------------- */

int host_ages_open(struct tally_ctx *ctx, const struct http_config *config, struct host_ages **ret)
{
	struct host_ages *ages = calloc(1, sizeof(*ages));
	if (!ages)
		return -ENOMEM;
	ages->ctx = ctx;
	ages->config = config;
	pthread_mutex_init(&ages->lock, NULL);
	worker_init(&ages->worker);
	int r = worker_start(&ages->worker, "host ages", ages_run, ages);
	if (r < 0)
		host_ages_close(ages);
	else
		*ret = ages;
	return r;
}

void host_ages_close(struct host_ages *ages)
{
	if (!ages)
		return;
	worker_stop(&ages->worker);
	worker_done(&ages->worker);
	pthread_mutex_destroy(&ages->lock);
	free(ages->list);
	free(ages);
}
