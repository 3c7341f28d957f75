/*
 * Entries into the database: one transaction for all of them and for the ledger, which names the
 * last entry of each producer, so that an entry offered again after a lost answer changes nothing.
 * The first attempt is COPY; if it fails for any reason, the next goes row by row where it must,
 * and skips what is there already.  Used by one thread at a time.
 */
#ifndef TALLYD_TIMESCALE_WRITER_H
#define TALLYD_TIMESCALE_WRITER_H

#include "write/dead_letter.h"
#include "pg/pg_connection.h"
#include "base/strbuf.h"
#include "schema/schema.h"
#include "store/batch_map.h"
#include "store/retention_age.h"
#include "store/series_cache.h"
#include "maintenance/server_clock.h"

struct writer_table {
	struct writer_table *next;
	const struct stored_table *stored;
	struct series_cache *cache; /* not of a STATE table */
	uint32_t n_fields;          /* columns that stand in <table>_rows */
	uint16_t fields[CATALOG_MAX_COLUMNS];
	uint8_t types[CATALOG_MAX_COLUMNS]; /* of the fields */
	bool nanos;                         /* followed by _nanos, see schema.h */
	bool texts;                         /* some of the fields are texts */
	char *copy, *insert;                /* statements */
};

/* One entry on its way. */
struct writer_part {
	const struct tally_entry *entry;
	const struct tally_batch *batch;
	struct writer_table *table;
	bool refused; /* its table cannot be stored: the whole entry is rejected */
	struct batch_map map;
	uint32_t *series; /* per row; 0: the row is not to be stored */
	uint32_t n_good;
	bool known; /* the ledger has it: it was written before */
};

struct writer_fault {
	const struct tally_batch *batch;
	uint32_t row;
	const char *why;
	char *message; /* the database's, owned; NULL: the reason is ours */
};

struct writer {
	struct tally_ctx *ctx;
	struct pg_connection pg;
	const char *conninfo;
	char name[100]; /* what late marks are made under */
	struct schema_where where;
	struct server_clock clock;
	struct retention_age age; /* older rows are not taken */
	struct dead_letter *dead;
	struct writer_table *tables;
	bool in_doubt;                   /* the last attempt may have succeeded */
	int64_t generation;              /* of the series in the caches; 0: not known yet */
	const struct tally_entry *whole; /* of a write in shards, all of it; else NULL */
	uint32_t n_whole;
	struct writer_part *parts;
	uint32_t n_parts;
	struct writer_fault *faults;
	uint32_t n_faults, faults_size;
	uint32_t n_sure; /* of them, those of committed transactions, not reported yet */
	struct strbuf bytes, script;
};

/* writer_connect.c */
int writer_connect(struct writer *writer); /* if it is not connected */
void writer_disconnect(struct writer *writer);

void writer_done(struct writer *writer);

int writer_prepare(struct writer *writer, const struct tally_table *table);
/* As in struct tally_output, several in turn; but writer_report_faults() reports single rows. */
int writer_write(struct writer *writer, const struct tally_entry *entries, uint32_t n,
		 uint8_t *verdicts);
/* As in struct tally_output. */
int writer_ledger(struct writer *writer, const char *name, struct tally_ledger *ret);
/* writer_fault.c; on the instance's thread. */
void writer_report_faults(struct writer *writer);

/* ---- Between the writer's own files -------------------------------------------- */

/* writer_table.c */
int writer_table_create(struct tally_ctx *ctx, const struct stored_table *stored,
			struct writer_table **ret);
void writer_table_destroy(struct writer_table *table); /* NULL is fine */
static inline const struct tally_cell *writer_cell(const struct writer_part *part, uint32_t row,
						   uint32_t column)
{
	return batch_map_cell(&part->map, row, column);
}
/* The tags as bytes, appended; NULLs at the end leave no trace, so that a tag added later changes
 * no key. */
void writer_part_key(const struct writer_part *part, uint32_t row, struct strbuf *ret);
/* Compares them without making them. */
bool writer_part_has_key(const struct writer_part *part, uint32_t row, const char *key, size_t len);

/* writer_series.c: checks the rows and fills part->series. */
int writer_find_series(struct writer *writer, struct writer_part *part);

/* encode.c */
void encode_copy(struct strbuf *to, const struct writer_part *part, uint32_t row);
/* Column c of the good rows in [from, to) as an array, or one of these. */
enum { ENCODE_SERIES = -1, ENCODE_KEY = -2, ENCODE_NANOS = -3 };
void encode_array(struct strbuf *to, const struct writer_part *part, int column, uint32_t from,
		  uint32_t until);

/* copy_path.c: the first attempt */
int writer_copy(struct writer *writer);

/* writer_late.c */
/* Appends to writer->script what marks the minutes of late rows: as late as can be, so that what
 * has become late until COMMIT is not missed. */
int writer_script_late(struct writer *writer);

/* writer_ledger.c: appends to writer->script what notes the entries of [from, until): further
 * columns of the SELECT that it ends with. */
int writer_script_ledger(struct writer *writer, uint32_t from, uint32_t until);

/* upsert_path.c: the second attempt, by steps */
int writer_upsert(struct writer *writer);

/* writer_insert.c */
/* The rows of [from, to) with the table's insert statement. */
int writer_insert(struct writer *writer, const struct writer_part *part, uint32_t from,
		  uint32_t until);

/* writer_fault.c: reported and counted after COMMIT.  why: static; message: instead, copied. */
int writer_reject(struct writer *writer, struct writer_part *part, uint32_t row, const char *why,
		  const char *message);
/* All but the first n. */
void writer_forget_faults(struct writer *writer, uint32_t n);

#endif
