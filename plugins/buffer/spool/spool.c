/*
 * A journal on disk.  A push is one transaction of spool_store.c: the rows as bytes, and the
 * position from which their input can resume, so that both are safe or neither is.  In memory are
 * only borrowed batches, and SPOOL_CACHE_BYTES of the newest.
 *
 * The core calls one function at a time, under the journal's lock, from the threads of inputs and
 * outputs; start() and stop() come from the main thread before and after all others, and only
 * reconfigure() comes concurrently, hence the atomics.  What can fail:
 *   - no room within the capacity, or none on the disk: -ENOSPC, and the core waits or drops;
 *   - a damaged file, at the start or later: spool_rebuild.c, then the call is made again;
 *   - a file that was removed or replaced: spool_restore.c, before each push.
 */
#include "spool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "file_check.h"
#include "spool_check.h"
#include "spool_file.h"

enum spool_sync { SPOOL_FULL, SPOOL_NORMAL };

struct spool_config {
	const char *path;
	int64_t capacity, sync, keep;
};

/* ---- Pushing ------------------------------------------------------------------ */

static int spool_make_room(struct spool *spool, size_t len)
{
	struct spool_limits limits = spool_limits(spool);
	uint64_t needed = spool_store_needs(len);
	/* A reload only stores the new capacity; it takes effect here, under the lock that guards
	 * the connection. */
	if (limits.wal != spool->store->wal && spool_store_limit_wal(spool->store, limits.wal) == 0)
		spool->manifest.limit = limits.wal / 8;
	/* -EMSGSIZE: it would not fit into an empty spool either, so the core does not wait for
	 * room. */
	if (len > limits.entry)
		return -EMSGSIZE;
	while (spool->store->bytes + needed > limits.file && spool_retention_shrink(spool))
		;
	if (spool->store->bytes + needed > limits.file)
		return spool->store->entries > 0 ? -ENOSPC : -EMSGSIZE;
	return 0;
}

static void spool_record_push(struct spool *spool, const struct tally_batch *batch,
			      const struct spool_store_push *push)
{
	struct spool_record record = {.type = RECORD_ENTRY,
				      .sequence = spool->store->last_sequence,
				      .count = batch->n_rows,
				      .texts = {push->table}};
	/* The times are for a store that is behind: what it lacks is reported with them. */
	for (uint32_t r = 0; r < batch->n_rows; r++) {
		const struct tally_cell *time = &batch->cells[(size_t)r * batch->table->n_columns];
		if (!time->set)
			continue;
		if (record.first == 0 || time->i < record.first)
			record.first = time->i;
		if (record.last == 0 || time->i > record.last)
			record.last = time->i;
	}
	if (push->position) {
		record.texts[1] = push->source;
		record.texts[2] = push->position;
	}
	spool_manifest_add(&spool->manifest, &record);
	/* Its input has begun again, so what it pushes from now on is new. */
	if (push->position && spool->replay)
		spool_replay_end(spool, push->source);
}

static int spool_push(void *self, const struct tally_batch *batch, const char *source,
		      const char *position, uint64_t *ret_sequence)
{
	struct spool *spool = self;
	auto_free void *bytes = NULL;
	size_t len = 0;
	int r = spool_restore_if_moved(spool);
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
	do
		r = spool_store_push(spool->store, &push);
	/* Each round removes its cause: the file was rebuilt, or half of the retained entries are
	 * gone.  Both are bounded. */
	while (spool_recovered(spool, r) || (r == -ENOSPC && spool_retention_shrink(spool)));
	if (r < 0)
		return r;
	*ret_sequence = spool->store->last_sequence;
	spool_record_push(spool, batch, &push);
	/* Without memory for the cache it is read from the file later. */
	spool_cache_add(&spool->cache, *ret_sequence, batch);
	spool_shrink(spool);
	return 0;
}

static void spool_usage(void *self, struct tally_usage *ret)
{
	const struct spool *spool = self;
	*ret = (struct tally_usage){.bytes = spool->store->bytes,
				    .capacity = spool_limits(spool).file,
				    .entries =
					    spool->store->entries - spool->store->retained_entries,
				    .rows = spool->store->rows - spool->store->retained_rows};
}

static int spool_position(void *self, const char *source, const char **ret)
{
	struct spool *spool = self;
	char *position;
	int r = spool_store_position(spool->store, source, &position);
	if (r < 0)
		return r;
	/* The caller may read it until the next call: so it is kept here. */
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
		return tally_fail(
			spool->ctx, ENOTSUP,
			"path = %s takes effect after a restart, since the rows in %s would "
			"be left behind",
			fresh->path, spool->path);
	/* Atomics, since a reload comes on the main thread while inputs push. */
	atomic_store(&spool->capacity, fresh->capacity);
	atomic_store(&spool->full_sync, fresh->sync == SPOOL_FULL);
	atomic_store(&spool->retention.period, fresh->keep);
	return 0;
}

static void spool_stop(void *self)
{
	struct spool *spool = self;
	/* Counted while the store is open, for the log. */
	struct tally_usage usage = {0};
	if (spool->store)
		spool_usage(spool, &usage);
	if (usage.rows > 0)
		tally_log(spool->ctx, TALLY_NOTICE,
			  "%" PRIu64 " rows in %" PRIu64 " batches are kept in %s", usage.rows,
			  usage.entries, spool->path);
	spool_unload_readers(spool);
	spool_cache_done(&spool->cache);
	spool_store_close(spool->store);
	spool_manifest_close(&spool->manifest);
	spool_lost_done(spool);
	spool_replay_done(spool);
	spool->store = NULL;
	spool->missing = false;
}

static int spool_open_verified(struct spool *spool)
{
	int r = spool_file_finish_swap(spool->ctx, spool->path);
	if (r < 0)
		return r;
	/* The manifest says that there was a spool: a new file would hide that its rows are lost,
	 * since nothing would count them. */
	if (spool_file_size(spool->path, "") <= 0 && spool_file_size(spool->path, "-wal") <= 0) {
		struct manifest_index *known = manifest_index_load(&spool->manifest);
		bool was_there = known != NULL;
		manifest_index_destroy(known);
		if (was_there)
			return tally_fail(spool->ctx, EBADMSG, "%s is empty, 0 bytes, or gone",
					  spool->path);
	}
	r = spool_store_open(spool->ctx, spool->path, &spool->store);
	if (r == 0)
		r = spool_load_readers(spool);
	return r == 0 ? spool_verify(spool) : r;
}

static int spool_open_anew(struct spool *spool)
{
	auto_free char *why = strdup(tally_reason(spool->ctx));
	/* Closing it must not mark it as cleanly closed. */
	if (spool->store)
		spool->store->damaged = true;
	spool_unload_readers(spool);
	spool_store_close(spool->store);
	spool->store = NULL;
	int r = spool_rebuild_at_start(spool, why ? why : "is damaged");
	if (r == 0)
		r = spool_store_open(spool->ctx, spool->path, &spool->store);
	return r == 0 ? spool_load_readers(spool) : r;
}

static int spool_start(void *self)
{
	struct spool *spool = self;
	int r = spool_open_verified(spool);
	/* Damage alone is a reason to rebuild.  A file that is locked or cannot be read may be
	 * fine, and is left as it is. */
	if (r == -EBADMSG)
		r = spool_open_anew(spool);
	if (r == 0)
		r = spool_reconcile(spool);
	if (r == 0)
		spool_reserve_room(spool);
	if (r < 0) {
		spool_stop(spool);
		return r;
	}
	spool_restore_note(spool);
	struct tally_usage usage;
	spool_usage(spool, &usage);
	tally_log(spool->ctx, TALLY_INFO, "%s: %" PRIu64 " rows in %" PRIu64 " batches wait",
		  spool->path, usage.rows, usage.entries);
	return 0;
}

static void spool_destroy(void *self)
{
	struct spool *spool = self;
	spool_manifest_done(&spool->manifest);
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
	spool->cache.ctx = ctx;
	spool->path = spool_path(ctx, config);
	if (!spool->path)
		return tally_fail(ctx, ENOMEM, "no memory");
	int r = spool_manifest_init(&spool->manifest, ctx, spool->path);
	if (r == 0)
		r = spool_reconfigure(spool, config);
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
	 .help = "Disk space for the file and its log; on_full says what happens when it is used "
		 "up.",
	 .type = TALLY_OPT_SIZE,
	 .offset = offsetof(struct spool_config, capacity)},
	{.name = "sync",
	 .fallback = "full",
	 .accepts = "full|normal",
	 .help = "full: rows survive a power cut; normal: rows survive a crash of the daemon.",
	 .type = TALLY_OPT_CHOICE,
	 .offset = offsetof(struct spool_config, sync)},
	{.name = "keep",
	 .fallback = "0s",
	 .accepts = "0s..",
	 .help = "How long rows are kept after all outputs have written them, to be offered again "
		 "to a database that was restored from a backup or failed over.  At most a third "
		 "of "
		 "the capacity, and new rows go first.",
	 .type = TALLY_OPT_DURATION,
	 .offset = offsetof(struct spool_config, keep)},
	{0},
};

static const struct tally_metric spool_metrics[] = {
	[SPOOL_TAKEN_AWAY] = {.name = "file_taken_away",
			      .help = "Times the file was found removed, replaced or emptied by "
				      "somebody else, and was put back."},
	[SPOOL_MISSING] = {.name = "file_missing",
			   .help = "1 while the file is missing and cannot be put back.",
			   .kind = TALLY_METRIC_GAUGE},
	[SPOOL_SET_ASIDE] = {.name = "set_aside",
			     .help = "Times the file was damaged, set aside and rebuilt."},
	{.name = NULL},
};

static const struct tally_buffer spool_buffer = {
	.size = sizeof(struct tally_buffer),
	.durable = 1,
	.open_reader = spool_open_reader,
	.forget_reader = spool_forget_reader,
	.push = spool_push,
	.fetch = spool_fetch,
	.ack = spool_ack,
	.position = spool_position,
	.drop_oldest = spool_drop_oldest,
	.usage = spool_usage,
	.scan = spool_scan,
	.forget_absent = spool_forget_absent,
	.lost = spool_lost,
	.resume = spool_resume,
	.producer = spool_producer,
	.stored = spool_stored,
	.behind = spool_behind,
};

static int spool_check(struct tally_ctx *ctx, const void *config)
{
	return file_check_write(ctx, "path", ((const struct spool_config *)config)->path, 1);
}

static int spool_command(struct tally_ctx *ctx, const void *config,
			 const struct tally_command *command)
{
	auto_free char *path = spool_path(ctx, config);
	if (command->argc < 1 || strcmp(command->argv[0], "check") != 0)
		return tally_fail(ctx, ENOSYS, "unknown command; a spool only has: check");
	return path ? spool_check_run(ctx, path) : tally_fail(ctx, ENOMEM, "no memory");
}

TALLY_PLUGIN(.name = "spool", .version = TALLYD_VERSION,
	     .help = "Keeps rows on disk until the outputs have written them, over crashes and "
		     "restarts; rows and the position they were read from are safe together.",
	     .options = spool_options, .metrics = spool_metrics,
	     .config_size = sizeof(struct spool_config), .create = spool_create,
	     .start = spool_start, .stop = spool_stop, .destroy = spool_destroy,
	     .reconfigure = spool_reconfigure, .buffer = &spool_buffer, .command = spool_command,
	     .check = spool_check)
