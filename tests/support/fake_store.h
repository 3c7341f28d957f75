/*
 * A store in memory, for testing whoever asks stores: it answers every query that query.h
 * describes, slowly and simply, and can be told to fail or to hang.
 *
 *	struct fake_store *store = fake_store_create();
 *	fake_store_table(store, &table);
 *	struct tally_cell *row = fake_store_row(store, "container_stats");
 *	fake_store_int(store, row, "pids", 3);
 *	config.store = fake_host_store(host, fake_store_reader(), store);
 *
 * Filled by one thread before it is asked; then any thread may ask.
 */
#ifndef TALLYD_TESTS_FAKE_STORE_H
#define TALLYD_TESTS_FAKE_STORE_H

#include <tallyd/plugin.h>

struct fake_store;

struct fake_store *fake_store_create(void);
void fake_store_destroy(struct fake_store *store);
const struct tally_store_ops *fake_store_reader(void);

void fake_store_table(struct fake_store *store, const struct tally_table *table);
void fake_store_drop(struct fake_store *store, const char *table); /* while it is empty */
/* A row of NULLs, valid until the next one; the setters below copy text. */
struct tally_cell *fake_store_row(struct fake_store *store, const char *table);
void fake_store_int(struct fake_store *store, struct tally_cell *row, const char *column,
		    int64_t value);
void fake_store_real(struct fake_store *store, struct tally_cell *row, const char *column,
		     double value);
void fake_store_text(struct fake_store *store, struct tally_cell *row, const char *column,
		     const char *text);
void fake_store_bytes(struct fake_store *store, struct tally_cell *row, const char *column,
		      const char *text, size_t len);

/* From any thread: what queries return from now on (0: answers), and whether they first wait,
 * whatever their deadline, until they are let go. */
void fake_store_fail(struct fake_store *store, int error);
void fake_store_hang(struct fake_store *store, bool hang);
/* Queries whose range begins before that do not end in time. */
void fake_store_time_out_before(struct fake_store *store, int64_t time);
unsigned fake_store_hanging(struct fake_store *store); /* queries that wait now */
unsigned fake_store_queries(struct fake_store *store); /* begun so far */

#endif
