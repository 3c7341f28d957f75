/*
 * A buffer instance as the core sees it: the plugin keeps the entries, this keeps the lock, the
 * readers' counts, and the policy: when a batch is due (batch_size, batch_timeout) and what to
 * do when it is full (on_full).  Inputs push, deliveries take and settle.  Any thread.
 *
 * The balance, per reader: pushed = settled{stored, rejected} + dropped{reason} + waiting.
 * Lock order: a journal's lock is taken last and held over nothing but the plugin's own calls.
 */
#ifndef TALLYD_CORE_JOURNAL_H
#define TALLYD_CORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <tallyd/plugin.h>

#include "metrics.h"
#include "positions.h"
#include "util/error.h"

enum journal_on_full { JOURNAL_BLOCK, JOURNAL_DROP_OLDEST, JOURNAL_DROP_NEWEST };

/* The options common to all buffers, filled by options_parse(). */
struct journal_settings {
	int64_t batch_size;    /* rows */
	int64_t batch_timeout; /* ns */
	int64_t on_full;       /* enum journal_on_full */
};
extern const struct tally_option journal_options[];

struct journal;
struct journal_reader;

/* name: of the instance.  buffer, self: a started plugin instance, outlives the journal.
 * writer: what entries carry.  positions: where to tell what is safe (buffer not durable). */
struct journal_setup {
	const char *name, *writer;
	const struct tally_buffer *buffer;
	void *self;
	struct metrics *metrics;
	struct positions *positions;
};
int journal_create(const struct journal_setup *setup, const struct journal_settings *settings,
		   struct journal **ret, struct error *error);
void journal_destroy(struct journal *journal); /* no reader is attached any more */
void journal_configure(struct journal *journal, const struct journal_settings *settings);

/* tables: globs of what this output wants; the rest it passes over uncounted.  Borrowed until
 * detached.  A reader that was detached (reload) goes on where it was. */
int journal_attach(struct journal *journal, const char *output, const char *const *tables,
		   struct journal_reader **ret, struct error *error);
void journal_detach(struct journal_reader *reader);
void journal_forget(struct journal *journal, const char *output); /* gone from the config */

/* Does any attached reader want this table? */
bool journal_wants(struct journal *journal, const struct tally_table *table);

/*
 * Takes a reference of its own.  While it is full: waits (BLOCK) until there is room or
 * journal_wake(); or drops by policy and counts.  -ECANCELED: `cancelled` said so while waiting.
 */
int journal_push(struct journal *journal, const struct tally_batch *batch, const char *source,
		 const char *position, bool (*cancelled)(void *arg), void *arg);
int journal_position(struct journal *journal, const char *source, char *ret, size_t size);
void journal_wake(struct journal *journal); /* everyone who waits looks at their condition again */

/*
 * Waits until a batch is due for this reader (rows >= batch_size, or the oldest has waited for
 * batch_timeout, or draining), then takes up to batch_size rows on loan.  Returns how many entries
 * (0: the deadline passed or journal_wake()).  deadline: monotonic ns.
 */
enum { JOURNAL_TAKE_MAX = 256 };
uint32_t journal_take(struct journal_reader *reader, int64_t deadline,
		      struct tally_entry entries[JOURNAL_TAKE_MAX]);
/* The first n entries taken are done with; stored, rejected: what they counted, by verdict. */
int journal_settle(struct journal_reader *reader, const struct tally_entry *entries, uint32_t n);
/* What was taken and not settled is offered again. */
void journal_untake(struct journal_reader *reader);

void journal_drain(struct journal *journal);             /* from now on every batch is due */
uint64_t journal_waiting(struct journal_reader *reader); /* rows */
bool journal_durable(const struct journal *journal);

#endif
