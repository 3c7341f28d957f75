/*
 * A journal on disk.  A push is one transaction of spool_store: the rows as bytes and the position
 * their input may resume from.  A reader is given batches from memory while it keeps up, else
 * they are read and decoded when it asks.  What every reader has settled is deleted in the
 * transaction that moves the last cursor.
 *   - full (capacity): -ENOSPC; the core waits or drops.  The same while the disk is full.
 *   - an entry that cannot be decoded: -EBADMSG from peek; the core drops it and counts its rows.
 *   - the file cannot be used at the start: spool_open.c sets it aside.
 * In memory are at most what is on loan, and SPOOL_CACHE of the newest.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/host.h>

#include "cleanup.h"
#include "spool_held.h"
#include "spool_store.h"

enum {
	SPOOL_CACHE = 4 << 20,    /* memory for batches that nobody has on loan */
	SPOOL_LOAN = 16 << 20,    /* and that one reader may have, if it is more than one batch */
	SPOOL_RESERVE = 64 << 20, /* of the capacity, for the WAL; a quarter of small ones */
	SPOOL_ENTRY_PAGES = 8,    /* what a push may take besides the pages of its batch */
};

enum spool_sync { SPOOL_FULL, SPOOL_NORMAL };

struct spool_config {
	const char *path;
	int64_t capacity, sync;
};

struct spool_reader {
	char *name; /* NULL: forgotten, the place is free */
	uint64_t settled, given;
	bool open; /* in this life of the daemon */
};

/* A table for rows whose own can no longer be read; as long as the plugin. */
struct spool_stand_in {
	struct spool_stand_in *next;
	struct tally_table table;
	char name[];
};

struct spool {
	struct tally_ctx *ctx;
	char *path;
	atomic_int_least64_t capacity; /* reconfigure() comes beside the other calls */
	atomic_bool full_sync;
	struct spool_store *store; /* NULL: not started */
	struct spool_held held;
	struct spool_reader *readers;
	uint32_t n_readers;
	char *position; /* the one asked for last */
	uint64_t wal;   /* bytes it is limited to now */
	struct spool_stand_in *stand_ins;
};

/* ---- Readers ------------------------------------------------------------------ */

static bool spool_has_on_loan(const struct spool_reader *reader, uint64_t sequence)
{
	return reader->name && sequence > reader->settled && sequence <= reader->given;
}

static const struct spool_reader *spool_find_loan(const struct spool *spool, uint64_t sequence)
{
	for (uint32_t i = 0; i < spool->n_readers; i++)
		if (spool_has_on_loan(&spool->readers[i], sequence))
			return &spool->readers[i];
	return NULL;
}

static bool spool_on_loan(const void *arg, uint64_t sequence)
{
	return spool_find_loan(arg, sequence) != NULL;
}

/* Up to where every reader has settled, when this one has settled up to there. */
static uint64_t spool_passed(const struct spool *spool, const struct spool_reader *reader,
			     uint64_t settled)
{
	for (uint32_t i = 0; i < spool->n_readers; i++)
		if (&spool->readers[i] != reader && spool->readers[i].name &&
		    spool->readers[i].settled < settled)
			settled = spool->readers[i].settled;
	return settled;
}

static struct spool_reader *spool_find_reader(const struct spool *spool, const char *name)
{
	for (uint32_t i = 0; i < spool->n_readers; i++)
		if (spool->readers[i].name && strcmp(spool->readers[i].name, name) == 0)
			return &spool->readers[i];
	return NULL;
}

/* A place that was forgotten, or one more. */
static struct spool_reader *spool_add_reader(struct spool *spool, const char *name,
					     uint64_t settled)
{
	uint32_t i = 0;
	while (i < spool->n_readers && spool->readers[i].name)
		i++;
	if (i == spool->n_readers) {
		void *readers = reallocarray(spool->readers, i + 1, sizeof(*spool->readers));
		if (!readers)
			return NULL;
		spool->readers = readers;
		spool->readers[spool->n_readers++] = (struct spool_reader){0};
	}
	char *copy = strdup(name);
	if (!copy)
		return NULL;
	spool->readers[i] =
		(struct spool_reader){.name = copy, .settled = settled, .given = settled};
	return &spool->readers[i];
}

static void spool_remove_reader(struct spool_reader *reader)
{
	free(reader->name);
	*reader = (struct spool_reader){0};
}

static void spool_shrink(struct spool *spool)
{
	spool_held_shrink(&spool->held, SPOOL_CACHE, spool_on_loan, spool);
}

static int spool_begin_reader(struct spool *spool, const char *name)
{
	uint64_t oldest;
	int r = spool_store_next(spool->store, 0, &oldest);
	if (r < 0 && r != -ENOENT)
		return r;
	uint64_t settled = r == 0 ? oldest - 1 : spool->store->last_sequence;
	r = spool_store_settle(spool->store, name, settled, 0);
	if (r < 0)
		return r;
	return spool_add_reader(spool, name, settled) ? 0
						      : tally_fail(spool->ctx, ENOMEM, "no memory");
}

static int spool_open_reader(void *self, const char *name, uint32_t *ret_reader, uint64_t *ret_rows)
{
	struct spool *spool = self;
	int r = spool_find_reader(spool, name) ? 0 : spool_begin_reader(spool, name);
	if (r < 0)
		return r;
	struct spool_reader *reader = spool_find_reader(spool, name);
	reader->given = reader->settled;
	reader->open = true;
	*ret_reader = (uint32_t)(reader - spool->readers);
	return spool_store_waiting(spool->store, reader->settled, ret_rows);
}

/* Without any reader left nobody waits for anything. */
static int spool_forget(struct spool *spool, struct spool_reader *reader)
{
	uint64_t passed = spool_passed(spool, reader, spool->store->last_sequence);
	int r = spool_store_forget(spool->store, reader->name, passed);
	if (r < 0)
		return r;
	spool_remove_reader(reader);
	spool_held_forget(&spool->held, passed);
	return 0;
}

static int spool_forget_reader(void *self, const char *name)
{
	struct spool *spool = self;
	struct spool_reader *reader = spool_find_reader(spool, name);
	return reader ? spool_forget(spool, reader) : -ENOENT;
}

static int spool_forget_absent(void *self)
{
	struct spool *spool = self;
	int r = 0;
	for (uint32_t i = 0; i < spool->n_readers && r == 0; i++) {
		struct spool_reader *reader = &spool->readers[i];
		uint64_t rows = 0;
		if (!reader->name || reader->open)
			continue;
		r = spool_store_waiting(spool->store, reader->settled, &rows);
		if (r == 0)
			tally_log(spool->ctx, rows ? TALLY_WARNING : TALLY_INFO,
				  "%s no longer reads from here; %" PRIu64
				  " rows had been waiting for it",
				  reader->name, rows);
		if (r == 0)
			r = spool_forget(spool, reader);
	}
	return r;
}

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
	int r = tally_batch_encode(spool->ctx, batch, &bytes, &len);
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

/* ---- Reading ------------------------------------------------------------------ */

static int spool_decode(void *arg, const struct spool_store_entry *entry)
{
	struct spool *spool = arg;
	struct tally_batch *batch = NULL;
	int r = tally_batch_decode(spool->ctx, entry->bytes, entry->len, &batch);
	if (r == 0 && batch->n_rows != entry->rows)
		r = tally_fail(spool->ctx, EBADMSG, "not the batch that was written");
	if (r == 0)
		r = spool_held_add(&spool->held, entry->sequence, batch);
	if (batch)
		tally_batch_drop(spool->ctx, batch);
	return r;
}

/* Has it in memory from now on. */
static int spool_fetch(struct spool *spool, uint64_t sequence)
{
	if (spool_held_find(&spool->held, sequence))
		return 0;
	return spool_store_read(spool->store, sequence, spool_decode, spool);
}

/* The entry after the one given last; mostly just the next number, and in memory. */
static int spool_fetch_next(struct spool *spool, const struct spool_reader *reader,
			    const struct spool_held_entry **ret)
{
	uint64_t sequence = reader->given + 1;
	int r = 0;
	if (!spool_held_find(&spool->held, sequence))
		r = spool_store_next(spool->store, reader->given, &sequence);
	if (r == 0)
		r = spool_fetch(spool, sequence);
	if (r == 0)
		*ret = spool_held_find(&spool->held, sequence);
	return r;
}

static int spool_peek(void *self, uint32_t reader_id, bool rewind, uint32_t max_rows,
		      struct tally_entry *ret, uint32_t max_entries, uint32_t *ret_n)
{
	struct spool *spool = self;
	struct spool_reader *reader = &spool->readers[reader_id];
	uint64_t rows = 0;
	uint32_t n = 0;
	int r = 0;
	if (rewind)
		reader->given = reader->settled;
	size_t lent = spool_held_bytes(&spool->held, reader->settled, reader->given);
	while (n < max_entries && rows < max_rows && lent < SPOOL_LOAN) {
		const struct spool_held_entry *held = NULL;
		r = spool_fetch_next(spool, reader, &held);
		if (r < 0)
			break;
		ret[n++] = (struct tally_entry){.batch = held->batch,
						.sequence = held->sequence,
						.writer = spool->store->writer};
		reader->given = held->sequence;
		rows += held->batch->n_rows;
		lent += held->bytes;
	}
	spool_shrink(spool);
	if (r < 0 && r != -ENOENT && n == 0)
		return r;
	*ret_n = n;
	return 0;
}

struct spool_survey {
	tally_survey_fn *each;
	void *arg;
};

static int spool_survey_entry(void *arg, const struct spool_store_entry *entry)
{
	const struct spool_survey *survey = arg;
	return survey->each(survey->arg, entry->table, entry->sequence, entry->rows);
}

static int spool_survey(void *self, uint32_t reader_id, tally_survey_fn *each, void *arg)
{
	struct spool *spool = self;
	struct spool_survey survey = {each, arg};
	return spool_store_survey(spool->store, spool->readers[reader_id].settled,
				  spool_survey_entry, &survey);
}

/* ---- Letting go --------------------------------------------------------------- */

/* Also past what the reader was given: it has no use for those. */
static int spool_settle(void *self, uint32_t reader_id, uint64_t up_to_sequence)
{
	struct spool *spool = self;
	struct spool_reader *reader = &spool->readers[reader_id];
	if (up_to_sequence <= reader->settled)
		return 0;
	uint64_t passed = spool_passed(spool, reader, up_to_sequence);
	int r = spool_store_settle(spool->store, reader->name, up_to_sequence, passed);
	if (r < 0)
		return r;
	reader->settled = up_to_sequence;
	if (reader->given < up_to_sequence)
		reader->given = up_to_sequence;
	spool_held_forget(&spool->held, passed);
	spool_shrink(spool);
	return 0;
}

static struct spool_stand_in *spool_stand_in(struct spool *spool, const char *name)
{
	static const struct tally_column time = {.name = "time", .type = TALLY_TIME};
	struct spool_stand_in *stand_in = spool->stand_ins;
	while (stand_in && strcmp(stand_in->name, name) != 0)
		stand_in = stand_in->next;
	if (stand_in)
		return stand_in;
	stand_in = calloc(1, sizeof(*stand_in) + strlen(name) + 1);
	if (!stand_in)
		return NULL;
	memcpy(stand_in->name, name, strlen(name) + 1);
	stand_in->table = (struct tally_table){.name = stand_in->name,
					       .help = "",
					       .columns = &time,
					       .n_columns = 1,
					       .kind = TALLY_LOG,
					       .revision = 1};
	stand_in->next = spool->stand_ins;
	spool->stand_ins = stand_in;
	return stand_in;
}

/* As many rows of a table of that name, for the core to count. */
static int spool_hold_stand_in(void *arg, const struct spool_store_entry *entry)
{
	struct spool *spool = arg;
	const struct spool_stand_in *table = spool_stand_in(spool, entry->table);
	struct tally_batch *batch = table ? tally_batch_new(spool->ctx, &table->table) : NULL;
	bool complete = batch != NULL;
	for (uint32_t i = 0; i < entry->rows && complete; i++)
		complete = tally_batch_row(spool->ctx, batch) != NULL;
	int r = complete ? spool_held_add(&spool->held, entry->sequence, batch) : -ENOMEM;
	if (batch)
		tally_batch_drop(spool->ctx, batch);
	return r < 0 ? r : 1; /* no more of them */
}

static int spool_fetch_stand_in(struct spool *spool, uint64_t sequence)
{
	tally_log(spool->ctx, TALLY_ERROR, "%s: entry %" PRIu64 " is damaged and dropped: %s",
		  spool->path, sequence, tally_reason(spool->ctx));
	int r = spool_store_survey(spool->store, sequence - 1, spool_hold_stand_in, spool);
	return r < 0 ? r : 0;
}

/* The oldest after a sequence that nobody has on loan. */
static int spool_oldest(struct spool *spool, uint64_t after, uint64_t *ret)
{
	for (;;) {
		int r = spool_store_next(spool->store, after, ret);
		const struct spool_reader *reader = r == 0 ? spool_find_loan(spool, *ret) : NULL;
		if (!reader)
			return r;
		after = reader->given;
	}
}

static int spool_drop_oldest(void *self, uint64_t after_sequence, struct tally_entry *ret)
{
	struct spool *spool = self;
	uint64_t sequence;
	int r = spool_oldest(spool, after_sequence, &sequence);
	if (r < 0)
		return r;
	r = spool_fetch(spool, sequence);
	if (r == -EBADMSG)
		r = spool_fetch_stand_in(spool, sequence);
	if (r < 0)
		return r;
	const struct tally_batch *batch = spool_held_find(&spool->held, sequence)->batch;
	r = spool_store_delete(spool->store, sequence, batch->n_rows);
	if (r < 0)
		return r;
	tally_batch_keep(spool->ctx, batch);
	spool_held_remove(&spool->held, sequence);
	*ret = (struct tally_entry){
		.batch = batch, .sequence = sequence, .writer = spool->store->writer};
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

static int spool_take_reader(void *arg, const struct spool_store_entry *row)
{
	struct spool *spool = arg;
	return spool_add_reader(spool, row->table, row->sequence)
		       ? 0
		       : tally_fail(spool->ctx, ENOMEM, "no memory");
}

static void spool_stop(void *self)
{
	struct spool *spool = self;
	if (spool->store && spool->store->rows > 0)
		tally_log(spool->ctx, TALLY_NOTICE,
			  "%" PRIu64 " rows in %" PRIu64 " batches are kept in %s",
			  spool->store->rows, spool->store->entries, spool->path);
	for (uint32_t i = 0; i < spool->n_readers; i++)
		free(spool->readers[i].name);
	free(spool->readers);
	spool->readers = NULL;
	spool->n_readers = 0;
	spool_held_done(&spool->held);
	spool_store_close(spool->store);
	spool->store = NULL;
	spool->wal = 0;
}

static int spool_start(void *self)
{
	struct spool *spool = self;
	int r = spool_store_open(spool->ctx, spool->path, &spool->store);
	if (r == 0)
		r = spool_store_readers(spool->store, spool_take_reader, spool);
	if (r < 0) {
		spool_stop(spool);
		return r;
	}
	tally_log(spool->ctx, TALLY_INFO, "%s: %" PRIu64 " rows in %" PRIu64 " batches wait",
		  spool->path, spool->store->rows, spool->store->entries);
	return 0;
}

static void spool_destroy(void *self)
{
	struct spool *spool = self;
	while (spool->stand_ins) {
		struct spool_stand_in *stand_in = spool->stand_ins;
		spool->stand_ins = stand_in->next;
		free(stand_in);
	}
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

TALLY_PLUGIN(.name = "spool", .version = TALLYD_VERSION,
	     .help = "Keeps rows on disk until the outputs have written them, over crashes and "
		     "restarts; rows and the position they were read from are safe together.",
	     .options = spool_options, .config_size = sizeof(struct spool_config),
	     .create = spool_create, .start = spool_start, .stop = spool_stop,
	     .destroy = spool_destroy, .reconfigure = spool_reconfigure, .buffer = &spool_buffer)
