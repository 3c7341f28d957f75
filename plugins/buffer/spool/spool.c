/*
 * A journal on disk.  A push is one transaction of spool_store: the rows as bytes and the position
 * their input may resume from.
 *   - full (capacity): -ENOSPC; the core waits or drops.  The same while the disk is full.
 *   - the file cannot be used at the start: spool_open.c sets it aside.
 * In memory are at most what is on loan, and SPOOL_CACHE of the newest.
 */
#include "spool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file_check.h"

enum {
	SPOOL_RESERVE = 64 << 20, /* of the capacity, for the WAL; a quarter of small ones */
	SPOOL_ENTRY_PAGES = 8,    /* what a push may take besides the pages of its batch */
	SPOOL_KEPT = 2 << 20,     /* room kept on the disk in the log, and in the file */
};

enum spool_sync { SPOOL_FULL, SPOOL_NORMAL };

struct spool_config {
	const char *path;
	int64_t capacity, sync;
};

/* ---- Pushing ------------------------------------------------------------------ */

struct spool_limits {
	uint64_t file, wal, entry;
};

/* The file and its WAL together stay within the capacity. */
static struct spool_limits spool_limits(const struct spool *spool)
{
	uint64_t capacity = (uint64_t)atomic_load(&spool->capacity);
	uint64_t reserve = capacity / 4 < SPOOL_RESERVE ? capacity / 4 : SPOOL_RESERVE;
	return (struct spool_limits){capacity - reserve, reserve / 2, reserve / 4};
}

static int spool_make_room(struct spool *spool, size_t len)
{
	struct spool_limits limits = spool_limits(spool);
	uint64_t needed = (len / (SPOOL_PAGE - 4) + SPOOL_ENTRY_PAGES) * SPOOL_PAGE;
	if (limits.wal != spool->wal && spool_store_limit_wal(spool->store, limits.wal) == 0)
		spool->wal = limits.wal;
	if (len > limits.entry)
		return -EMSGSIZE;
	if (spool->store->bytes + needed > limits.file)
		return spool->store->entries > 0 ? -ENOSPC : -EMSGSIZE;
	return 0;
}

static int spool_push(void *self, const struct tally_batch *batch, const char *source,
		      const char *position, uint64_t *ret_sequence)
{
	struct spool *spool = self;
	auto_free void *bytes = NULL;
	size_t len;
	int r = spool_place_keep(spool);
	if (r == 0)
		r = tally_batch_encode(spool->ctx, batch, &bytes, &len);
	if (r == 0)
		r = spool_make_room(spool, len);
	if (r < 0)
		return r;
	const struct spool_store_push push = {
		.table = batch->table->name,
		.rows = batch->n_rows,
		.bytes = bytes,
		.len = len,
		.source = source,
		.position = source ? position : NULL,
		.full_sync = atomic_load(&spool->full_sync),
	};
	r = spool_store_push(spool->store, &push);
	if (r < 0)
		return r;
	*ret_sequence = spool->store->last_sequence;
	/* Without memory for it, it is read from the file later. */
	spool_held_add(&spool->held, *ret_sequence, batch);
	spool_shrink(spool);
	return 0;
}

static void spool_usage(void *self, struct tally_usage *ret)
{
	const struct spool *spool = self;
	*ret = (struct tally_usage){.bytes = spool->store->bytes,
				    .capacity = spool_limits(spool).file,
				    .entries = spool->store->entries,
				    .rows = spool->store->rows};
}

static int spool_position(void *self, const char *source, const char **ret)
{
	struct spool *spool = self;
	char *position;
	int r = spool_store_position(spool->store, source, &position);
	if (r < 0)
		return r;
	free(spool->position);
	spool->position = position;
	*ret = position;
	return 0;
}

/* ---- The plugin --------------------------------------------------------------- */

static int spool_reconfigure(void *self, const void *config)
{
	struct spool *spool = self;
	const struct spool_config *fresh = config;
	if (fresh->path && strcmp(fresh->path, spool->path) != 0)
		return tally_fail(spool->ctx, ENOTSUP,
				  "path = %s takes effect after a restart: what is in %s would be "
				  "left there",
				  fresh->path, spool->path);
	atomic_store(&spool->capacity, fresh->capacity);
	atomic_store(&spool->full_sync, fresh->sync == SPOOL_FULL);
	return 0;
}

static void spool_stop(void *self)
{
	struct spool *spool = self;
	if (spool->store && spool->store->rows > 0)
		tally_log(spool->ctx, TALLY_NOTICE,
			  "%" PRIu64 " rows in %" PRIu64 " batches are kept in %s",
			  spool->store->rows, spool->store->entries, spool->path);
	spool_unload_readers(spool);
	spool_held_done(&spool->held);
	spool_store_close(spool->store);
	spool->store = NULL;
	spool->wal = 0;
	spool->missing = false;
}

/* For a disk that somebody else fills: a few batches. */
static void spool_keep_room(const struct spool *spool)
{
	struct spool_limits limits = spool_limits(spool);
	uint64_t wal = limits.wal < SPOOL_KEPT ? limits.wal : SPOOL_KEPT;
	uint64_t file = limits.file / 4 < SPOOL_KEPT ? limits.file / 4 : SPOOL_KEPT;
	spool_store_reserve(spool->store, wal, file);
}

static int spool_start(void *self)
{
	struct spool *spool = self;
	int r = spool_store_open(spool->ctx, spool->path, &spool->store);
	if (r == 0)
		spool_keep_room(spool);
	if (r == 0)
		r = spool_load_readers(spool);
	if (r < 0) {
		spool_stop(spool);
		return r;
	}
	spool_place_note(spool);
	tally_log(spool->ctx, TALLY_INFO, "%s: %" PRIu64 " rows in %" PRIu64 " batches wait",
		  spool->path, spool->store->rows, spool->store->entries);
	return 0;
}

static void spool_destroy(void *self)
{
	struct spool *spool = self;
	spool_free_stand_ins(spool);
	free(spool->position);
	free(spool->path);
	free(spool);
}

/* STATE_DIR/spool-LABEL, without a label spool-spool. */
static char *spool_path(const struct tally_ctx *ctx, const struct spool_config *config)
{
	const char *label = strchr(ctx->name, ':');
	char *path;
	if (config->path)
		return strdup(config->path);
	return asprintf(&path, "%s/spool-%s", ctx->state_dir, label ? label + 1 : "spool") < 0
		       ? NULL
		       : path;
}

static int spool_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	auto_free struct spool *spool = calloc(1, sizeof(*spool));
	if (!spool)
		return tally_fail(ctx, ENOMEM, "no memory");
	spool->ctx = ctx;
	spool->held.ctx = ctx;
	spool->path = spool_path(ctx, config);
	if (!spool->path)
		return tally_fail(ctx, ENOMEM, "no memory");
	int r = spool_reconfigure(spool, config);
	if (r < 0)
		return r;
	*ret_self = TAKE(spool);
	return 0;
}

static const struct tally_option spool_options[] = {
	{.name = "path",
	 .help = "The file.  Default: spool-LABEL in state_dir, spool-spool without a label.",
	 .type = TALLY_OPT_STRING,
	 .offset = offsetof(struct spool_config, path)},
	{.name = "capacity",
	 .fallback = "1Gi",
	 .accepts = "1Mi..",
	 .help = "How much room the file and its log may take on disk; on_full says what happens "
		 "then.",
	 .type = TALLY_OPT_SIZE,
	 .offset = offsetof(struct spool_config, capacity)},
	{.name = "sync",
	 .fallback = "full",
	 .accepts = "full|normal",
	 .help = "full: what is in it outlives a power cut; normal: a crash of the daemon.",
	 .type = TALLY_OPT_CHOICE,
	 .offset = offsetof(struct spool_config, sync)},
	{0},
};

static const struct tally_metric spool_metrics[] = {
	[SPOOL_TAKEN_AWAY] = {.name = "file_taken_away",
			      .help = "Times the file was found removed, replaced or emptied by "
				      "somebody else, and was put back."},
	[SPOOL_MISSING] = {.name = "file_missing",
			   .help = "1 while it is not in its place and cannot be put back.",
			   .kind = TALLY_METRIC_GAUGE},
	{.name = NULL},
};

static const struct tally_buffer spool_buffer = {
	.size = sizeof(struct tally_buffer),
	.durable = 1,
	.open_reader = spool_open_reader,
	.forget_reader = spool_forget_reader,
	.push = spool_push,
	.peek = spool_peek,
	.settle = spool_settle,
	.position = spool_position,
	.drop_oldest = spool_drop_oldest,
	.usage = spool_usage,
	.survey = spool_survey,
	.forget_absent = spool_forget_absent,
};

static int spool_check(struct tally_ctx *ctx, const void *config)
{
	return file_check_write(ctx, "path", ((const struct spool_config *)config)->path, 1);
}

TALLY_PLUGIN(.name = "spool", .version = TALLYD_VERSION,
	     .help = "Keeps rows on disk until the outputs have written them, over crashes and "
		     "restarts; rows and the position they were read from are safe together.",
	     .options = spool_options, .metrics = spool_metrics,
	     .config_size = sizeof(struct spool_config), .create = spool_create,
	     .start = spool_start, .stop = spool_stop, .destroy = spool_destroy,
	     .reconfigure = spool_reconfigure, .buffer = &spool_buffer, .check = spool_check)
