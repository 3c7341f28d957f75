/*
 * The rows of alerts that fire, in a batch of the daemon's own format, copied under a lock; sending
 * happens without it.
 */
#include "alertmanager.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/worker.h"
#include "send.h"
#include "state_file.h"

enum { FIRING_HOST, FIRING_RULE, FIRING_SUBJECT, FIRING_SEVERITY, FIRING_SUMMARY, FIRING_TEXTS };
enum {
	FIRING_TIME,
	FIRING_FIRST_TEXT,
	FIRING_SINCE = FIRING_FIRST_TEXT + FIRING_TEXTS,
	FIRING_COLUMNS
};

static const struct tally_column firing_columns[FIRING_COLUMNS] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "rule", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "subject", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "severity", .type = TALLY_TEXT},
	{.name = "summary", .type = TALLY_TEXT},
	{.name = "since", .type = TALLY_TIME},
};
static const struct tally_table firing_table = {.name = "alerts_firing",
						.help = "What fires in an Alertmanager",
						.columns = firing_columns,
						.n_columns = FIRING_COLUMNS,
						.kind = TALLY_STATE,
						.revision = 1};

struct firing {
	uint64_t hash;
	int64_t time, since;
	char *texts[FIRING_TEXTS];
};

struct alertmanager {
	struct tally_ctx *ctx;
	const struct notify_config *config;
	struct sender *sender; /* of the worker's thread */
	struct worker worker;
	pthread_mutex_t lock; /* guards the items */
	struct firing *items;
	size_t n, size;
	bool changed, failing, restored;
};

static void firing_done(struct firing *firing)
{
	for (unsigned i = 0; i < FIRING_TEXTS; i++)
		free(firing->texts[i]);
}

static struct notice_text text_of(const struct firing *firing, unsigned i)
{
	const char *text = firing->texts[i] ? firing->texts[i] : "";
	return (struct notice_text){text, strlen(text)};
}

/* ---- What fires ------------------------------------------------------------------ */

static uint64_t hash_of(const struct notice *notice)
{
	uint64_t hash = hash_bytes(0, notice->host.at, notice->host.len);
	hash = hash_bytes(hash, notice->rule.at, notice->rule.len);
	return hash_bytes(hash, notice->subject.at, notice->subject.len);
}

static void drop(struct alertmanager *manager, uint64_t hash)
{
	for (size_t i = 0; i < manager->n; i++) {
		if (manager->items[i].hash != hash)
			continue;
		firing_done(&manager->items[i]);
		manager->items[i] = manager->items[--manager->n];
		manager->changed = true;
		return;
	}
}

static void add(struct alertmanager *manager, const struct notice *notice)
{
	if (manager->n == ALERTMANAGER_MAX)
		return;
	if (manager->n == manager->size) {
		size_t size = manager->size ? 2 * manager->size : 16;
		struct firing *items = reallocarray(manager->items, size, sizeof(*items));
		if (!items)
			return;
		manager->items = items;
		manager->size = size;
	}
	const struct notice_text *const texts[FIRING_TEXTS] = {&notice->host, &notice->rule,
							       &notice->subject, &notice->severity,
							       &notice->summary};
	struct firing *firing = &manager->items[manager->n++];
	*firing = (struct firing){
		.hash = hash_of(notice), .time = notice->time, .since = notice->since};
	for (unsigned i = 0; i < FIRING_TEXTS; i++)
		firing->texts[i] = strndup(texts[i]->at, texts[i]->len);
	manager->changed = true;
}

void alertmanager_note(struct alertmanager *manager, const struct tally_batch *batch, uint32_t row)
{
	struct notice notice;
	if (!notice_read(batch->table, batch->cells + (size_t)row * batch->table->n_columns,
			 &notice))
		return;
	pthread_mutex_lock(&manager->lock);
	drop(manager, hash_of(&notice));
	if (notice.firing)
		add(manager, &notice);
	pthread_mutex_unlock(&manager->lock);
}

/* ---- The file -------------------------------------------------------------------- */

static struct tally_batch *collect(struct alertmanager *manager)
{
	struct tally_ctx *ctx = manager->ctx;
	struct tally_batch *batch = tally_batch_new(ctx, &firing_table);
	for (size_t i = 0; batch && i < manager->n; i++) {
		const struct firing *firing = &manager->items[i];
		struct tally_cell *row = tally_batch_row(ctx, batch);
		if (!row)
			break;
		tally_put_int(row, FIRING_TIME, firing->time);
		tally_put_int(row, FIRING_SINCE, firing->since);
		for (unsigned t = 0; t < FIRING_TEXTS; t++) {
			struct notice_text text = text_of(firing, t);
			(void)tally_put_text(ctx, batch, row, FIRING_FIRST_TEXT + t, text.at,
					     text.len);
		}
	}
	return batch;
}

void alertmanager_keep(struct alertmanager *manager)
{
	auto_free void *bytes = NULL;
	size_t len = 0;
	pthread_mutex_lock(&manager->lock);
	struct tally_batch *batch = manager->changed ? collect(manager) : NULL;
	manager->changed = false;
	pthread_mutex_unlock(&manager->lock);
	if (!batch)
		return;
	int r = tally_batch_encode(manager->ctx, batch, &bytes, &len);
	if (r == 0)
		r = state_file_write(manager->ctx, bytes, len);
	tally_batch_drop(manager->ctx, batch);
	if (r < 0)
		tally_log(manager->ctx, TALLY_ERROR,
			  "%s: after a restart, alerts that fire now are not told again",
			  tally_reason(manager->ctx));
}

static void restore(struct alertmanager *manager)
{
	struct tally_batch *batch = NULL;
	if (state_file_read(manager->ctx, &firing_table, &batch) < 0)
		return;
	for (uint32_t i = 0; i < batch->n_rows; i++) {
		const struct tally_cell *row = batch->cells + (size_t)i * FIRING_COLUMNS;
		struct notice_text texts[FIRING_TEXTS];
		for (unsigned t = 0; t < FIRING_TEXTS; t++) {
			const struct tally_cell *cell = &row[FIRING_FIRST_TEXT + t];
			texts[t] = cell->set ? (struct notice_text){cell->text, cell->len}
					     : (struct notice_text){"", 0};
		}
		add(manager, &(const struct notice){.host = texts[FIRING_HOST],
						    .rule = texts[FIRING_RULE],
						    .subject = texts[FIRING_SUBJECT],
						    .severity = texts[FIRING_SEVERITY],
						    .summary = texts[FIRING_SUMMARY],
						    .time = row[FIRING_TIME].i,
						    .since = row[FIRING_SINCE].i});
	}
	tally_batch_drop(manager->ctx, batch);
	manager->changed = false;
}

/* ---- Again and again -------------------------------------------------------------- */

/* Under the lock: the texts may go while they are sent otherwise. */
static int make_message(struct alertmanager *manager, struct message *ret)
{
	auto_free struct notice *notices = calloc(manager->n + 1, sizeof(*notices));
	if (!notices)
		return -ENOMEM;
	for (size_t i = 0; i < manager->n; i++) {
		const struct firing *firing = &manager->items[i];
		notices[i] = (struct notice){.host = text_of(firing, FIRING_HOST),
					     .rule = text_of(firing, FIRING_RULE),
					     .subject = text_of(firing, FIRING_SUBJECT),
					     .severity = text_of(firing, FIRING_SEVERITY),
					     .summary = text_of(firing, FIRING_SUMMARY),
					     .firing = true,
					     .time = firing->time,
					     .since = firing->since};
	}
	return message_alertmanager(manager->config, notices, manager->n, ret);
}

static void resend(struct alertmanager *manager)
{
	struct message message = {.n_headers = 0};
	pthread_mutex_lock(&manager->lock);
	size_t n = manager->n;
	int r = n ? make_message(manager, &message) : 0;
	pthread_mutex_unlock(&manager->lock);
	if (n && r == 0)
		r = sender_send(manager->sender, &message);
	message_done(&message);
	if (r < 0 && r != -ECANCELED && !manager->failing)
		tally_log(manager->ctx, TALLY_WARNING, "cannot say what still fires: %s",
			  tally_reason(manager->ctx));
	manager->failing = r < 0;
}

static void run(void *arg)
{
	struct alertmanager *manager = arg;
	int64_t next = clock_monotonic();
	while (worker_wait(&manager->worker, next) != WORKER_STOPPED) {
		resend(manager);
		next = clock_monotonic() + manager->config->resend;
	}
}

int alertmanager_start(struct alertmanager *manager)
{
	if (!manager->restored)
		restore(manager);
	manager->restored = true;
	manager->sender = sender_create(manager->ctx, manager->config);
	worker_init(&manager->worker);
	if (manager->sender && worker_start(&manager->worker, "alertmanager", run, manager) == 0)
		return 0;
	alertmanager_stop(manager);
	return tally_fail(manager->ctx, ENOMEM, "no memory, or no thread");
}

void alertmanager_stop(struct alertmanager *manager)
{
	worker_stop(&manager->worker);
	worker_done(&manager->worker);
	sender_destroy(manager->sender);
	manager->sender = NULL;
}

struct alertmanager *alertmanager_create(struct tally_ctx *ctx, const struct notify_config *config)
{
	struct alertmanager *manager = calloc(1, sizeof(*manager));
	if (!manager)
		return NULL;
	manager->ctx = ctx;
	manager->config = config;
	pthread_mutex_init(&manager->lock, NULL);
	return manager;
}

void alertmanager_destroy(struct alertmanager *manager)
{
	if (!manager)
		return;
	for (size_t i = 0; i < manager->n; i++)
		firing_done(&manager->items[i]);
	free(manager->items);
	pthread_mutex_destroy(&manager->lock);
	free(manager);
}
