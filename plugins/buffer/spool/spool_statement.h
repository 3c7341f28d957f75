/*
 * The statements of a spool's database, prepared once, and what their failures mean.
 */
#ifndef TALLYD_SPOOL_STATEMENT_H
#define TALLYD_SPOOL_STATEMENT_H

#include <sqlite3.h>
#include <stdint.h>

enum spool_statement {
	SPOOL_BEGIN,
	SPOOL_COMMIT,
	SPOOL_INSERT,
	SPOOL_NEXT,
	SPOOL_READ,
	SPOOL_SCAN,
	SPOOL_ORIGINS,
	SPOOL_READERS,
	SPOOL_WAITING,
	SPOOL_COUNT,
	SPOOL_DELETE_UP_TO,
	SPOOL_DELETE_ONE,
	SPOOL_NOTE_LAST,
	SPOOL_READER_SET,
	SPOOL_READER_DELETE,
	SPOOL_POSITION_UPDATE,
	SPOOL_POSITION_INSERT,
	SPOOL_POSITION_EVICT,
	SPOOL_POSITION_GET,
	SPOOL_PAGES,
	SPOOL_FREE_PAGES,
	SPOOL_N_STATEMENTS,
};

struct spool_store;

int spool_store_prepare(struct spool_store *store);
void spool_store_finalize(struct spool_store *store);
int spool_store_fail(struct spool_store *store); /* reports the last error of the connection */

void spool_bind_int(struct spool_store *store, enum spool_statement which, int at, uint64_t value);
/* The text stays the caller's, until reset. */
void spool_bind_text(struct spool_store *store, enum spool_statement which, int at,
		     const char *text);

/* 1: a row, to be reset later; 0: done. */
int spool_step(struct spool_store *store, enum spool_statement which);
void spool_reset(struct spool_store *store, enum spool_statement which);
uint64_t spool_column(struct spool_store *store, enum spool_statement which, int at);
/* The number in the first row, and perhaps one beside it.  -ENOENT: no row. */
int spool_numbers(struct spool_store *store, enum spool_statement which, uint64_t *ret,
		  uint64_t *ret_second);

#endif
