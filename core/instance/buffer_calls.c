/*
 * One function per function of struct tally_buffer.
 *
 * Why a wrapper of all of them: a buffer has no thread, so its code runs on those of inputs and
 * outputs, and a crash in it would be blamed on them.  A function that the plugin has not got, or
 * that its older struct tally_buffer ends before, stays NULL here, so that JOURNAL_HAS() works as
 * on the plugin's own.
 */
#include "instance/buffer_calls.h"

#include <stddef.h>

#include "process/crash.h"

/* Calls a function of the plugin's, with the name noted. */
#define BUFFER_CALL(r, arg, function, ...)                                                         \
	const struct buffer_calls *calls = (arg);                                                  \
	const char *before = crash_enter(calls->name);                                             \
	r calls->buffer->function(calls->self, __VA_ARGS__);                                       \
	crash_leave(before)

static int calls_open_reader(void *arg, const char *name, uint32_t *ret_reader, uint64_t *ret_rows)
{
	BUFFER_CALL(int r =, arg, open_reader, name, ret_reader, ret_rows);
	return r;
}

static int calls_forget_reader(void *arg, const char *name)
{
	BUFFER_CALL(int r =, arg, forget_reader, name);
	return r;
}

static int calls_push(void *arg, const struct tally_batch *batch, const char *source,
		      const char *position, uint64_t *ret_sequence)
{
	BUFFER_CALL(int r =, arg, push, batch, source, position, ret_sequence);
	return r;
}

static int calls_fetch(void *arg, uint32_t reader, bool rewind, uint32_t max_rows,
		       struct tally_entry *ret, uint32_t max_entries, uint32_t *ret_n)
{
	BUFFER_CALL(int r =, arg, fetch, reader, rewind, max_rows, ret, max_entries, ret_n);
	return r;
}

static int calls_ack(void *arg, uint32_t reader, uint64_t up_to_sequence)
{
	BUFFER_CALL(int r =, arg, ack, reader, up_to_sequence);
	return r;
}

static int calls_position(void *arg, const char *source, const char **ret)
{
	BUFFER_CALL(int r =, arg, position, source, ret);
	return r;
}

static int calls_drop_oldest(void *arg, uint64_t after_sequence, struct tally_entry *ret)
{
	BUFFER_CALL(int r =, arg, drop_oldest, after_sequence, ret);
	return r;
}

static void calls_usage(void *arg, struct tally_usage *ret)
{
	BUFFER_CALL(, arg, usage, ret);
}

static int calls_scan(void *arg, uint32_t reader, tally_scan_fn *each, void *each_arg)
{
	BUFFER_CALL(int r =, arg, scan, reader, each, each_arg);
	return r;
}

/* Written out, like calls_producer(): BUFFER_CALL() needs an argument to pass on. */
static int calls_forget_absent(void *arg)
{
	const struct buffer_calls *calls = arg;
	const char *before = crash_enter(calls->name);
	int r = calls->buffer->forget_absent(calls->self);
	crash_leave(before);
	return r;
}

static int calls_lost(void *arg, uint32_t reader, tally_scan_fn *each, void *each_arg)
{
	BUFFER_CALL(int r =, arg, lost, reader, each, each_arg);
	return r;
}

static int calls_resume(void *arg, const char *source, const char **ret)
{
	BUFFER_CALL(int r =, arg, resume, source, ret);
	return r;
}

static const char *calls_producer(void *arg)
{
	const struct buffer_calls *calls = arg;
	const char *before = crash_enter(calls->name);
	const char *producer = calls->buffer->producer(calls->self);
	crash_leave(before);
	return producer;
}

static int calls_stored(void *arg, uint32_t reader, uint64_t sequence)
{
	BUFFER_CALL(int r =, arg, stored, reader, sequence);
	return r;
}

static int calls_behind(void *arg, uint32_t reader, const struct tally_ledger *ledger,
			tally_missing_fn *each, void *each_arg)
{
	BUFFER_CALL(int r =, arg, behind, reader, ledger, each, each_arg);
	return r;
}

#define BUFFER_HAS(buffer, member)                                                                 \
	((buffer)->size > offsetof(struct tally_buffer, member) && (buffer)->member)

/* Built from what the plugin has, so that a missing optional function is NULL here as well. */
void buffer_calls_init(struct buffer_calls *calls, const struct tally_buffer *buffer, void *self,
		       const char *name)
{
	*calls = (struct buffer_calls){
		.calls = {.size = sizeof(calls->calls),
			  .durable = buffer->durable,
			  .open_reader = calls_open_reader,
			  .forget_reader = calls_forget_reader,
			  .push = calls_push,
			  .fetch = calls_fetch,
			  .ack = calls_ack,
			  .position = buffer->position ? calls_position : NULL,
			  .drop_oldest = calls_drop_oldest,
			  .usage = calls_usage,
			  .scan = BUFFER_HAS(buffer, scan) ? calls_scan : NULL,
			  .forget_absent =
				  BUFFER_HAS(buffer, forget_absent) ? calls_forget_absent : NULL,
			  .lost = BUFFER_HAS(buffer, lost) ? calls_lost : NULL,
			  .resume = BUFFER_HAS(buffer, resume) ? calls_resume : NULL,
			  .producer = BUFFER_HAS(buffer, producer) ? calls_producer : NULL,
			  .stored = BUFFER_HAS(buffer, stored) ? calls_stored : NULL,
			  .behind = BUFFER_HAS(buffer, behind) ? calls_behind : NULL},
		.buffer = buffer,
		.self = self,
		.name = name};
}
