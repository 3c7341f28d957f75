/*
 * A journal in memory: one list of entries, oldest first, and per reader three places in it: up to
 * where it has acknowledged, up to where it has fetched, and the entry to fetch next.
 *   - push appends, if the entry still fits into `capacity` bytes;
 *   - fetch hands out from `next` on; ack moves the reader's cursor;
 *   - an entry that every reader has acknowledged is freed at once; without readers entries wait.
 *
 * The core calls one function at a time, under the journal's lock, from the threads of inputs and
 * outputs; only reconfigure() comes concurrently, hence the atomic capacity.  Batches are never
 * copied: an entry holds a reference.  Nothing survives the process, so sequences restart with it,
 * and `producer` has a random number, drawn at the start, that tells the lives apart.  What can
 * fail: memory, and a push that does not fit.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <tallyd/buffer.h>
#include <tallyd/host.h>

#include "base/cleanup.h"

struct batch_config {
	int64_t capacity;
};

struct batch_entry {
	struct batch_entry *older, *newer;
	const struct tally_batch *batch;
	uint64_t sequence;
	size_t bytes; /* of the entry and its batch */
};

struct batch_reader {
	char *name; /* NULL: forgotten, the slot is free */
	uint64_t acked, fetched;
	struct batch_entry *next; /* to fetch; NULL: none yet */
};

struct batch_buffer {
	struct tally_ctx *ctx;
	char *producer;
	atomic_int_least64_t capacity;
	struct batch_entry *oldest, *newest;
	uint64_t last_sequence;
	struct tally_usage usage; /* except capacity */
	struct batch_reader *readers;
	uint32_t n_readers;
};

/* ---- Entries ------------------------------------------------------------------ */

/* Removes an entry from the list; the batch's reference goes to the caller. */
static const struct tally_batch *batch_unlink(struct batch_buffer *buffer,
					      struct batch_entry *entry)
{
	const struct tally_batch *batch = entry->batch;
	*(entry->older ? &entry->older->newer : &buffer->oldest) = entry->newer;
	*(entry->newer ? &entry->newer->older : &buffer->newest) = entry->older;
	/* A reader that was to fetch it next would read freed memory. */
	for (uint32_t i = 0; i < buffer->n_readers; i++)
		if (buffer->readers[i].next == entry)
			buffer->readers[i].next = entry->newer;
	buffer->usage.entries--;
	buffer->usage.rows -= batch->n_rows;
	buffer->usage.bytes -= entry->bytes;
	free(entry);
	return batch;
}

static void batch_remove(struct batch_buffer *buffer, struct batch_entry *entry)
{
	tally_batch_drop(buffer->ctx, batch_unlink(buffer, entry));
}

/* Frees what every reader has acknowledged; with no reader that is everything. */
static void batch_trim(struct batch_buffer *buffer)
{
	/* The slowest reader decides.  Readers are outputs, a handful, so a loop will do. */
	uint64_t acked = UINT64_MAX;
	for (uint32_t i = 0; i < buffer->n_readers; i++)
		if (buffer->readers[i].name && buffer->readers[i].acked < acked)
			acked = buffer->readers[i].acked;
	while (buffer->oldest && buffer->oldest->sequence <= acked)
		batch_remove(buffer, buffer->oldest);
}

static int batch_push(void *self, const struct tally_batch *batch, const char *source,
		      const char *position, uint64_t *ret_sequence)
{
	struct batch_buffer *buffer = self;
	uint64_t capacity = (uint64_t)atomic_load(&buffer->capacity);
	size_t bytes = tally_batch_bytes(buffer->ctx, batch) + sizeof(struct batch_entry);
	(void)source;
	(void)position; /* the core keeps the positions of buffers that are not durable */
	/* -ENOSPC may pass, and the core waits for room; -EMSGSIZE never does, and it rejects. */
	if (bytes > capacity)
		return -EMSGSIZE;
	if (buffer->usage.bytes + bytes > capacity)
		return -ENOSPC;
	struct batch_entry *entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	tally_batch_keep(buffer->ctx, batch);
	entry->batch = batch;
	entry->bytes = bytes;
	entry->sequence = ++buffer->last_sequence;
	entry->older = buffer->newest;
	*(buffer->newest ? &buffer->newest->newer : &buffer->oldest) = entry;
	buffer->newest = entry;
	buffer->usage.entries++;
	buffer->usage.rows += batch->n_rows;
	buffer->usage.bytes += bytes;
	/* A reader that had reached the end continues here, so that fetch need not search. */
	for (uint32_t i = 0; i < buffer->n_readers; i++)
		if (!buffer->readers[i].next)
			buffer->readers[i].next = entry;
	*ret_sequence = entry->sequence;
	return 0;
}

static void batch_usage(void *self, struct tally_usage *ret)
{
	struct batch_buffer *buffer = self;
	*ret = buffer->usage;
	ret->capacity = (uint64_t)atomic_load(&buffer->capacity);
}

/* ---- Readers ------------------------------------------------------------------ */

/* By name, since an output that is restarted by a reload continues with its old cursor. */
static struct batch_reader *batch_find_reader(struct batch_buffer *buffer, const char *name)
{
	for (uint32_t i = 0; i < buffer->n_readers; i++)
		if (buffer->readers[i].name && strcmp(buffer->readers[i].name, name) == 0)
			return &buffer->readers[i];
	return NULL;
}

/* A free slot, or one more.  Slots of forgotten readers are reused and never removed, since reader
 * ids are indices and the core holds them. */
static struct batch_reader *batch_new_reader(struct batch_buffer *buffer)
{
	for (uint32_t i = 0; i < buffer->n_readers; i++)
		if (!buffer->readers[i].name)
			return &buffer->readers[i];
	struct batch_reader *readers =
		reallocarray(buffer->readers, buffer->n_readers + 1, sizeof(*readers));
	if (!readers)
		return NULL;
	buffer->readers = readers;
	readers[buffer->n_readers] = (struct batch_reader){0};
	return &readers[buffer->n_readers++];
}

/* The reader fetches again from the first entry that it has not acknowledged. */
static void batch_rewind(const struct batch_buffer *buffer, struct batch_reader *reader)
{
	reader->fetched = reader->acked;
	reader->next = buffer->oldest;
	while (reader->next && reader->next->sequence <= reader->acked)
		reader->next = reader->next->newer;
}

static int batch_open_reader(void *self, const char *name, uint32_t *ret_reader, uint64_t *ret_rows)
{
	struct batch_buffer *buffer = self;
	struct batch_reader *reader = batch_find_reader(buffer, name);
	if (!reader) {
		auto_free char *copy = strdup(name);
		reader = copy ? batch_new_reader(buffer) : NULL;
		if (!reader)
			return -ENOMEM;
		reader->name = TAKE(copy);
		reader->acked =
			buffer->oldest ? buffer->oldest->sequence - 1 : buffer->last_sequence;
	}
	batch_rewind(buffer, reader);
	*ret_reader = (uint32_t)(reader - buffer->readers);
	*ret_rows = 0;
	for (const struct batch_entry *entry = reader->next; entry; entry = entry->newer)
		*ret_rows += entry->batch->n_rows;
	return 0;
}

/* An output that is no longer configured: what only it waited for is freed at once. */
static int batch_forget_reader(void *self, const char *name)
{
	struct batch_buffer *buffer = self;
	struct batch_reader *reader = batch_find_reader(buffer, name);
	if (!reader)
		return -ENOENT;
	free(reader->name);
	*reader = (struct batch_reader){0};
	batch_trim(buffer);
	return 0;
}

/* Hands out whole entries, so it may exceed max_rows by all but one row of the last.  The batches
 * stay the buffer's; what is fetched is not freed before it is acknowledged, since batch_trim()
 * frees only what every reader has acknowledged and batch_drop_oldest() skips what is borrowed. */
static int batch_fetch(void *self, uint32_t reader_id, bool rewind, uint32_t max_rows,
		       struct tally_entry *ret, uint32_t max_entries, uint32_t *ret_n)
{
	struct batch_buffer *buffer = self;
	struct batch_reader *reader = &buffer->readers[reader_id];
	uint64_t rows = 0;
	uint32_t n = 0;
	if (rewind)
		batch_rewind(buffer, reader);
	while (reader->next && n < max_entries && rows < max_rows) {
		const struct batch_entry *entry = reader->next;
		ret[n++] = (struct tally_entry){.batch = entry->batch,
						.sequence = entry->sequence,
						.producer = buffer->producer};
		rows += entry->batch->n_rows;
		reader->fetched = entry->sequence;
		reader->next = entry->newer;
	}
	*ret_n = n;
	return 0;
}

/* May go past what was fetched: entries that no output of the reader wants are skipped so. */
static int batch_ack(void *self, uint32_t reader_id, uint64_t up_to_sequence)
{
	struct batch_buffer *buffer = self;
	struct batch_reader *reader = &buffer->readers[reader_id];
	if (up_to_sequence > reader->acked)
		reader->acked = up_to_sequence;
	if (reader->fetched < reader->acked)
		reader->fetched = reader->acked;
	while (reader->next && reader->next->sequence <= reader->acked)
		reader->next = reader->next->newer;
	batch_trim(buffer);
	return 0;
}

/* Fetched and not acknowledged: its output may be writing it at this moment. */
static bool batch_is_borrowed(const struct batch_buffer *buffer, uint64_t sequence)
{
	for (uint32_t i = 0; i < buffer->n_readers; i++)
		if (sequence > buffer->readers[i].acked && sequence <= buffer->readers[i].fetched)
			return true;
	return false;
}

/* For on_full = drop_oldest: the core counts the rows as dropped and frees the batch.  -ENOENT if
 * all entries are borrowed; then the core drops the new batch instead. */
static int batch_drop_oldest(void *self, uint64_t after_sequence, struct tally_entry *ret)
{
	struct batch_buffer *buffer = self;
	struct batch_entry *entry = buffer->oldest;
	while (entry &&
	       (entry->sequence <= after_sequence || batch_is_borrowed(buffer, entry->sequence)))
		entry = entry->newer;
	if (!entry)
		return -ENOENT;
	*ret = (struct tally_entry){.sequence = entry->sequence, .producer = buffer->producer};
	ret->batch = batch_unlink(buffer, entry);
	return 0;
}

/* ---- The plugin --------------------------------------------------------------- */

/* Comes from the main thread while inputs push.  A smaller capacity drops nothing: pushes wait
 * until the outputs have taken enough. */
static int batch_reconfigure(void *self, const void *config)
{
	struct batch_buffer *buffer = self;
	atomic_store(&buffer->capacity, ((const struct batch_config *)config)->capacity);
	return 0;
}

static void batch_destroy(void *self)
{
	struct batch_buffer *buffer = self;
	while (buffer->oldest)
		batch_remove(buffer, buffer->oldest);
	for (uint32_t i = 0; i < buffer->n_readers; i++)
		free(buffer->readers[i].name);
	free(buffer->readers);
	free(buffer->producer);
	free(buffer);
}

static int batch_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	auto_free struct batch_buffer *buffer = calloc(1, sizeof(*buffer));
	uint64_t life;
	if (!buffer)
		return tally_fail(ctx, ENOMEM, "no memory");
	buffer->ctx = ctx;
	/* Sequences restart at 1 with every process.  A store's ledger knows entries by producer
	 * and sequence, so without this number it would take new entries for old ones. */
	if (getrandom(&life, sizeof(life), 0) != sizeof(life))
		life = (uint64_t)tally_now(ctx);
	if (asprintf(&buffer->producer, "%s/%s/%016" PRIx64, ctx->producer, ctx->name, life) < 0)
		return tally_fail(ctx, ENOMEM, "no memory");
	batch_reconfigure(buffer, config);
	*ret_self = TAKE(buffer);
	return 0;
}

static const struct tally_option batch_options[] = {
	{.name = "capacity",
	 .fallback = "64Mi",
	 .accepts = "64Ki..",
	 .help = "How much memory waiting rows may take; on_full says what happens beyond that.",
	 .type = TALLY_OPT_SIZE,
	 .offset = offsetof(struct batch_config, capacity)},
	{0},
};

static const struct tally_buffer batch_buffer_calls = {
	.size = sizeof(struct tally_buffer),
	.open_reader = batch_open_reader,
	.forget_reader = batch_forget_reader,
	.push = batch_push,
	.fetch = batch_fetch,
	.ack = batch_ack,
	.drop_oldest = batch_drop_oldest,
	.usage = batch_usage,
};

TALLY_PLUGIN(.name = "batch", .version = TALLYD_VERSION,
	     .help = "Keeps rows in memory until the outputs have written them; rows that still "
		     "wait "
		     "when the daemon ends are lost.",
	     .options = batch_options, .config_size = sizeof(struct batch_config),
	     .create = batch_create, .destroy = batch_destroy, .reconfigure = batch_reconfigure,
	     .buffer = &batch_buffer_calls)
