/*
 * self: a row of tallyd_self every 15 s, which says that this daemon runs, and how it fares.  It
 * goes the way of all rows, so that a store knows which host is silent, and rules can be about
 * tallyd as about everything else.
 *
 * gather() adds up the daemon's metrics, looks at the disk, and emits.  What cannot be read is
 * NULL. The instance's thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include <tallyd/host.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "self_samples.h"
#include "self_table.h"

struct self_config {
	const char *disk;
};

struct self {
	struct tally_ctx *ctx;
	const char *disk;
	int64_t begun;   /* monotonic */
	int64_t started; /* as it was computed first, since the wall clock may be set */
};

static const int64_t name_patience = CLOCK_MINUTE;

static int put_names(struct self *self, struct tally_batch *batch, struct tally_cell *row)
{
	struct tally_ctx *ctx = self->ctx;
	const char *host = tally_hostname(ctx), *version = ctx->host->version;
	int r = tally_put_text(ctx, batch, row, SELF_HOST, host, strlen(host));
	if (r == 0)
		r = tally_put_text(ctx, batch, row, SELF_DAEMON, ctx->producer,
				   strlen(ctx->producer));
	return r < 0 ? r : tally_put_text(ctx, batch, row, SELF_VERSION, version, strlen(version));
}

static void put_process(struct self *self, const struct self_samples *samples,
			struct tally_cell *row)
{
	if (!self->started)
		self->started = (int64_t)(samples->started_s * CLOCK_SECOND);
	if (self->started)
		tally_put_int(row, SELF_STARTED, self->started);
	if (samples->cpu_s > 0)
		tally_put_int(row, SELF_CPU_NS, (int64_t)(samples->cpu_s * CLOCK_SECOND));
	if (samples->mem_bytes > 0)
		tally_put_int(row, SELF_MEM_BYTES, (int64_t)samples->mem_bytes);
}

static int put_samples(struct self *self, struct tally_cell *row)
{
	struct self_samples samples = {.failing = 0};
	int r = tally_samples(self->ctx, self_samples_add, &samples);
	if (r < 0)
		return r;
	self_samples_end(&samples);
	tally_put_int(row, SELF_FAILING, (int64_t)samples.failing);
	tally_put_int(row, SELF_BLOCKED, (int64_t)samples.blocked);
	tally_put_int(row, SELF_ROWS_WAITING, (int64_t)samples.rows_waiting);
	tally_put_int(row, SELF_ROWS_DROPPED, (int64_t)samples.rows_dropped);
	if (samples.has_buffer)
		tally_put_real(row, SELF_BUFFER_PERCENT, samples.buffer_percent);
	if (samples.has_rollup_lag)
		tally_put_real(row, SELF_ROLLUP_LAG_S, samples.rollup_lag_s);
	if (samples.has_clock_offset)
		tally_put_real(row, SELF_CLOCK_OFFSET_S, samples.clock_offset_s);
	put_process(self, &samples, row);
	return 0;
}

/* As `df` counts: used and available together are its size. */
static void put_disk(const struct self *self, struct tally_cell *row)
{
	struct statvfs disk;
	if (statvfs(self->disk, &disk) < 0 || !disk.f_blocks)
		return;
	int64_t used = (int64_t)((disk.f_blocks - disk.f_bfree) * disk.f_frsize);
	int64_t size = used + (int64_t)(disk.f_bavail * disk.f_frsize);
	tally_put_int(row, SELF_DISK_USED_BYTES, used);
	tally_put_int(row, SELF_DISK_SIZE_BYTES, size);
	if (size)
		tally_put_real(row, SELF_DISK_PERCENT, 100 * (double)used / (double)size);
}

static int add_row(struct self *self, struct tally_batch *batch)
{
	struct tally_cell *row = tally_batch_row(self->ctx, batch);
	if (!row)
		return -ENOMEM;
	tally_put_int(row, SELF_TIME, tally_now(self->ctx));
	put_disk(self, row);
	int r = put_names(self, batch, row);
	return r < 0 ? r : put_samples(self, row);
}

/* In a container an input is about to learn the machine's name from its engine.  A row under the
 * container's would be of a host that falls silent at once. */
static bool awaits_name(const struct self *self)
{
	const struct tally_ctx *ctx = self->ctx;
	return tally_wants_hostname(ctx) && strcmp(tally_hostname(ctx), ctx->hostname) == 0 &&
	       tally_monotonic(ctx) - self->begun < name_patience;
}

static int self_gather(void *arg)
{
	struct self *self = arg;
	if (awaits_name(self))
		return 0;
	struct tally_batch *batch = tally_batch_new(self->ctx, &self_table);
	if (batch && add_row(self, batch) == 0)
		return tally_emit(self->ctx, batch, NULL, NULL);
	if (batch)
		tally_batch_drop(self->ctx, batch);
	return tally_fail(self->ctx, ENOMEM, "out of memory");
}

/* ---- The plugin ------------------------------------------------------------------ */

static int self_start(void *arg)
{
	struct self *self = arg;
	self->begun = tally_monotonic(self->ctx);
	return 0;
}

static void self_destroy(void *arg)
{
	free(arg);
}

static int self_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	const char *disk = ((const struct self_config *)config)->disk;
	auto_free struct self *self = calloc(1, sizeof(*self));
	if (!self)
		return tally_fail(ctx, ENOMEM, "out of memory");
	self->ctx = ctx;
	self->disk = disk ? disk : ctx->state_dir;
	*ret_self = TAKE(self);
	return 0;
}

static const struct tally_option self_options[] = {
	{.name = "disk",
	 .help = "A path on the file system whose use is told; default: the state directory, which "
		 "has the spool and, by default, the SQLite store",
	 .type = TALLY_OPT_STRING,
	 .offset = offsetof(struct self_config, disk)},
	{0}};

static const struct tally_table *const self_tables[] = {&self_table, NULL};

static const struct tally_input self_input = {
	.size = sizeof(self_input), .interval = 15 * CLOCK_SECOND, .gather = self_gather};

TALLY_PLUGIN(.name = "self", .version = TALLYD_VERSION,
	     .help = "tallyd itself: a row that says that it runs, and how it fares",
	     .options = self_options, .config_size = sizeof(struct self_config),
	     .tables = self_tables, .create = self_create, .start = self_start,
	     .destroy = self_destroy, .input = &self_input)
