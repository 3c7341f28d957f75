/*
 * An input for tests that gets wrong what a plugin of somebody else's may get wrong.  Each gather
 * emits a row whose texts are borrowed: `label` from the configuration, its own name, the host.
 * `fault`: what it does beside that, at each gather, or at create() or start(); the words stand in
 * careless_faults[].  Built as careless, and with reconfigure() as careless_live.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/host.h>
#include <tallyd/query.h>
#include <time.h>
#include <unistd.h>

#ifndef CARELESS_NAME
#define CARELESS_NAME "careless"
#endif

enum { CARELESS_TIME, CARELESS_INSTANCE, CARELESS_N, CARELESS_LABEL, CARELESS_HOST, CARELESS_TRUE };
static const struct tally_column columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "instance", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "n", .type = TALLY_INT, .role = TALLY_ORDER},
	{.name = "label", .type = TALLY_TEXT},
	{.name = "host", .type = TALLY_TEXT},
	{.name = "truth", .type = TALLY_BOOL},
};
static const struct tally_table table = {.name = CARELESS_NAME,
					 .help = "Borrowed texts.",
					 .columns = columns,
					 .n_columns = sizeof(columns) / sizeof(*columns),
					 .kind = TALLY_LOG,
					 .revision = 1};
static const struct tally_table *const tables[] = {&table, NULL};

static const struct tally_metric metrics[] = {
	{.name = "things", .help = "Things.", .kind = TALLY_METRIC_COUNTER},
	{.name = "level", .help = "A level.", .kind = TALLY_METRIC_GAUGE},
	{.name = NULL},
};

struct careless_config {
	const char *label, *fault;
	struct tally_store *store;
};

static const struct tally_option options[] = {
	{.name = "label",
	 .fallback = "a label",
	 .help = "What its rows point to",
	 .type = TALLY_OPT_STRING,
	 .offset = offsetof(struct careless_config, label)},
	{.name = "fault",
	 .fallback = "none",
	 .help = "What it gets wrong",
	 .type = TALLY_OPT_STRING,
	 .offset = offsetof(struct careless_config, fault)},
	{.name = "store",
	 .help = "A store to ask wrongly",
	 .type = TALLY_OPT_STORE,
	 .offset = offsetof(struct careless_config, store)},
	{.name = NULL},
};

struct careless {
	struct tally_ctx *ctx;
	_Atomic(const struct careless_config *) config;
	int64_t n;
	bool threaded; /* a thread of its own uses it, for ever */
};

/* ---- Rows ---- */

static struct tally_cell *careless_row(struct careless *careless, struct tally_batch *batch)
{
	struct tally_ctx *ctx = careless->ctx;
	const struct careless_config *config = careless->config;
	struct tally_cell *row = tally_batch_row(ctx, batch);
	if (!row)
		abort();
	tally_put_int(row, CARELESS_TIME, tally_now(ctx));
	tally_put_text_borrowed(row, CARELESS_INSTANCE, ctx->name, strlen(ctx->name));
	tally_put_int(row, CARELESS_N, ++careless->n);
	tally_put_text_borrowed(row, CARELESS_LABEL, config->label, strlen(config->label));
	tally_put_text_borrowed(row, CARELESS_HOST, ctx->hostname, strlen(ctx->hostname));
	tally_put_int(row, CARELESS_TRUE, 1);
	return row;
}

static struct tally_batch *careless_batch(struct careless *careless)
{
	struct tally_batch *batch = tally_batch_new(careless->ctx, &table);
	if (!batch)
		abort();
	careless_row(careless, batch);
	return batch;
}

/* ---- What it gets wrong in gather() ---- */

static void careless_say(struct careless *careless, const char *what, int r)
{
	tally_log(careless->ctx, TALLY_INFO, "%s gave %d", what, r);
}

static int fault_emit_null(struct careless *careless)
{
	return tally_emit(careless->ctx, NULL, NULL, NULL);
}

static int fault_text_null(struct careless *careless)
{
	struct tally_batch *batch = careless_batch(careless);
	tally_put_text_borrowed(careless_row(careless, batch), CARELESS_LABEL, NULL, 0);
	tally_put_text_borrowed(careless_row(careless, batch), CARELESS_HOST, NULL, 7);
	return tally_emit(careless->ctx, batch, NULL, NULL);
}

static int fault_text_too_long(struct careless *careless)
{
	struct tally_batch *batch = careless_batch(careless);
	struct tally_cell *row = careless_row(careless, batch);
	tally_put_text_borrowed(row, CARELESS_LABEL,
				tally_batch_copy(careless->ctx, batch, "abc", 3), 5000);
	return tally_emit(careless->ctx, batch, NULL, NULL);
}

static int fault_text_as_number(struct careless *careless)
{
	struct tally_batch *batch = careless_batch(careless);
	tally_put_text_borrowed(careless_row(careless, batch), CARELESS_TRUE, "yes", 3);
	tally_put_int(careless_row(careless, batch), CARELESS_TRUE, 4711);
	tally_put_text_borrowed(careless_row(careless, batch), CARELESS_N, "12", 2);
	return tally_emit(careless->ctx, batch, NULL, NULL);
}

static int fault_emit_twice(struct careless *careless)
{
	struct tally_batch *batch = careless_batch(careless);
	tally_emit(careless->ctx, batch, NULL, NULL);
	return tally_emit(careless->ctx, batch, NULL, NULL);
}

static int fault_drop_twice(struct careless *careless)
{
	struct tally_batch *batch = careless_batch(careless);
	tally_batch_drop(careless->ctx, batch);
	tally_batch_drop(careless->ctx, batch);
	tally_batch_keep(careless->ctx, batch);
	return tally_emit(careless->ctx, batch, NULL, NULL);
}

static int fault_change_emitted(struct careless *careless)
{
	struct tally_ctx *ctx = careless->ctx;
	struct tally_batch *batch = careless_batch(careless);
	tally_batch_keep(ctx, batch);
	tally_emit(ctx, batch, NULL, NULL);
	bool refused = !tally_batch_row(ctx, batch) && !tally_batch_copy(ctx, batch, "x", 1) &&
		       tally_batch_adopt(ctx, batch, NULL, 0, free) < 0;
	tally_batch_drop(ctx, batch);
	return refused ? 0 : -EIO;
}

static int careless_each(void *arg, const struct tally_batch *rows)
{
	(void)arg;
	(void)rows;
	return 0;
}

static int fault_null_arguments(struct careless *careless)
{
	struct tally_ctx *ctx = careless->ctx;
	const struct careless_config *config = careless->config;
	struct tally_batch *batch = careless_batch(careless), *decoded;
	const struct tally_query query = {.size = sizeof(query)};
	char text[8];
	void *bytes;
	size_t len;
	int wrong = 0;
	wrong += tally_batch_new(ctx, NULL) != NULL;
	wrong += tally_batch_row(ctx, NULL) != NULL;
	wrong += tally_batch_copy(ctx, batch, NULL, 3) != NULL;
	wrong += tally_batch_copy(ctx, NULL, "x", 1) != NULL;
	wrong += tally_batch_copy(ctx, batch, "x", SIZE_MAX) != NULL;
	wrong += tally_batch_adopt(ctx, batch, text, 0, NULL) >= 0;
	wrong += tally_batch_bytes(ctx, NULL) != 0;
	wrong += tally_batch_encode(ctx, NULL, &bytes, &len) >= 0;
	wrong += tally_batch_decode(ctx, NULL, 0, &decoded) >= 0;
	wrong += tally_position(ctx, NULL, text, sizeof(text)) >= 0;
	wrong += tally_position(ctx, "x", NULL, 0) >= 0;
	wrong += tally_query(ctx, config->store, NULL, careless_each, NULL) >= 0;
	wrong += tally_query(ctx, config->store, &query, NULL, NULL) >= 0;
	wrong += tally_query(ctx, NULL, &query, careless_each, NULL) >= 0;
	wrong += tally_store_tables(ctx, config->store, NULL, NULL) >= 0;
	wrong += tally_cache_get(ctx, NULL, NULL, NULL) >= 0;
	wrong += tally_cache_set(ctx, NULL, "k", NULL, 3, 0) >= 0;
	wrong += tally_cache_subscribe(ctx, NULL, NULL, -1, NULL, NULL) >= 0;
	wrong += tally_samples(ctx, NULL, NULL) >= 0;
	tally_batch_keep(ctx, NULL);
	tally_batch_drop(ctx, NULL);
	tally_reject_row(ctx, NULL, 7, NULL);
	tally_batch_drop(ctx, batch);
	return wrong;
}

static int fault_metrics(struct careless *careless)
{
	tally_count(careless->ctx, 99, 1);
	tally_gauge(careless->ctx, 2, 1);
	tally_gauge(careless->ctx, 0, -7);
	tally_count(careless->ctx, 1, 1);
	return 0;
}

/* Not known when it is compiled, so that no compiler warns of it. */
static int *volatile nowhere = (int *)8; /* NOLINT */

static int fault_segv(struct careless *careless)
{
	(void)careless;
	*nowhere = 1;
	return 0;
}

static int fault_abort(struct careless *careless)
{
	(void)careless;
	abort();
}

static int fault_exit(struct careless *careless)
{
	(void)careless;
	exit(0);
}

static int fault_exit_now(struct careless *careless)
{
	(void)careless;
	_exit(0);
}

/* ---- What it does in threads of its own ---- */

/* Never ends, whatever becomes of the instance. */
static void *careless_calls(void *arg)
{
	struct careless *careless = arg;
	struct tally_ctx *ctx = careless->ctx;
	static const struct careless_config config = {.label = "of a thread"};
	struct careless own = {.ctx = ctx, .config = &config};
	for (;;) {
		struct tally_batch *batch = tally_batch_new(ctx, &table);
		if (batch) {
			careless_row(&own, batch);
			tally_emit(ctx, batch, NULL, NULL);
		}
		char text[64];
		tally_position(ctx, ctx->name, text, sizeof(text));
		tally_count(ctx, 0, 1);
		tally_gauge(ctx, 1, 1);
		tally_log(ctx, TALLY_DEBUG, "still here");
		tally_stop_fd(ctx);
		tally_sleep(ctx, 1);
		tally_fail(ctx, EIO, "nobody asked");
		nanosleep(&(struct timespec){.tv_nsec = tally_stopping(ctx) ? 1000000 : 100000},
			  NULL);
	}
	return NULL;
}

static void *careless_crash(void *arg)
{
	(void)arg;
	abort();
}

static void careless_thread(void *(*run)(void *), struct careless *careless)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, run, careless) == 0)
		pthread_detach(thread);
}

static int fault_thread_abort(struct careless *careless)
{
	careless_thread(careless_crash, careless);
	return 0;
}

static const struct careless_fault {
	const char *name;
	int (*run)(struct careless *careless);
} careless_faults[] = {
	{"emit_null", fault_emit_null},
	{"text_null", fault_text_null},
	{"text_too_long", fault_text_too_long},
	{"text_as_number", fault_text_as_number},
	{"emit_twice", fault_emit_twice},
	{"drop_twice", fault_drop_twice},
	{"change_emitted", fault_change_emitted},
	{"null_arguments", fault_null_arguments},
	{"metrics", fault_metrics},
	{"segv", fault_segv},
	{"abort", fault_abort},
	{"exit", fault_exit},
	{"exit_now", fault_exit_now},
	{"thread_abort", fault_thread_abort},
};

/* ---- The instance ---- */

static bool careless_does(const struct careless_config *config, const char *fault)
{
	return strcmp(config->fault, fault) == 0;
}

static void careless_in_create(const struct careless_config *config)
{
	if (careless_does(config, "create_abort"))
		abort();
	if (careless_does(config, "create_exit"))
		exit(0);
	while (careless_does(config, "create_hang"))
		pause();
}

static int careless_create(struct tally_ctx *ctx, const void *arg, void **ret_self)
{
	careless_in_create(arg);
	struct careless *careless = calloc(1, sizeof(*careless));
	if (!careless)
		return tally_fail(ctx, ENOMEM, "no memory");
	careless->ctx = ctx;
	careless->config = arg;
	*ret_self = careless;
	return 0;
}

static int careless_start(void *self)
{
	struct careless *careless = self;
	careless->threaded = careless_does(careless->config, "thread");
	if (careless->threaded)
		careless_thread(careless_calls, careless);
	return 0;
}

static int careless_gather(void *self)
{
	struct careless *careless = self;
	const struct careless_config *config = careless->config;
	for (size_t i = 0; i < sizeof(careless_faults) / sizeof(*careless_faults); i++)
		if (careless_does(config, careless_faults[i].name))
			careless_say(careless, config->fault, careless_faults[i].run(careless));
	return tally_emit(careless->ctx, careless_batch(careless), NULL, NULL);
}

static void careless_destroy(void *self)
{
	struct careless *careless = self;
	if (!careless->threaded)
		free(careless);
}

#ifdef CARELESS_LIVE
static int careless_reconfigure(void *self, const void *config)
{
	struct careless *careless = self;
	careless->config = config;
	return 0;
}
#else
#define careless_reconfigure NULL
#endif

static const struct tally_input input = {
	.size = sizeof(input), .interval = INT64_C(100000000), .gather = careless_gather};

TALLY_PLUGIN(.name = CARELESS_NAME, .version = TALLYD_VERSION, .help = "Gets it wrong, for tests",
	     .options = options, .config_size = sizeof(struct careless_config), .tables = tables,
	     .metrics = metrics, .create = careless_create, .start = careless_start,
	     .destroy = careless_destroy, .reconfigure = careless_reconfigure, .input = &input)
