/*
 * The manifest file.  A record: magic, checksum, length, then the fixed part and three texts, each
 * with its NUL.  A reader that meets anything else searches for the next magic, byte by byte, so a
 * torn or damaged record costs only itself.
 *
 * Shrinking writes a new file beside it and renames it: everything that waits, the newest
 * acknowledged entries, and of each source the newest acknowledged entry, since its input may have
 * to resume there. Called under the journal's lock.  What can fail: writing; that costs no rows and
 * is logged once, but losses can then not be counted.
 */
#include "spool_manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crc32c.h"

#define MANIFEST_MAGIC 0x314d7054u /* "Tpm1" */
enum { MANIFEST_TEXT_MAX = 2048, MANIFEST_RECORD_MAX = 4 * MANIFEST_TEXT_MAX };

struct manifest_head {
	uint32_t magic, checksum; /* of what follows the checksum */
	uint32_t len;             /* of all of it */
	uint32_t type;
	uint64_t sequence, count;
	int64_t first, last;
};

/* ---- One record --------------------------------------------------------------- */

static uint32_t manifest_checksum(const unsigned char *bytes, size_t len)
{
	const size_t from = offsetof(struct manifest_head, len);
	return crc32c(bytes + from, len - from);
}

/* 0: too long. */
static size_t manifest_encode(const struct spool_record *record, unsigned char *ret)
{
	struct manifest_head head = {.magic = MANIFEST_MAGIC,
				     .type = record->type,
				     .sequence = record->sequence,
				     .count = record->count,
				     .first = record->first,
				     .last = record->last};
	size_t len = sizeof(head);
	for (int i = 0; i < 3; i++) {
		const char *text = record->texts[i] ? record->texts[i] : "";
		size_t size = strlen(text) + 1;
		if (size > MANIFEST_TEXT_MAX)
			return 0;
		memcpy(ret + len, text, size);
		len += size;
	}
	head.len = (uint32_t)len;
	memcpy(ret, &head, sizeof(head));
	head.checksum = manifest_checksum(ret, len);
	memcpy(ret, &head, sizeof(head));
	return len;
}

/* Its length; 0: no record begins here.  The texts point into the bytes. */
static size_t manifest_decode(const unsigned char *bytes, size_t len, struct spool_record *ret)
{
	struct manifest_head head;
	if (len < sizeof(head) + 3)
		return 0;
	memcpy(&head, bytes, sizeof(head));
	/* A tail that was torn by a power cut, or a stretch of zeros, is not a record; the reader
	 * goes on byte by byte to the next magic number. */
	if (head.magic != MANIFEST_MAGIC || head.len > len || head.len < sizeof(head) + 3 ||
	    head.len > MANIFEST_RECORD_MAX || head.checksum != manifest_checksum(bytes, head.len))
		return 0;
	const char *text = (const char *)bytes + sizeof(head);
	const char *end = (const char *)bytes + head.len;
	*ret = (struct spool_record){.type = (uint8_t)head.type,
				     .sequence = head.sequence,
				     .count = head.count,
				     .first = head.first,
				     .last = head.last};
	for (int i = 0; i < 3; i++) {
		size_t size = strnlen(text, (size_t)(end - text)) + 1;
		if (size > (size_t)(end - text))
			return 0;
		ret->texts[i] = text;
		text += size;
	}
	return head.len;
}

/* ---- What it says -------------------------------------------------------------- */

size_t manifest_index_after(const struct manifest_index *known, uint64_t sequence)
{
	size_t low = 0, high = known->n_entries;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (known->entries[middle].sequence <= sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct manifest_index_entry *manifest_index_find(const struct manifest_index *known,
						 uint64_t sequence)
{
	size_t at = sequence ? manifest_index_after(known, sequence - 1) : 0;
	return at < known->n_entries && known->entries[at].sequence == sequence
		       ? &known->entries[at]
		       : NULL;
}

struct manifest_index_reader *manifest_index_reader(const struct manifest_index *known,
						    const char *name)
{
	for (size_t i = 0; i < known->n_readers; i++)
		if (strcmp(known->readers[i].name, name) == 0)
			return &known->readers[i];
	return NULL;
}

uint64_t manifest_index_acked(const struct manifest_index *known)
{
	uint64_t acked = known->last_sequence;
	for (size_t i = 0; i < known->n_readers; i++)
		if (known->readers[i].acked < acked)
			acked = known->readers[i].acked;
	return acked;
}

/* Records come in the order of their sequences, except for repeats, which shrinking and reconciling
 * may write: the first one counts, so that what became of an entry is not undone. */
static int index_add_entry(struct manifest_index *known, const struct spool_record *record)
{
	if (known->n_entries > 0 &&
	    record->sequence <= known->entries[known->n_entries - 1].sequence)
		return 0; /* a repeat */
	if (known->n_entries == known->entries_size) {
		size_t size = known->entries_size ? 2 * known->entries_size : 256;
		void *grown = reallocarray(known->entries, size, sizeof(*known->entries));
		if (!grown)
			return -ENOMEM;
		known->entries = grown;
		known->entries_size = size;
	}
	known->entries[known->n_entries++] =
		(struct manifest_index_entry){.sequence = record->sequence,
					      .table = record->texts[0],
					      .source = record->texts[1],
					      .position = record->texts[2],
					      .first = record->first,
					      .last = record->last,
					      .rows = (uint32_t)record->count,
					      .state = RECORD_ENTRY};
	return 0;
}

static int index_set_reader(struct manifest_index *known, const struct spool_record *record)
{
	struct manifest_index_reader *reader = manifest_index_reader(known, record->texts[0]);
	if (!reader) {
		void *grown =
			reallocarray(known->readers, known->n_readers + 1, sizeof(*known->readers));
		if (!grown)
			return -ENOMEM;
		known->readers = grown;
		reader = &known->readers[known->n_readers++];
	}
	*reader = (struct manifest_index_reader){record->texts[0], record->sequence, record->count};
	return 0;
}

static int index_apply(struct manifest_index *known, const struct spool_record *record)
{
	struct manifest_index_reader *reader;
	struct manifest_index_entry *entry;
	if (record->sequence > known->last_sequence && record->type != RECORD_READER)
		known->last_sequence = record->sequence;
	switch (record->type) {
	case RECORD_PRODUCER:
		known->producer = record->texts[0];
		known->thinned = record->count;
		return 0;
	case RECORD_ENTRY:
		return index_add_entry(known, record);
	case RECORD_READER:
		return index_set_reader(known, record);
	case RECORD_FORGET:
		reader = manifest_index_reader(known, record->texts[0]);
		/* The last one takes its place: their order says nothing. */
		if (reader)
			*reader = known->readers[--known->n_readers];
		return 0;
	default:
		entry = manifest_index_find(known, record->sequence);
		if (entry)
			entry->state = record->type;
		return 0;
	}
}

/* Steps one byte where no record begins, so that the reader finds the next one after any damage. */
static int index_read(struct manifest_index *known, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)known->bytes;
	struct spool_record record;
	int r = 0;
	for (size_t at = 0; at < len && r == 0;) {
		size_t size = manifest_decode(bytes + at, len - at, &record);
		if (size)
			r = index_apply(known, &record);
		at += size ? size : 1;
	}
	return r;
}

/* Bytes read; -1: there is none. */
static ssize_t manifest_load(const struct spool_manifest *manifest, char **ret)
{
	struct stat file;
	auto_close int fd = open(manifest->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &file) < 0)
		return -1;
	/* One byte more, since the manifest may be empty. */
	auto_free char *bytes = malloc((size_t)file.st_size + 1);
	ssize_t len = 0, n = 0;
	do {
		len += n;
		n = bytes ? read(fd, bytes + len, (size_t)(file.st_size - len)) : -1;
	} while (n > 0);
	if (n < 0)
		return -1;
	*ret = TAKE(bytes);
	return len;
}

struct manifest_index *manifest_index_load(const struct spool_manifest *manifest)
{
	struct manifest_index *known = calloc(1, sizeof(*known));
	ssize_t len = known ? manifest_load(manifest, &known->bytes) : -1;
	if (len >= 0 && index_read(known, (size_t)len) == 0 && known->producer)
		return known;
	manifest_index_destroy(known);
	return NULL;
}

void manifest_index_destroy(struct manifest_index *known)
{
	if (!known)
		return;
	free(known->bytes);
	free(known->entries);
	free(known->readers);
	free(known);
}

int manifest_source_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

void manifest_source_keep(void *text)
{
	(void)text;
}

/* ---- Writing it ---------------------------------------------------------------- */

int spool_manifest_init(struct spool_manifest *manifest, struct tally_ctx *ctx, const char *path)
{
	*manifest = (struct spool_manifest){.ctx = ctx, .fd = -1, .limit = UINT64_MAX};
	if (asprintf(&manifest->path, "%s.manifest", path) >= 0)
		return 0;
	manifest->path = NULL;
	return tally_fail(ctx, ENOMEM, "no memory");
}

void spool_manifest_close(struct spool_manifest *manifest)
{
	if (manifest->fd >= 0)
		close(manifest->fd);
	manifest->fd = -1;
}

void spool_manifest_done(struct spool_manifest *manifest)
{
	if (!manifest->path)
		return;
	spool_manifest_close(manifest);
	free(manifest->path);
	manifest->path = NULL;
}

static int manifest_open(struct spool_manifest *manifest, int flags)
{
	struct stat file = {0};
	spool_manifest_close(manifest);
	manifest->fd =
		open(manifest->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0600);
	if (manifest->fd < 0 || fstat(manifest->fd, &file) < 0)
		return tally_fail(manifest->ctx, errno, "%s: %s", manifest->path, strerror(errno));
	manifest->bytes = (uint64_t)file.st_size;
	manifest->floor = 0;
	manifest->reported = false;
	return 0;
}

int spool_manifest_open(struct spool_manifest *manifest)
{
	return manifest_open(manifest, 0);
}

int spool_manifest_begin(struct spool_manifest *manifest, const char *producer, uint64_t last,
			 uint64_t thinned)
{
	int r = manifest_open(manifest, O_TRUNC);
	if (r == 0)
		spool_manifest_add(manifest, &(struct spool_record){.type = RECORD_PRODUCER,
								    .sequence = last,
								    .count = thinned,
								    .texts = {producer}});
	return r;
}

static void manifest_failed(struct spool_manifest *manifest)
{
	if (!manifest->reported)
		tally_log(manifest->ctx, TALLY_WARNING,
			  "%s: %s; if the spool is damaged later, its losses cannot be counted",
			  manifest->path, strerror(errno));
	manifest->reported = true;
}

void spool_manifest_add(struct spool_manifest *manifest, const struct spool_record *record)
{
	unsigned char bytes[MANIFEST_RECORD_MAX];
	size_t len = manifest_encode(record, bytes);
	if (manifest->fd < 0 || len == 0)
		return;
	/* In one write: what a full disk or a crash cuts short is one record, which the next reader
	 * steps over. */
	ssize_t n = write(manifest->fd, bytes, len);
	if (n > 0)
		manifest->bytes += (uint64_t)n;
	if (n != (ssize_t)len)
		manifest_failed(manifest);
	else
		manifest->reported = false;
}

/* ---- Making it smaller --------------------------------------------------------- */

/* Marks what goes with table = NULL: the older half of what is acknowledged, but for the newest of
 * each source. */
static void index_thin(struct manifest_index *known, uint64_t budget)
{
	void *sources = NULL;
	uint64_t acked = manifest_index_acked(known), used = 0;
	for (size_t i = known->n_entries; i-- > 0;) {
		struct manifest_index_entry *entry = &known->entries[i];
		used += sizeof(struct manifest_head) + strlen(entry->table) +
			strlen(entry->source) + strlen(entry->position) + 3;
		if (entry->sequence > acked)
			continue;
		bool newest = false;
		if (entry->source[0]) {
			newest = !tfind(entry->source, &sources, manifest_source_compare);
			if (newest)
				tsearch(entry->source, &sources, manifest_source_compare);
		}
		if (newest || used <= budget)
			continue;
		entry->table = NULL;
		if (entry->sequence > known->thinned)
			known->thinned = entry->sequence;
	}
	tdestroy(sources, manifest_source_keep);
}

static void manifest_copy(struct spool_manifest *to, const struct manifest_index *known)
{
	for (size_t i = 0; i < known->n_readers; i++) {
		const struct manifest_index_reader *reader = &known->readers[i];
		spool_manifest_add(to, &(struct spool_record){.type = RECORD_READER,
							      .sequence = reader->acked,
							      .count = reader->stored,
							      .texts = {reader->name}});
	}
	for (size_t i = 0; i < known->n_entries; i++) {
		const struct manifest_index_entry *entry = &known->entries[i];
		if (!entry->table)
			continue;
		spool_manifest_add(to, &(struct spool_record){.type = RECORD_ENTRY,
							      .sequence = entry->sequence,
							      .count = entry->rows,
							      .first = entry->first,
							      .last = entry->last,
							      .texts = {entry->table, entry->source,
									entry->position}});
		/* What became of it is a record of its own, as when it happened. */
		if (entry->state != RECORD_ENTRY)
			spool_manifest_add(to, &(struct spool_record){.type = entry->state,
								      .sequence = entry->sequence});
	}
}

/* A new file and a rename: a crash leaves the old manifest or the new one, never half of one.  It
 * is not flushed, like all of the manifest, since the spool can make up for its newest records. */
static int manifest_replace(struct spool_manifest *manifest, const struct manifest_index *known)
{
	struct spool_manifest fresh;
	int r = spool_manifest_init(&fresh, manifest->ctx, manifest->path);
	if (r == 0)
		r = spool_manifest_begin(&fresh, known->producer, known->last_sequence,
					 known->thinned);
	if (r == 0)
		manifest_copy(&fresh, known);
	if (r == 0 && (fresh.reported || rename(fresh.path, manifest->path) < 0))
		r = -EIO;
	if (r < 0 && fresh.path)
		unlink(fresh.path);
	spool_manifest_done(&fresh);
	return r == 0 ? spool_manifest_open(manifest) : r;
}

/* Not before the file has grown by half since it was shrunk last, so that a manifest whose waiting
 * entries alone exceed the limit is not rewritten with every acknowledgement. */
void spool_manifest_shrink(struct spool_manifest *manifest)
{
	if (manifest->fd < 0 || manifest->bytes <= manifest->limit ||
	    manifest->bytes < manifest->floor + manifest->floor / 2)
		return;
	struct manifest_index *known = manifest_index_load(manifest);
	if (known) {
		index_thin(known, manifest->limit / 2);
		if (manifest_replace(manifest, known) < 0)
			manifest_failed(manifest);
		manifest_index_destroy(known);
	}
	manifest->floor = manifest->bytes;
}
