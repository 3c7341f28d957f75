/*
 * The `id` of an event, written and read, and the order of rows that it stands for.  Written on
 * libmicrohttpd's thread, read by the worker that makes a client; the hash is also taken by the
 * sources of rows, on their threads.
 *
 * A client sends its last id back as Last-Event-ID when it reconnects (WHATWG HTML, "Server-sent
 * events").  The number in it is only good for the process that wrote it, which the epoch tells;
 * the key is good for any process on the same store, so a client may come back to another one
 * behind a load balancer.
 *
 * Times of a series are compared to the microsecond, since PostgreSQL keeps no more: the row that
 * passed here and the row that comes out of the store would otherwise be two.  What can fail is a
 * foreign id, -EINVAL, and memory.
 */
#include "live/event_id.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/cursor.h"
#include "query/catalog_cache.h"
#include "ask/result_set.h"

void event_id_done(struct event_id *id)
{
	free(id->memory);
	free(id->hash_memory);
	id->memory = id->hash_memory = NULL;
}

static bool is_text(uint16_t type)
{
	return type == TALLY_TEXT || type == TALLY_JSON;
}

/* ---- Text ---------------------------------------------------------------- */

/* Without memory the key is left out: the number alone still brings a client back, as long as this
 * process lives. */
void event_id_write(struct json_writer *out, uint32_t epoch, uint64_t number,
		    const struct tally_table *table, const struct tally_cell *row)
{
	uint16_t types[EVENT_ID_MAX_KEY];
	struct tally_cell key[EVENT_ID_MAX_KEY];
	char head[40];
	uint32_t n = 0;
	for (uint32_t i = 0; i < table->n_columns && n < EVENT_ID_MAX_KEY; i++) {
		if (!table_is_key(table, i))
			continue;
		types[n] = table->columns[i].type;
		key[n++] = row[i];
	}
	auto_free char *cursor = cursor_write(types, key, n);
	snprintf(head, sizeof(head), "%08" PRIx32 ".%" PRIu64 ".", epoch, number);
	json_write_raw(out, head, strlen(head));
	if (cursor)
		json_write_raw(out, cursor, strlen(cursor));
}

bool event_id_read_number(const char *text, struct event_id *ret)
{
	char *dot, *end;
	unsigned long epoch = strtoul(text, &dot, 16);
	if (dot != text + 8 || *dot != '.' || dot[1] < '0' || dot[1] > '9')
		return false;
	ret->number = strtoull(dot + 1, &end, 10);
	ret->epoch = (uint32_t)epoch;
	return *end == '.';
}

static int event_id_read_hashes(const char *text, struct event_id *ret)
{
	static const uint16_t type = TALLY_TEXT;
	struct tally_cell cell;
	int r = cursor_read(text, &type, 1, &cell, &ret->hash_memory);
	if (r < 0)
		return r;
	if (!cell.set || cell.len % EVENT_ID_HASH || cell.len > EVENT_ID_MAX_HASHES * EVENT_ID_HASH)
		return -EINVAL;
	ret->hashes = cell.text;
	ret->n_hashes = cell.len / EVENT_ID_HASH;
	return 0;
}

/* By the table as it is now: an id from before a column was added does not fit and is refused, and
 * the stream begins at the end.  Of a time alone there is one cell. */
static int event_id_read_cells(const char *cursor, const struct tally_table *table,
			       struct event_id *ret)
{
	uint16_t types[EVENT_ID_MAX_KEY];
	uint32_t n = 0;
	for (uint32_t i = 0; i < table->n_columns && n < EVENT_ID_MAX_KEY; i++)
		if (table_is_key(table, i))
			types[n++] = table->columns[i].type;
	int r = cursor_read(cursor, types, n, ret->key, &ret->memory);
	if (r == -EINVAL)
		r = cursor_read(cursor, types, n = 1, ret->key, &ret->memory);
	ret->n_key = n;
	return r;
}

int event_id_read_key(const char *text, const struct tally_table *table, struct event_id *ret)
{
	const char *dot = strrchr(text, '.');
	if (!dot)
		return -EINVAL;
	size_t len = strcspn(dot + 1, "!");
	auto_free char *cursor = strndup(dot + 1, len);
	if (!cursor)
		return -ENOMEM;
	int r = event_id_read_cells(cursor, table, ret);
	if (r == 0 && dot[1 + len] == '!')
		r = event_id_read_hashes(dot + 1 + len + 1, ret);
	if (r < 0)
		return r;
	return ret->key[0].set && ret->key[0].i >= 0 ? 0 : -EINVAL;
}

bool event_id_read_time(const char *text, int64_t *ret)
{
	static const uint16_t type = TALLY_TIME;
	struct tally_cell cell;
	auto_free char *memory = NULL;
	const char *dot = strrchr(text, '.');
	if (!dot || cursor_read(dot + 1, &type, 1, &cell, &memory) < 0 || !cell.set || cell.i < 0)
		return false;
	*ret = cell.i;
	return true;
}

/* ---- Positions ----------------------------------------------------------- */

/* What is older than the newest by more than this was stored in order. */
static const int64_t event_id_window = 30 * CLOCK_SECOND;

static void write_cursor(struct json_writer *out, const uint16_t *types,
			 const struct tally_cell *cells, uint32_t n)
{
	auto_free char *cursor = cursor_write(types, cells, n);
	if (cursor)
		json_write_raw(out, cursor, strlen(cursor));
}

static void write_head(struct json_writer *out, char letter)
{
	char head[16];
	int len = snprintf(head, sizeof(head), "%c00000000.0.", letter);
	json_write_raw(out, head, (size_t)len);
}

static void write_hashes(struct json_writer *out, const uint64_t *hashes, uint32_t n)
{
	static const uint16_t type = TALLY_TEXT;
	char bytes[EVENT_ID_MAX_HASHES * EVENT_ID_HASH];
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < EVENT_ID_HASH; k++)
			bytes[i * EVENT_ID_HASH + k] = (char)(hashes[i] >> 8 * k);
	const struct tally_cell cell = {.text = bytes, .len = n * EVENT_ID_HASH, .set = 1};
	json_write_raw(out, "!", 1);
	write_cursor(out, &type, &cell, 1);
}

void event_id_write_time(struct json_writer *out, char letter, int64_t time)
{
	static const uint16_t type = TALLY_TIME;
	const struct tally_cell cell = {.i = time, .set = 1};
	write_head(out, letter);
	write_cursor(out, &type, &cell, 1);
}

void event_id_write_position(struct json_writer *out, char letter, const struct tally_table *table,
			     const struct tally_cell *const *newest_first, uint32_t n)
{
	uint64_t hashes[EVENT_ID_MAX_HASHES] = {0};
	uint32_t used = 0;
	while (used < n && used < EVENT_ID_MAX_HASHES &&
	       newest_first[0][0].i - newest_first[used][0].i <= event_id_window) {
		hashes[used] = event_id_position_hash(table, newest_first[used]);
		used++;
	}
	char letters[] = {letter};
	json_write_raw(out, letters, 1);
	event_id_write(out, 0, 0, table, newest_first[used - 1]);
	write_hashes(out, hashes, used);
}

void event_id_write_readings(struct json_writer *out, char letter, int64_t from,
			     const uint64_t *hashes, uint32_t n)
{
	event_id_write_time(out, letter, from);
	write_hashes(out, hashes, n);
}

char *event_id_part(const char *text, char letter)
{
	for (;;) {
		size_t len = strcspn(text, "~");
		bool lettered = *text >= 'A' && *text <= 'Z';
		if (lettered ? *text == letter : text[len] == '\0')
			return strndup(text + lettered, len - lettered);
		if (text[len] == '\0')
			return NULL;
		text += len + 1;
	}
}

/* ---- Order --------------------------------------------------------------- */

/* A row of a series is the same row in a store that keeps microseconds. */
static struct tally_cell event_id_cell(const struct tally_table *table, uint32_t column,
				       const struct tally_cell *cell)
{
	struct tally_cell ret = *cell;
	if (column == 0 && table->kind == TALLY_SERIES)
		ret.i -= ret.i % 1000;
	return ret;
}

int event_id_compare(const struct event_id *id, const struct tally_table *table,
		     const struct tally_cell *row)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < table->n_columns && n < id->n_key; i++) {
		if (!table_is_key(table, i))
			continue;
		const struct tally_cell a = event_id_cell(table, i, &id->key[n++]);
		const struct tally_cell b = event_id_cell(table, i, &row[i]);
		bool numbers = a.set && b.set && !is_text(table->columns[i].type);
		int order = numbers ? (a.i > b.i) - (a.i < b.i) : cell_compare(&a, &b);
		if (order)
			return order;
	}
	return 0;
}

uint64_t event_id_hash(const struct tally_table *table, const struct tally_cell *row)
{
	uint64_t hash = 0;
	for (uint32_t i = 0; i < table->n_columns; i++) {
		if (!table_is_key(table, i))
			continue;
		const struct tally_cell cell = event_id_cell(table, i, &row[i]);
		bool text = is_text(table->columns[i].type);
		const char *bytes = text ? cell.text : (const char *)&cell.i;
		size_t len = !cell.set ? 0 : text ? cell.len : sizeof(cell.i);
		hash = hash_bytes(hash, bytes, len);
	}
	return hash;
}

uint64_t event_id_hash_reading(int64_t time, const struct tally_cell *host,
			       const struct tally_cell *id)
{
	uint64_t hash = hash_word(0, (uint64_t)(time - time % 1000));
	hash = hash_bytes(hash, host->set ? host->text : "", host->set ? host->len : 0);
	return hash_bytes(hash, id->set ? id->text : "", id->set ? id->len : 0);
}

uint64_t event_id_position_hash(const struct tally_table *table, const struct tally_cell *row)
{
	const struct tally_column *host = table_column(table, "host");
	const struct tally_column *id = table_column(table, "container_id");
	uint64_t hash = table->kind == TALLY_SERIES && host && id
				? event_id_hash_reading(row[0].i, &row[host - table->columns],
							&row[id - table->columns])
				: event_id_hash(table, row);
	return hash & EVENT_ID_HASH_MASK;
}
