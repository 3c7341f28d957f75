/*
 * Three tables, one of each kind, with all types and a NULL wherever one may be; and the rules for
 * rows that an input emits, as docs/plugin-guide.md has them: keys are whole and differ, a time is
 * one in ns.  Called by the checks, in their child.
 */
#include "conformance/rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/json_reader.h"
#include "pipeline/batch.h"

enum {
	ROWS_TIME,
	ROWS_NAME,
	ROWS_ORDER,
	ROWS_COUNT,
	ROWS_REAL,
	ROWS_TRUTH,
	ROWS_WORDS,
	ROWS_JSON,
	ROWS_COLUMNS
};

#define ROWS_COLUMNS_OF(kind_order)                                                                \
	{                                                                                          \
		{.name = "time", .type = TALLY_TIME},                                              \
			{.name = "name", .type = TALLY_TEXT, .role = TALLY_TAG},                   \
			{.name = "number", .type = TALLY_INT, .role = kind_order},                 \
			{.name = "count", .type = TALLY_INT, .role = TALLY_COUNTER},               \
			{.name = "ratio", .type = TALLY_REAL},                                     \
			{.name = "truth", .type = TALLY_BOOL},                                     \
			{.name = "words", .type = TALLY_TEXT},                                     \
			{.name = "labels", .type = TALLY_JSON},                                    \
	}
static const struct tally_column rows_columns[] = ROWS_COLUMNS_OF(TALLY_FIELD);
static const struct tally_column rows_log_columns[] = ROWS_COLUMNS_OF(TALLY_ORDER);
static const struct tally_table rows_tables[] = {
	{.name = "conformance_readings",
	 .help = "Of tallyd plugins test.",
	 .columns = rows_columns,
	 .n_columns = ROWS_COLUMNS,
	 .kind = TALLY_SERIES,
	 .revision = 1},
	{.name = "conformance_things",
	 .help = "Of tallyd plugins test.",
	 .columns = rows_columns,
	 .n_columns = ROWS_COLUMNS,
	 .kind = TALLY_STATE,
	 .revision = 1},
	{.name = "conformance_lines",
	 .help = "Of tallyd plugins test.",
	 .columns = rows_log_columns,
	 .n_columns = ROWS_COLUMNS,
	 .kind = TALLY_LOG,
	 .revision = 1},
};

const struct tally_table *rows_table(enum tally_kind kind)
{
	return &rows_tables[kind - TALLY_SERIES];
}

/* ---- Making rows ---- */

static size_t rows_page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static void rows_unmap(void *memory)
{
	munmap(memory, 2 * rows_page());
}

/* Behind the text is a page that nobody may read: whoever takes it for one that ends with NUL
 * crashes. */
static void rows_put_guarded(struct tally_batch *batch, struct tally_cell *cell, const char *text)
{
	size_t page = rows_page(), len = strlen(text);
	char *memory =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || mprotect(memory + page, page, PROT_NONE) < 0 ||
	    batch_adopt(batch, memory, 2 * page, rows_unmap) < 0)
		abort();
	memcpy(memory + page - len, text, len);
	*cell = (struct tally_cell){.text = memory + page - len, .len = (uint32_t)len, .set = 1};
}

static void rows_put(struct tally_batch *batch, struct tally_cell *cell, const char *text,
		     size_t len)
{
	const char *copy = batch_copy(batch, text, len);
	if (!copy)
		abort();
	*cell = (struct tally_cell){.text = copy, .len = (uint32_t)len, .set = 1};
}

static void rows_fill_plain(struct tally_batch *batch, struct tally_cell *row, uint32_t i)
{
	tally_put_int(row, ROWS_COUNT, i);
	tally_put_real(row, ROWS_REAL, 0.5);
	tally_put_int(row, ROWS_TRUTH, 1);
	rows_put(batch, &row[ROWS_WORDS], "some words", 10);
	rows_put(batch, &row[ROWS_JSON], "{\"a\":1}", 7);
}

static void rows_fill_ends(struct tally_batch *batch, struct tally_cell *row, uint32_t i)
{
	static const double reals[] = {NAN, INFINITY, -INFINITY, 1e308};
	static const char odd[] =
		"quote \" ' \\ newline \n tab \t percent %s%n bytes \xff\xfe nul \0.";
	tally_put_int(row, ROWS_COUNT, i % 2 ? INT64_MAX : INT64_MIN);
	tally_put_real(row, ROWS_REAL, reals[i % 4]);
	tally_put_int(row, ROWS_TRUTH, 0);
	if (i % 3 == 0)
		rows_put(batch, &row[ROWS_WORDS], odd, sizeof(odd) - 1);
	else if (i % 3 == 1)
		rows_put(batch, &row[ROWS_WORDS], "", 0);
	else
		rows_put_guarded(batch, &row[ROWS_WORDS], "ends where its length says");
	rows_put_guarded(batch, &row[ROWS_JSON], "[1,2,{\"b\":null}]");
}

struct tally_batch *rows_batch(enum tally_kind kind, enum rows_variant variant, uint32_t n)
{
	struct tally_batch *batch = batch_create(rows_table(kind));
	int64_t now = clock_now();
	for (uint32_t i = 0; batch && i < n; i++) {
		struct tally_cell *row = batch_row(batch);
		char name[32];
		if (!row)
			abort();
		int len = snprintf(name, sizeof(name), "thing %d-%u", (int)variant, i);
		tally_put_int(row, ROWS_TIME, now - (int64_t)i * CLOCK_MS);
		rows_put(batch, &row[ROWS_NAME], name, (size_t)len);
		if (kind == TALLY_LOG || variant != ROWS_NULLS)
			tally_put_int(row, ROWS_ORDER, i);
		if (variant == ROWS_PLAIN)
			rows_fill_plain(batch, row, i);
		else if (variant == ROWS_ENDS)
			rows_fill_ends(batch, row, i);
	}
	if (!batch || batch_seal(batch, NULL) < 0)
		abort();
	return batch;
}

int rows_write_simple(struct subject *subject)
{
	static uint64_t sequence;
	const struct tally_output *output = subject->plugin->output;
	int r = SUBJECT_CALL(subject, "prepare()",
			     output->prepare(subject->self, rows_table(TALLY_SERIES)));
	if (r < 0)
		return r;
	struct tally_batch *batch = rows_batch(TALLY_SERIES, ROWS_PLAIN, 1);
	sequence++;
	const struct tally_entry entry = {
		.batch = batch, .sequence = sequence, .producer = "conformance"};
	uint8_t verdict = TALLY_RETRY;
	r = SUBJECT_CALL(subject, "write()", output->write(subject->self, &entry, 1, &verdict));
	batch_drop(batch);
	return r;
}

/* ---- Looking at rows ---- */

static bool rows_is_text(const struct tally_column *column)
{
	return column->type == TALLY_TEXT || column->type == TALLY_JSON;
}

uint64_t rows_hash(const struct tally_batch *batch)
{
	const struct tally_table *table = batch->table;
	uint64_t hash = batch->n_rows;
	for (size_t i = 0; i < (size_t)batch->n_rows * table->n_columns; i++) {
		const struct tally_cell *cell = &batch->cells[i];
		const struct tally_column *column = &table->columns[i % table->n_columns];
		uint64_t value = cell->set ? hash_bytes(1, &cell->i, sizeof(cell->i)) : 7;
		if (cell->set && rows_is_text(column))
			value = hash_bytes(2, cell->text, cell->len);
		hash = hash * 1099511628211u + value;
	}
	return hash;
}

static bool rows_is_key(const struct tally_table *table, uint32_t column)
{
	uint16_t role = table->columns[column].role;
	return (column == 0 && table->kind != TALLY_STATE) || role == TALLY_TAG ||
	       role == TALLY_ORDER;
}

static bool rows_same_key(const struct tally_batch *batch, uint32_t a, uint32_t b)
{
	const struct tally_table *table = batch->table;
	for (uint32_t c = 0; c < table->n_columns; c++) {
		const struct tally_cell *one = &batch->cells[(size_t)a * table->n_columns + c];
		const struct tally_cell *other = &batch->cells[(size_t)b * table->n_columns + c];
		if (!rows_is_key(table, c))
			continue;
		bool same = one->set == other->set && one->len == other->len;
		if (same && one->set && rows_is_text(&table->columns[c]))
			same = memcmp(one->text, other->text, one->len) == 0;
		else if (same && one->set)
			same = one->i == other->i;
		if (!same)
			return false;
	}
	return true;
}

static void rows_look_at_keys(struct subject *subject, const struct tally_batch *batch)
{
	enum { COMPARED = 300 }; /* each with each: enough to see how the plugin makes keys */
	uint32_t n = batch->n_rows < COMPARED ? batch->n_rows : COMPARED;
	for (uint32_t a = 0; a < n; a++)
		for (uint32_t b = a + 1; b < n; b++)
			if (rows_same_key(batch, a, b)) {
				subject_found(
					subject, SUBJECT_READ_TABLES,
					"rows %u and %u of %s have the same key: a store keeps "
					"one of them; a tag or another time must tell them apart",
					a, b, batch->table->name);
				return;
			}
}

static void rows_look_at_time(struct subject *subject, const struct tally_table *table,
			      int64_t time)
{
	const int64_t first = INT64_C(946684800) * CLOCK_SECOND; /* the year 2000 */
	const char *guess = "";
	if (time >= first && time < clock_now() + 366 * CLOCK_DAY)
		return;
	if (time > first / CLOCK_SECOND && time < 4 * first / CLOCK_SECOND)
		guess = " (are these seconds?)";
	else if (time > first / CLOCK_MS && time < 4 * first / CLOCK_MS)
		guess = " (are these milliseconds?)";
	subject_found(subject, SUBJECT_READ_TABLES,
		      "the time %lld in %s is not one of this century: times are ns since 1970%s",
		      (long long)time, table->name, guess);
}

static void rows_look_at_cell(struct subject *subject, const struct tally_table *table, uint32_t c,
			      const struct tally_cell *cell)
{
	const struct tally_column *column = &table->columns[c];
	if (!cell->set && rows_is_key(table, c))
		subject_found(subject, SUBJECT_READ_TABLES,
			      "%s.%s is NULL in a row: what is part of the key must have a value",
			      table->name, column->name);
	else if (!cell->set && c == 0)
		subject_found(subject, SUBJECT_READ_TABLES,
			      "%s.%s is NULL in a row: each row has a time", table->name,
			      column->name);
	else if (cell->set && c == 0)
		rows_look_at_time(subject, table, cell->i);
	else if (cell->set && column->type == TALLY_JSON && !json_check(cell->text, cell->len))
		subject_found(subject, SUBJECT_READ_TABLES, "%s.%s is not JSON: \"%.*s\"",
			      table->name, column->name, (int)(cell->len < 60 ? cell->len : 60),
			      cell->text);
}

void rows_look_over(struct subject *subject, const struct tally_batch *batch)
{
	const struct tally_table *table = batch->table;
	subject_hint(subject, "the text of a row is not where the row says");
	for (size_t i = 0; i < (size_t)batch->n_rows * table->n_columns; i++)
		rows_look_at_cell(subject, table, (uint32_t)(i % table->n_columns),
				  &batch->cells[i]);
	rows_look_at_keys(subject, batch);
	subject->shared->hint[0] = '\0';
}
