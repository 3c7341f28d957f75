/*
 * Checks of a buffer: entries in order, a cursor for each reader, nothing lost and nothing given
 * twice, what is full and what survives.  As the journal calls it, one call at a time.  In a child
 * of its own, on its main thread, with a plugin that is loaded and has its section.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/checks.h"
#include "conformance/rows.h"
#include "pipeline/batch.h"

enum { BUFFER_PUSHED = 5, BUFFER_FETCHED = 16, BUFFER_FULL_PUSHES = 400, BUFFER_FULL_ROWS = 2000 };
static const uint64_t buffer_max_filled = UINT64_C(128) << 20;

struct buffered {
	uint64_t sequence, hash;
	uint32_t rows;
};

static const struct tally_buffer *buffer_of(const struct subject *subject)
{
	return subject->plugin->buffer;
}

static bool buffer_begins(struct subject *subject)
{
	if (subject->kind != PLAN_BUFFER) {
		subject_not_for(subject, "it is no buffer");
		return false;
	}
	return subject_create(subject) && subject_start(subject);
}

static int buffer_push(struct subject *subject, enum rows_variant variant, uint32_t rows,
		       struct buffered *ret)
{
	struct tally_batch *batch = rows_batch(TALLY_SERIES, variant, rows);
	ret->hash = rows_hash(batch);
	ret->rows = rows;
	ret->sequence = 0;
	int r = SUBJECT_CALL(subject, "push()",
			     buffer_of(subject)->push(subject->self, batch, "source", "position 1",
						      &ret->sequence));
	batch_drop(batch); /* the buffer has to have a reference of its own */
	return r;
}

static bool buffer_open(struct subject *subject, const char *name, uint32_t *ret_reader,
			uint64_t expected_rows)
{
	uint64_t rows = 0;
	int r = SUBJECT_CALL(
		subject, "open_reader()",
		buffer_of(subject)->open_reader(subject->self, name, ret_reader, &rows));
	if (r < 0)
		subject_found(subject, SUBJECT_READ_BUFFER, "open_reader() fails: %s",
			      reason_last()->text);
	else if (rows != expected_rows)
		subject_found(subject, SUBJECT_READ_BUFFER,
			      "open_reader() says that %llu rows wait for a reader where %llu do",
			      (unsigned long long)rows, (unsigned long long)expected_rows);
	return r >= 0;
}

static int buffer_ack(struct subject *subject, uint32_t reader, uint64_t sequence)
{
	return SUBJECT_CALL(subject, "ack()",
			    buffer_of(subject)->ack(subject->self, reader, sequence));
}

/* Everything that is to be fetched, in as many calls as it takes; must be these n. */
static void buffer_expect(struct subject *subject, uint32_t reader, bool rewind,
			  const struct buffered *expected, uint32_t n, const char *when)
{
	uint32_t total = 0;
	subject_hint(subject,
		     "an entry that was fetched %s points to a batch that is gone: push() keeps "
		     "a reference (tally_batch_keep()) until the entry is acknowledged",
		     when);
	for (int call = 0; call < BUFFER_FETCHED; call++) {
		struct tally_entry entries[BUFFER_FETCHED];
		uint32_t got = 0;
		int r = SUBJECT_CALL(subject, "fetch()",
				     buffer_of(subject)->fetch(subject->self, reader, rewind,
							       100000, entries, BUFFER_FETCHED,
							       &got));
		rewind = false;
		if (r < 0 || got == 0)
			break;
		for (uint32_t i = 0; i < got; i++, total++) {
			if (total >= n)
				continue;
			if (entries[i].sequence != expected[total].sequence)
				subject_found(
					subject, SUBJECT_READ_BUFFER,
					"fetch() %s gave sequence %llu where %llu is the next: "
					"oldest first, each once",
					when, (unsigned long long)entries[i].sequence,
					(unsigned long long)expected[total].sequence);
			else if (rows_hash(entries[i].batch) != expected[total].hash)
				subject_found(subject, SUBJECT_READ_BUFFER,
					      "fetch() %s gave other rows than were pushed", when);
		}
	}
	subject->shared->hint[0] = '\0';
	if (total != n)
		subject_found(subject, SUBJECT_READ_BUFFER,
			      "fetch() %s gave %u entries where %u are to be read", when, total, n);
}

static void buffer_expect_usage(struct subject *subject, uint64_t entries, const char *when)
{
	struct tally_usage usage = {0};
	SUBJECT_DO(subject, "usage()", buffer_of(subject)->usage(subject->self, &usage));
	if (usage.entries != entries)
		subject_found(subject, SUBJECT_READ_BUFFER,
			      "usage() says %llu entries %s, where %llu are left",
			      (unsigned long long)usage.entries, when, (unsigned long long)entries);
	if (!usage.capacity)
		subject_found(subject, SUBJECT_READ_BUFFER,
			      "usage() says a capacity of 0: every buffer has a bound");
}

/* ---- In order, for each reader ---- */

static void buffer_check_drop(struct subject *subject, uint64_t after)
{
	struct tally_entry dropped = {.batch = NULL};
	int r = SUBJECT_CALL(subject, "drop_oldest()",
			     buffer_of(subject)->drop_oldest(subject->self, after, &dropped));
	if (r < 0)
		subject_found(
			subject, SUBJECT_READ_BUFFER,
			"drop_oldest() finds nothing although an entry waits that nobody holds");
	else
		batch_drop(dropped.batch);
	subject->owned -= r >= 0; /* its reference was ours then */
}

/* on_full decides what the core does then; the buffer has to say it. */
static void buffer_fill(struct subject *subject)
{
	struct tally_usage usage = {0};
	struct buffered one;
	int r = 0;
	SUBJECT_DO(subject, "usage()", buffer_of(subject)->usage(subject->self, &usage));
	if (usage.capacity > buffer_max_filled)
		return;
	for (int i = 0; i < BUFFER_FULL_PUSHES && r == 0; i++)
		r = buffer_push(subject, ROWS_PLAIN, BUFFER_FULL_ROWS, &one);
	if (r < 0 && r != -ENOSPC && r != -EMSGSIZE)
		subject_found(
			subject, SUBJECT_READ_BUFFER,
			"push() into a full buffer returned %d (%s): -ENOSPC lets the core act by "
			"on_full, any other error is only tried again",
			r, strerror(-r));
	SUBJECT_DO(subject, "usage()", buffer_of(subject)->usage(subject->self, &usage));
	if (usage.bytes > usage.capacity)
		subject_found(subject, SUBJECT_READ_BUFFER,
			      "push() took %llu bytes into a buffer of %llu: return -ENOSPC",
			      (unsigned long long)usage.bytes, (unsigned long long)usage.capacity);
}

static bool buffer_push_some(struct subject *subject, struct buffered ret[BUFFER_PUSHED])
{
	for (uint32_t i = 0; i < BUFFER_PUSHED; i++) {
		if (buffer_push(subject, ROWS_ENDS, 3 + i, &ret[i]) < 0) {
			subject_found(subject, SUBJECT_READ_BUFFER,
				      "push() into an empty buffer fails: %s", reason_last()->text);
			return false;
		}
		if (i && ret[i].sequence != ret[i - 1].sequence + 1)
			subject_found(subject, SUBJECT_READ_BUFFER,
				      "push() gave sequence %llu after %llu: they are 1, 2, 3, …",
				      (unsigned long long)ret[i].sequence,
				      (unsigned long long)ret[i - 1].sequence);
	}
	return true;
}

void check_buffer(struct subject *subject)
{
	struct buffered pushed[BUFFER_PUSHED], more;
	uint32_t one, other;
	if (!buffer_begins(subject) || !buffer_open(subject, "output.one", &one, 0) ||
	    !buffer_open(subject, "output.other", &other, 0) || !buffer_push_some(subject, pushed))
		return;
	buffer_expect(subject, one, false, pushed, BUFFER_PUSHED, "after a push");
	buffer_expect(subject, one, false, pushed, 0, "of what was fetched already");
	buffer_expect(subject, one, true, pushed, BUFFER_PUSHED, "with rewind");
	buffer_ack(subject, one, pushed[2].sequence);
	buffer_expect(subject, one, true, pushed + 3, BUFFER_PUSHED - 3,
		      "with rewind, after ack()");
	buffer_expect(subject, other, false, pushed, BUFFER_PUSHED, "by another reader");
	buffer_expect_usage(subject, BUFFER_PUSHED, "while one of two readers waits");
	buffer_ack(subject, one, pushed[4].sequence);
	buffer_ack(subject, other, pushed[4].sequence);
	buffer_expect_usage(subject, 0, "after every reader has acknowledged them");
	SUBJECT_CALL(subject, "forget_reader()",
		     buffer_of(subject)->forget_reader(subject->self, "output.other"));
	if (buffer_push(subject, ROWS_NULLS, 3, &more) == 0) {
		if (more.sequence != pushed[4].sequence + 1)
			subject_found(
				subject, SUBJECT_READ_BUFFER,
				"push() gave sequence %llu after %llu: a sequence is never used "
				"again, and none is left out",
				(unsigned long long)more.sequence,
				(unsigned long long)pushed[4].sequence);
		buffer_check_drop(subject, pushed[4].sequence);
		buffer_expect(subject, one, true, pushed, 0, "after drop_oldest()");
	}
	buffer_fill(subject);
	subject_stop(subject);
	subject_destroy(subject);
	if (subject->owned > 0)
		subject_found(
			subject, SUBJECT_READ_OWNERSHIP,
			"%lld batches that it kept were not dropped when destroy() had returned",
			(long long)subject->owned);
}

/* ---- What survives ---- */

void check_durable(struct subject *subject)
{
	struct buffered pushed[BUFFER_PUSHED];
	const char *position = NULL;
	uint32_t reader;
	if (subject->kind != PLAN_BUFFER || !buffer_of(subject)->durable) {
		subject_not_for(subject, "it is no durable buffer");
		return;
	}
	if (!buffer_begins(subject) || !buffer_open(subject, "output.one", &reader, 0) ||
	    !buffer_push_some(subject, pushed))
		return;
	buffer_ack(subject, reader, pushed[1].sequence);
	subject_stop(subject);
	subject_destroy(subject);
	if (!subject_create(subject) || !subject_start(subject)) {
		subject_found(subject, SUBJECT_READ_BUFFER, "after a restart, %s",
			      subject->shared->skipped);
		subject->shared->skipped[0] = '\0';
		return;
	}
	uint64_t rows = pushed[2].rows + pushed[3].rows + pushed[4].rows;
	if (buffer_open(subject, "output.one", &reader, rows))
		buffer_expect(subject, reader, false, pushed + 2, 3, "after a restart");
	int r = SUBJECT_CALL(subject, "position()",
			     buffer_of(subject)->position(subject->self, "source", &position));
	if (r < 0 || strcmp(position, "position 1") != 0)
		subject_found(subject, SUBJECT_READ_BUFFER,
			      "position() has lost the position that was pushed with rows, after a "
			      "restart");
	subject_stop(subject);
	subject_destroy(subject);
}
