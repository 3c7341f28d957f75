/*
 * A buffer instance as the core sees it: the plugin keeps the entries, this keeps the lock, the
 * readers' counts, and the policy: when a batch is due (batch_size, batch_timeout) and what to
 * do when it is full (on_full).  Inputs push, deliveries take and acknowledge.  Any thread.
 *
 * The balance, per reader and table, at any time: routed = stored + waiting + dropped{reason}.
 * Lock order: a journal's lock is taken after every other but those of positions and metrics, and
 * held over nothing but the plugin's own calls.
 */
#ifndef TALLYD_CORE_JOURNAL_H
#define TALLYD_CORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <tallyd/buffer.h>

#include "process/metrics.h"
#include "pipeline/positions.h"
#include "process/trouble.h"
#include "base/error.h"

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
 * positions: where to tell what is safe; not used if the buffer is durable. */
struct journal_setup {
	const char *name;
	const struct tally_buffer *buffer;
	void *self;
	struct metrics *metrics;
	struct positions *positions;
};
int journal_create(const struct journal_setup *setup, const struct journal_settings *settings,
		   struct journal **ret, struct error *error);
void journal_destroy(struct journal *journal); /* no reader is attached any more */
/* Call it also after the plugin's reconfigure(): whoever waits for room looks again. */
void journal_configure(struct journal *journal, const struct journal_settings *settings);
bool journal_durable(const struct journal *journal);
/* Is what its readers acknowledge let go of for good, by it or by an input's position?  Then it has
 * to be on the disk before. */
bool journal_must_flush(const struct journal *journal);

/* ---- Inputs ------------------------------------------------------------------- */

/* How long a push may wait while the buffer accepts no rows.  Whoever holds rows that nobody else
 * has waits for ever, since giving up would lose them; once another journal has them, this one
 * must not starve it. */
enum journal_wait_for {
	JOURNAL_WAIT,         /* until there is room */
	JOURNAL_WAIT_BRIEFLY, /* until the buffer was blocked for journal_brief_wait */
	JOURNAL_TRY,          /* not at all */
};

/* What comes with a batch. */
struct journal_origin {
	const char *input;             /* that waits while no rows are taken; NULL: not known */
	const char *source, *position; /* where its input may resume; NULL: not known */
	struct position_mark *mark;    /* the same, for a buffer that is not durable; or NULL */
	struct metric *collected;      /* grows by the rows in the same step as `routed`; or NULL */
	enum journal_wait_for wait_for;
	bool (*cancelled)(void *arg); /* asked with the journal's lock held */
	void (*waiting)(void *arg);   /* likewise, about once a second while it waits; or NULL */
	void *arg;
};

/*
 * Takes a reference of its own.  While it is full, or the plugin fails: waits (BLOCK) until rows
 * are taken again; or drops by policy, counts, and returns 0.  What can never be taken is dropped,
 * counted, 0.  -ENOENT: no reader wants the table.  -ECANCELED: `cancelled` said so while waiting.
 * -EAGAIN: it does not wait, or no longer (wait_for).  After any error nothing was taken
 * nor counted.
 */
int journal_push(struct journal *journal, const struct tally_batch *batch,
		 const struct journal_origin *origin);
/* Counts a batch as routed here and dropped at once, when only other journals could take it. */
void journal_refuse(struct journal *journal, const struct tally_batch *batch, const char *reason);
/* Rows of this table may come: its series are there from now on, at 0. */
void journal_announce(struct journal *journal, const char *table);
/* Does any output that reads here want one of these tables?  NULL-terminated; NULL: any table. */
bool journal_wants(struct journal *journal, const struct tally_table *const *tables);
/* The position pushed last for a source; a durable buffer only.  -ENOENT: none. */
int journal_position(struct journal *journal, const char *source, char *ret, size_t size);
/* How long a journal may take no rows before those that another one has go on without it; ns.  Only
 * tests change it. */
extern int64_t journal_brief_wait;
/* It takes no rows: since when, and why.  Any thread. */
bool journal_blocked(struct journal *journal, struct trouble_state *ret);
/* Has nobody tried to push for so long? */
bool journal_idle(struct journal *journal, int64_t ns);
/* The input may wait here: its series are there from now on, at 0. */
void journal_announce_input(struct journal *journal, const char *input);
/* Does that input wait here?  ret_since: monotonic ns; may be NULL. */
bool journal_input_waits(struct journal *journal, const char *input, int64_t *ret_since);
/* Where that source has to begin again, since what it brought was lost; "": from its beginning.
 * -ENOENT: nothing was; -EAGAIN: that is known when the outputs' ledgers have been asked. */
int journal_resume(struct journal *journal, const char *source, char *ret, size_t size);
void journal_wake(struct journal *journal); /* everyone who waits looks at their condition again */

/* ---- Outputs ------------------------------------------------------------------ */

/* tables: globs of what this output wants, NULL: everything; the rest it passes over uncounted.
 * A reader that was detached (reload) goes on where it was, and rows wait for it meanwhile. */
int journal_attach(struct journal *journal, const char *output, const char *const *tables,
		   struct journal_reader **ret, struct error *error);
void journal_detach(struct journal_reader *reader);
/* Gone from the configuration: what waits for it is counted as dropped. */
void journal_forget(struct journal *journal, const char *output);

/*
 * Waits until a batch is due for this reader (rows >= batch_size, the oldest has waited for
 * batch_timeout, or the buffer is full), then takes entries on loan until batch_size rows are
 * reached; what was taken before and is not acknowledged comes first and alone.  Returns how many
 * entries; 0: the deadline passed or journal_wake() was called since the last time; or -errno.
 * deadline: monotonic ns; JOURNAL_NOW: whatever waits is due, and nothing is waited for.
 */
enum { JOURNAL_NOW, JOURNAL_TAKE_MAX = 256 };
int journal_fetch(struct journal_reader *reader, int64_t deadline,
		  struct tally_entry ret[JOURNAL_TAKE_MAX]);

/* What became of each entry taken, in their order.  The rows are stored but for `rejected`, which
 * counts only if acknowledged; what is not acknowledged is offered again by the next
 * journal_fetch(). */
struct journal_outcome {
	bool acked;
	uint32_t rejected; /* rows */
};
int journal_ack(struct journal_reader *reader, const struct journal_outcome *outcomes, uint32_t n);

/* Whose sequences these are, for as long as the journal; NULL: it could not offer anything again.
 */
const char *journal_producer(struct journal_reader *reader);

struct journal_missing {
	bool behind, unknown;         /* unknown: there are more than these */
	uint64_t rows, offered, lost; /* rows: of both */
	int64_t first, last;          /* their times; 0: not known */
};
/* The ledger as the store has it now, before it is written to; NULL: it has none.  What it had
 * confirmed and does not have any more is counted, and offered again if it is kept. */
int journal_compare(struct journal_reader *reader, const struct tally_ledger *ledger,
		    struct journal_missing *ret);

/* Sleeps until then (monotonic ns) or journal_wake(). */
void journal_pause(struct journal_reader *reader, int64_t until);
uint64_t journal_waiting(struct journal_reader *reader); /* rows */

#endif
