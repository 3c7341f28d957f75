/*
 * A plugin for tests that breaks one rule of the ABI, which its option `fault` names: an input, an
 * output and a buffer in one, each of which is sound without a fault.  What `tallyd plugins test`
 * says of each stands in tests/integration/test_conformance.py.  Built as bad, and as bad_run with
 * run() instead of gather().  Without sanitizers, like somebody else's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/buffer.h>
#include <tallyd/host.h>
#include <time.h>
#include <unistd.h>

#ifndef BAD_NAME
#define BAD_NAME "bad"
#endif

enum { BAD_TIME, BAD_TAG, BAD_TRUTH, BAD_JSON };
static const struct tally_column columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "tag", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "truth", .type = TALLY_BOOL},
	{.name = "json", .type = TALLY_JSON},
};
static const struct tally_table table = {.name = BAD_NAME,
					 .help = "Rows of a bad plugin.",
					 .columns = columns,
					 .n_columns = 4,
					 .kind = TALLY_SERIES,
					 .revision = 1};
static const struct tally_table undeclared = {.name = "undeclared",
					      .help = "Rows that nobody expects.",
					      .columns = columns,
					      .n_columns = 4,
					      .kind = TALLY_SERIES,
					      .revision = 1};
static const struct tally_table *const tables[] = {&table, NULL};

struct bad_config {
	const char *fault, *path;
};
static const struct tally_option options[] = {
	{.name = "fault",
	 .fallback = "none",
	 .help = "what it does wrong",
	 .type = TALLY_OPT_STRING,
	 .offset = offsetof(struct bad_config, fault)},
	{.name = "path",
	 .fallback = "/dev/null",
	 .help = "a path",
	 .type = TALLY_OPT_STRING,
	 .offset = offsetof(struct bad_config, path)},
	{.name = NULL},
};

enum { BAD_ENTRIES = 64 };
struct bad {
	struct tally_ctx *ctx;
	const struct bad_config *config;
	char fault[32], own[64];
	int fd, writes;
	bool started;
	struct tally_entry entries[BAD_ENTRIES];
	uint32_t n_entries;
	uint64_t last, acked[2], fetched[2];
	const char *readers[2];
};

static bool does(const struct bad *bad, const char *fault)
{
	return strcmp(bad->fault, fault) == 0;
}

/* ---- An input ---- */

static struct tally_cell *bad_row(struct bad *bad, struct tally_batch *batch)
{
	struct tally_ctx *ctx = bad->ctx;
	struct tally_cell *row = tally_batch_row(ctx, batch);
	tally_put_int(row, BAD_TIME, tally_now(ctx) / (does(bad, "seconds") ? 1000000000 : 1));
	if (does(bad, "borrowed"))
		tally_put_text_borrowed(row, BAD_TAG, bad->own, strlen(bad->own));
	else if (!does(bad, "null_tag"))
		tally_put_text(ctx, batch, row, BAD_TAG, "tag", 3);
	tally_put_int(row, BAD_TRUTH, does(bad, "wrong_cell") ? 2 : 1);
	const char *json = does(bad, "bad_json") ? "{\"a\":" : "{}";
	tally_put_text(ctx, batch, row, BAD_JSON, json, strlen(json));
	return row;
}

static int bad_emit(struct bad *bad)
{
	struct tally_ctx *ctx = bad->ctx;
	struct tally_batch *batch =
		tally_batch_new(ctx, does(bad, "undeclared") ? &undeclared : &table);
	struct tally_cell *row = bad_row(bad, batch);
	if (does(bad, "same_key")) {
		int64_t time = row[BAD_TIME].i;
		tally_put_int(bad_row(bad, batch), BAD_TIME, time);
	}
	if (does(bad, "lost_batch"))
		return 0;
	int r = tally_emit(ctx, batch, NULL, does(bad, "no_source") ? "1" : NULL);
	if (does(bad, "emit_twice"))
		tally_emit(ctx, batch, NULL, NULL);
	if (r < 0 && does(bad, "drop_refused"))
		tally_batch_drop(ctx, batch);
	return r < 0 && !does(bad, "undeclared") ? r : 0;
}

/* Not known when it is compiled, so that no compiler warns of it. */
static int *volatile nowhere = (int *)8; /* NOLINT */

__attribute__((unused)) static void bad_fault_of_work(struct bad *bad)
{
	if (does(bad, "leak"))
		bad->config = malloc(100) ? bad->config : NULL;
	if (does(bad, "crash"))
		*nowhere = 1;
	if (does(bad, "exit"))
		exit(0);
	if (does(bad, "stdout"))
		puts("here I am");
	while (does(bad, "hang"))
		pause();
	if (does(bad, "metric"))
		tally_count(bad->ctx, 3, 1);
}

#ifndef BAD_RUN
static int bad_gather(void *self)
{
	struct bad *bad = self;
	bad_fault_of_work(bad);
	if (does(bad, "positive"))
		return 7;
	return does(bad, "mute") ? -EIO : bad_emit(bad);
}
#else
static int bad_run(void *self)
{
	struct bad *bad = self;
	const struct timespec moment = {.tv_nsec = 1000000};
	if (does(bad, "run_returns"))
		return 0;
	while (does(bad, "deaf"))
		nanosleep(&moment, NULL);
	while (!tally_sleep(bad->ctx, 1000000))
		if (bad_emit(bad) < 0)
			break;
	return 0;
}
#endif

/* ---- An output ---- */

static int bad_prepare(void *self, const struct tally_table *of)
{
	(void)self;
	(void)of;
	return 0;
}

/* What somebody writes who thinks of texts that are always there and end with NUL. */
static size_t bad_read(const struct bad *bad, const struct tally_batch *batch)
{
	size_t sum = 0;
	for (size_t i = 0; i < (size_t)batch->n_rows * batch->table->n_columns; i++) {
		const struct tally_cell *cell = &batch->cells[i];
		uint16_t type = batch->table->columns[i % batch->table->n_columns].type;
		if (type != TALLY_TEXT)
			continue;
		if (does(bad, "null_cell") || (does(bad, "no_nul") && cell->set))
			for (const char *at = cell->text; *at; at++)
				sum += (unsigned char)*at;
	}
	return sum;
}

static int bad_write(void *self, const struct tally_entry *entries, uint32_t n, uint8_t *verdicts)
{
	struct bad *bad = self;
	for (uint32_t i = 0; i < n; i++)
		bad->writes += bad_read(bad, entries[i].batch) > 0;
	if (does(bad, "again_fails") && entries[0].sequence <= bad->last)
		return tally_fail(bad->ctx, EEXIST, "duplicate key");
	bad->last = entries[n - 1].sequence;
	if (does(bad, "changes_rows"))
		((struct tally_cell *)(uintptr_t)entries[0].batch->cells)->i = 1;
	if (does(bad, "nulls_fail") && !entries[0].batch->cells[4].set)
		return tally_fail(bad->ctx, EINVAL, "no ratio");
	memset(verdicts, does(bad, "no_verdict") ? 9 : TALLY_DONE, n);
	if (does(bad, "retry"))
		memset(verdicts, TALLY_RETRY, n);
	if (does(bad, "reject"))
		memset(verdicts, TALLY_REJECT, n);
	if (does(bad, "beyond"))
		verdicts[n] = TALLY_DONE;
	if (does(bad, "keeps"))
		tally_batch_keep(bad->ctx, entries[0].batch);
	return 0;
}

/* ---- A buffer ---- */

static int bad_open(void *self, const char *name, uint32_t *ret_reader, uint64_t *ret_rows)
{
	struct bad *bad = self;
	uint32_t i = bad->readers[0] ? 1 : 0;
	bad->readers[i] = name;
	*ret_reader = i;
	*ret_rows = 0;
	return 0;
}

static int bad_forget(void *self, const char *name)
{
	struct bad *bad = self;
	(void)name;
	bad->acked[1] = bad->fetched[1] = UINT64_MAX;
	return 0;
}

static void bad_unlink(struct bad *bad, uint32_t i)
{
	memmove(&bad->entries[i], &bad->entries[i + 1],
		(--bad->n_entries - i) * sizeof(bad->entries[0]));
}

static int bad_push(void *self, const struct tally_batch *batch, const char *source,
		    const char *position, uint64_t *ret_sequence)
{
	struct bad *bad = self;
	(void)source;
	(void)position;
	if (bad->n_entries == BAD_ENTRIES)
		return does(bad, "full") ? -EIO : -ENOSPC;
	if (!does(bad, "no_reference"))
		tally_batch_keep(bad->ctx, batch);
	bad->last += does(bad, "sequence") ? 2 : 1;
	bad->entries[bad->n_entries++] =
		(struct tally_entry){.batch = batch, .sequence = bad->last, .producer = "bad"};
	*ret_sequence = bad->last;
	return 0;
}

static int bad_fetch(void *self, uint32_t reader, bool rewind, uint32_t max_rows,
		     struct tally_entry *ret, uint32_t max_entries, uint32_t *ret_n)
{
	struct bad *bad = self;
	uint32_t n = 0;
	(void)max_rows;
	if (rewind && !does(bad, "no_rewind"))
		bad->fetched[reader] = bad->acked[reader];
	for (uint32_t i = 0; i < bad->n_entries && n < max_entries; i++)
		if (bad->entries[i].sequence > bad->fetched[reader])
			ret[n++] = bad->entries[i];
	if (n)
		bad->fetched[reader] = ret[n - 1].sequence;
	*ret_n = n;
	return 0;
}

static int bad_ack(void *self, uint32_t reader, uint64_t up_to)
{
	struct bad *bad = self;
	bad->acked[reader] = up_to;
	uint64_t both = bad->acked[0] < bad->acked[1] ? bad->acked[0] : bad->acked[1];
	while (bad->n_entries && bad->entries[0].sequence <= both && !does(bad, "never_freed")) {
		tally_batch_drop(bad->ctx, bad->entries[0].batch);
		bad_unlink(bad, 0);
	}
	return 0;
}

static int bad_drop_oldest(void *self, uint64_t after, struct tally_entry *ret)
{
	struct bad *bad = self;
	for (uint32_t i = 0; i < bad->n_entries; i++)
		if (bad->entries[i].sequence > after) {
			*ret = bad->entries[i];
			bad_unlink(bad, i);
			return 0;
		}
	return -ENOENT;
}

static void bad_usage(void *self, struct tally_usage *ret)
{
	struct bad *bad = self;
	*ret = (struct tally_usage){.capacity = does(bad, "no_bound") ? 0 : 1 << 20,
				    .entries = bad->n_entries};
}

/* ---- Its life ---- */

static void *bad_thread(void *arg)
{
	struct bad *bad = arg;
	const struct timespec moment = {.tv_nsec = 1000000};
	for (;;) {
		tally_log(bad->ctx, TALLY_DEBUG, "still here");
		tally_stop_fd(bad->ctx);
		nanosleep(&moment, NULL);
	}
	return NULL;
}

static int bad_start(void *self)
{
	struct bad *bad = self;
	pthread_t thread;
	if (does(bad, "never_again") && bad->started)
		return tally_fail(bad->ctx, EALREADY, "started already");
	bad->started = true;
	bad->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (does(bad, "thread") && pthread_create(&thread, NULL, bad_thread, bad) == 0)
		pthread_detach(thread);
	return 0;
}

static void bad_stop(void *self)
{
	struct bad *bad = self;
	if (!does(bad, "descriptor"))
		close(bad->fd);
}

static int bad_create(struct tally_ctx *ctx, const void *arg, void **ret_self)
{
	const struct bad_config *config = arg;
	struct bad *bad = calloc(1, sizeof(*bad));
	if (!bad)
		return tally_fail(ctx, ENOMEM, "no memory");
	bad->ctx = ctx;
	bad->config = config;
	snprintf(bad->fault, sizeof(bad->fault), "%s", config->fault ? config->fault : "");
	snprintf(bad->own, sizeof(bad->own), "a text in the instance that goes with it");
	if (does(bad, "odd_option") && config->path[0] != '/')
		abort();
	if (does(bad, "create_opens"))
		bad->fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
	*ret_self = bad;
	return 0;
}

static int bad_reconfigure(void *self, const void *config)
{
	struct bad *bad = self;
	/* One late: what it reads then is the configuration before this one. */
	const char *path = bad->config->path;
	if (does(bad, "old_config") && path[0] != '/')
		abort();
	static const struct bad_config *late;
	bad->config = does(bad, "old_config") && late ? late : config;
	late = config;
	return 0;
}

static void bad_destroy(void *self)
{
	struct bad *bad = self;
	while (bad->n_entries) {
		tally_batch_drop(bad->ctx, bad->entries[0].batch);
		bad_unlink(bad, 0);
	}
	if (!does(bad, "thread"))
		free(bad);
}

static const struct tally_input input = {.size = sizeof(input),
#ifdef BAD_RUN
					 .run = bad_run};
#else
					 .interval = INT64_C(1000000000),
					 .gather = bad_gather};
#endif
static const struct tally_output output = {
	.size = sizeof(output), .prepare = bad_prepare, .write = bad_write};
static const struct tally_buffer buffer = {.size = sizeof(buffer),
					   .open_reader = bad_open,
					   .forget_reader = bad_forget,
					   .push = bad_push,
					   .fetch = bad_fetch,
					   .ack = bad_ack,
					   .drop_oldest = bad_drop_oldest,
					   .usage = bad_usage};

TALLY_PLUGIN(.name = BAD_NAME, .version = "1.0", .help = "Breaks one rule, for tests",
	     .options = options, .config_size = sizeof(struct bad_config), .tables = tables,
	     .create = bad_create, .start = bad_start, .stop = bad_stop, .destroy = bad_destroy,
	     .reconfigure = bad_reconfigure, .input = &input, .output = &output, .buffer = &buffer)
