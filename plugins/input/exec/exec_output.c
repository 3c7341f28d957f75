/*
 * output.exec: rows to a program, which may be written in any language.  docs/exec.md has the
 * protocol.
 *
 *   mode = interval   started for each write: rows on its stdin, status 0 says that all are stored
 *   mode = service    goes on running, and answers each batch by its id
 *
 * One entry at a time is written as text and sent, while answers are read; then the rest of the
 * answers are waited for, all within `timeout`.  A program that ends, hangs or answers nonsense is
 * ended, and what it has not confirmed is offered again: the core backs off, and the next write
 * starts it anew.  start(), write() and stop() are on the instance's thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash_set.h"
#include "exec.h"
#include "exec_encode.h"
#include "exec_rows.h"
#include "json_tree.h"

enum { OUTPUT_MAX_ENTRY = 64 << 20, OUTPUT_MAX_TABLES = 256, OUTPUT_MAX_WHY = 256 };

struct exec_output {
	struct tally_ctx *ctx;
	const struct exec_settings *config;
	struct exec_program program;
	struct hash_set told; /* tables that this program knows */
	size_t n_told;
	char volatile_producer[128]; /* for entries of a buffer that forgets its numbers */
	/* Of the write in progress. */
	const struct tally_entry *entries;
	uint8_t *verdicts;
	bool *answered;
	uint32_t n, n_answered;
	char why[OUTPUT_MAX_WHY]; /* of the last retry */
};

static bool output_is_service(const struct exec_output *output)
{
	return output->config->mode == EXEC_MODE_SERVICE;
}

static bool output_wants_answers(const struct exec_output *output)
{
	return output_is_service(output) && output->config->answers;
}

/* A program of the line protocol that does not answer gets nothing else, as from Telegraf. */
static bool output_talks(const struct exec_output *output)
{
	return output->config->format == EXEC_FORMAT_JSON || output_wants_answers(output);
}

/* ---- Messages to the program ------------------------------------------------- */

static const char *output_producer(const struct exec_output *output,
				   const struct tally_entry *entry)
{
	return entry->producer ? entry->producer : output->volatile_producer;
}

static void output_member(struct json_writer *lines, const char *key, const char *text)
{
	json_write_key(lines, key);
	json_write_string(lines, text);
}

static void output_end_message(struct json_writer *lines)
{
	json_end_object(lines);
	json_write_raw(lines, "\n", 1);
	lines->comma = false;
}

static void output_put_hello(const struct exec_output *output, struct json_writer *lines)
{
	json_begin_object(lines);
	output_member(lines, "tallyd", "hello");
	json_write_key(lines, "version");
	json_write_int(lines, 1);
	output_member(lines, "instance", output->ctx->name);
	output_member(lines, "host", output->ctx->hostname);
	output_end_message(lines);
}

/* Past the bound of the set a table is told with each batch, which is only more text. */
static void output_put_table(struct exec_output *output, struct json_writer *lines,
			     const struct tally_table *table)
{
	uint64_t hash = exec_encode_hash(table);
	if (hash_set_has(&output->told, hash))
		return;
	exec_encode_table(lines, table);
	if (output->n_told < OUTPUT_MAX_TABLES && hash_set_add(&output->told, hash))
		output->n_told++;
}

static void output_put_header(const struct exec_output *output, struct json_writer *lines,
			      const struct tally_entry *entry, uint32_t n_rows)
{
	char id[256];
	snprintf(id, sizeof(id), "%s/%" PRIu64, output_producer(output, entry), entry->sequence);
	json_begin_object(lines);
	output_member(lines, "tallyd", "batch");
	output_member(lines, "id", id);
	output_member(lines, "table", entry->batch->table->name);
	json_write_key(lines, "rows");
	json_write_int(lines, n_rows);
	json_write_key(lines, "durable");
	json_write_bool(lines, tally_must_flush(output->ctx));
	output_end_message(lines);
}

static void output_put_influx(struct exec_output *output, struct json_writer *lines,
			      const struct tally_entry *entry)
{
	struct json_writer rows;
	uint32_t n = 0;
	json_writer_init(&rows, OUTPUT_MAX_ENTRY);
	for (uint32_t r = 0; r < entry->batch->n_rows; r++) {
		if (exec_encode_influx(&rows, entry->batch, r))
			n++;
		else
			tally_reject_row(
				output->ctx, entry->batch, r,
				"it has no value, and the line protocol has no line for that");
	}
	if (output_talks(output))
		output_put_header(output, lines, entry, n);
	json_write_raw(lines, rows.data, rows.len);
	if (rows.error && !lines->error)
		lines->error = rows.error;
	json_writer_done(&rows);
}

/* -E2BIG, -ENOMEM: nothing was sent. */
static int output_send_entry(struct exec_output *output, const struct tally_entry *entry)
{
	struct json_writer lines;
	json_writer_init(&lines, OUTPUT_MAX_ENTRY);
	if (output_talks(output))
		output_put_table(output, &lines, entry->batch->table);
	if (output->config->format == EXEC_FORMAT_JSON) {
		output_put_header(output, &lines, entry, entry->batch->n_rows);
		exec_encode_json(&lines, entry->batch);
	} else {
		output_put_influx(output, &lines, entry);
	}
	int r = lines.error;
	if (r == 0)
		r = exec_program_send(&output->program, lines.data, lines.len, SIZE_MAX);
	json_writer_done(&lines);
	return r;
}

/* ---- Its answers ------------------------------------------------------------- */

/* The entry of an id that is still to be answered; n: none. */
static uint32_t output_find(const struct exec_output *output, const char *id)
{
	const char *slash = id ? strrchr(id, '/') : NULL;
	char *end = NULL;
	uint64_t sequence = slash ? strtoull(slash + 1, &end, 10) : 0;
	if (!slash || *end || !slash[1])
		return output->n;
	size_t len = (size_t)(slash - id);
	for (uint32_t i = 0; i < output->n; i++) {
		const char *producer = output_producer(output, &output->entries[i]);
		if (output->entries[i].sequence == sequence && !output->answered[i] &&
		    strlen(producer) == len && strncmp(producer, id, len) == 0)
			return i;
	}
	return output->n;
}

static void output_refuse(struct exec_output *output, const char *what)
{
	tally_count(output->ctx, EXEC_METRIC_REFUSED + EXEC_SYNTAX, 1);
	tally_log(output->ctx, TALLY_WARNING, "answer %" PRIu64 ": %s; it is passed over",
		  output->program.lines.number, what);
}

static void output_take_answer(struct exec_output *output, const char *line, size_t len)
{
	auto_json json_t *answer = json_tree_load(line, len);
	const char *verdict = json_tree_text(answer, "verdict");
	const char *why = json_tree_text(answer, "why");
	uint32_t i = output_find(output, json_tree_text(answer, "id"));
	if (i == output->n || !verdict) {
		output_refuse(output, "is no JSON object with the \"id\" of a batch that waits for "
				      "one, and a \"verdict\"");
		return;
	}
	if (strcmp(verdict, "done") == 0) {
		output->verdicts[i] = TALLY_DONE;
	} else if (strcmp(verdict, "reject") == 0) {
		output->verdicts[i] = TALLY_REJECT;
		tally_reject_entry(output->ctx, &output->entries[i],
				   why ? why : "the program rejects it");
	} else if (strcmp(verdict, "retry") == 0) {
		snprintf(output->why, sizeof(output->why), "%s", why ? why : "no reason given");
	} else {
		output_refuse(output, "its \"verdict\" is none of done, retry and reject");
		return;
	}
	output->answered[i] = true;
	output->n_answered++;
}

/* Lines of a program that does not answer are nobody's. */
static void output_take_lines(struct exec_output *output)
{
	struct exec_lines *lines = &output->program.lines;
	enum exec_lines_got got;
	char *line;
	size_t len;
	while ((got = exec_lines_next(lines, &line, &len)) != EXEC_LINES_NONE) {
		tally_count(output->ctx, EXEC_METRIC_LINES, 1);
		if (got == EXEC_LINES_TOO_LONG)
			output_refuse(output, "is longer than max_line");
		else if (output_wants_answers(output) && len)
			output_take_answer(output, line, len);
	}
}

/* ---- The program ------------------------------------------------------------- */

/* Reads what it has said.  1: it has ended. */
static int output_read(struct exec_output *output)
{
	long n;
	int turns = 0;
	while ((n = exec_program_read(&output->program)) > 0 && turns++ < 64)
		output_take_lines(output);
	return n == 0;
}

static void output_forget_program(struct exec_output *output)
{
	exec_program_kill(&output->program);
	exec_program_close(&output->program);
	hash_set_done(&output->told);
	output->n_told = 0;
}

static int output_start_program(struct exec_output *output)
{
	struct json_writer hello;
	tally_count(output->ctx, EXEC_METRIC_RUNS, 1);
	output->n_told = 0;
	int r = hash_set_init(&output->told, OUTPUT_MAX_TABLES);
	if (r < 0)
		return tally_fail(output->ctx, -r, "no memory");
	r = exec_program_start(&output->program);
	if (r < 0) {
		tally_count(output->ctx, EXEC_METRIC_FAILED_START, 1);
		hash_set_done(&output->told);
		return r;
	}
	if (!output_talks(output))
		return 0;
	json_writer_init(&hello, EXEC_SENDING_MAX);
	output_put_hello(output, &hello);
	r = hello.error ? hello.error
			: exec_program_send(&output->program, hello.data, hello.len, SIZE_MAX);
	json_writer_done(&hello);
	return r < 0 ? tally_fail(output->ctx, -r, "no memory") : 0;
}

static int output_ended(struct exec_output *output)
{
	char how[128];
	exec_program_describe(&output->program, how, sizeof(how));
	tally_count(output->ctx, EXEC_METRIC_FAILED_EXIT, 1);
	output_forget_program(output);
	return tally_fail(output->ctx, EPIPE, "the program %s", how);
}

static int output_hangs(struct exec_output *output, const char *doing)
{
	tally_count(output->ctx, EXEC_METRIC_FAILED_TIMEOUT, 1);
	output_forget_program(output);
	return tally_fail(output->ctx, ETIMEDOUT, "the program did not %s in time and was killed",
			  doing);
}

/* It may have ended since the last write. */
static int output_revive(struct exec_output *output)
{
	if (output->program.pid) {
		exec_program_wait(&output->program, tally_monotonic(output->ctx));
		if (output_read(output) == 1)
			(void)output_ended(output);
	}
	return output->program.pid ? 0 : output_start_program(output);
}

/* ---- A write ----------------------------------------------------------------- */

static bool output_all_sent(const struct exec_output *output)
{
	return !exec_program_is_sending(&output->program);
}

static bool output_all_answered(const struct exec_output *output)
{
	return output->n_answered == output->n;
}

static bool output_never(const struct exec_output *output)
{
	(void)output;
	return false;
}

/* -ECANCELED: the instance stops.  1: the program has ended. */
static int output_wait(struct exec_output *output, bool (*until)(const struct exec_output *output),
		       int64_t deadline)
{
	while (!until(output)) {
		if (tally_stopping(output->ctx))
			return -ECANCELED;
		if (tally_monotonic(output->ctx) >= deadline)
			return -ETIMEDOUT;
		exec_program_wait(&output->program, deadline);
		if (output_read(output) == 1)
			return 1;
	}
	return 0;
}

/* What can never be sent is rejected; everything else is sent whole or the write fails. */
static int output_send_all(struct exec_output *output, int64_t deadline)
{
	int r = 0;
	for (uint32_t i = 0; i < output->n && r == 0; i++) {
		r = output_send_entry(output, &output->entries[i]);
		if (r == -E2BIG) {
			output->verdicts[i] = TALLY_REJECT;
			tally_reject_entry(output->ctx, &output->entries[i],
					   "as text it is larger than 64 MiB");
			output->answered[i] = true;
			output->n_answered++;
			r = 0;
			continue;
		}
		if (r == 0)
			r = output_wait(output, output_all_sent, deadline);
		/* It has closed its stdin, or ended, before it had everything. */
		if ((r == 0 && output->program.in < 0) || (r == 1 && !output_is_service(output)))
			r = -EPIPE;
	}
	return r;
}

static void output_confirm_all(struct exec_output *output)
{
	for (uint32_t i = 0; i < output->n; i++)
		if (!output->answered[i])
			output->verdicts[i] = TALLY_DONE;
}

/* Its status is the answer. */
static int output_finish_run(struct exec_output *output, int r, int64_t deadline)
{
	if (r == 0 || r == -EPIPE) {
		exec_program_close_stdin(&output->program);
		int ended = output_wait(output, output_never, deadline);
		if (r == 0 || ended != 1 || !exec_program_ended_well(&output->program))
			r = ended;
	}
	if (r == 1 && exec_program_ended_well(&output->program)) {
		output_confirm_all(output);
		output_forget_program(output);
		return 0;
	}
	return r;
}

static int output_finish_service(struct exec_output *output, int r, int64_t deadline)
{
	if (r == 0 && output_wants_answers(output))
		r = output_wait(output, output_all_answered, deadline);
	else if (r == 0)
		output_confirm_all(output);
	if (r == 0 && output->why[0])
		return tally_fail(output->ctx, EAGAIN, "the program asks to retry: %s",
				  output->why);
	return r;
}

static int output_explain(struct exec_output *output, int r)
{
	if (r == -ECANCELED && !output_is_service(output))
		output_forget_program(output);
	switch (r) {
	case 1:
		return output_ended(output);
	case -ETIMEDOUT:
		return output_hangs(output, !output_all_sent(output)    ? "read its rows"
					    : output_is_service(output) ? "answer"
									: "end");
	case -EPIPE:
		output_forget_program(output);
		return tally_fail(output->ctx, EPIPE,
				  "the program closed its stdin before it had "
				  "read all rows");
	case -ECANCELED:
		return tally_fail(output->ctx, ECANCELED,
				  "tallyd stops, and the program has not answered yet");
	case -ENOMEM:
		output_forget_program(output);
		return tally_fail(output->ctx, ENOMEM, "no memory");
	default:
		return r;
	}
}

int exec_output_write(struct exec_output *output, const struct tally_entry *entries, uint32_t n,
		      uint8_t *verdicts)
{
	int64_t deadline = tally_monotonic(output->ctx) + output->config->timeout;
	output->entries = entries;
	output->verdicts = verdicts;
	output->n = output->n_answered = 0; /* an answer that comes now belongs to nothing */
	output->why[0] = '\0';
	int r = output_revive(output);
	if (r < 0)
		return r;
	output->answered = calloc(n ? n : 1, sizeof(*output->answered));
	if (!output->answered)
		return tally_fail(output->ctx, ENOMEM, "no memory");
	output->n = n;
	r = output_send_all(output, deadline);
	r = output_is_service(output) ? output_finish_service(output, r, deadline)
				      : output_finish_run(output, r, deadline);
	r = output_explain(output, r);
	output->n = 0;
	free(output->answered);
	output->answered = NULL;
	return r;
}

/* ---- One instance ------------------------------------------------------------ */

int exec_output_start(struct exec_output *output)
{
	return output_is_service(output) ? output_revive(output) : 0;
}

static void output_wait_end(struct exec_output *output, int64_t until)
{
	while (!output->program.exited && tally_monotonic(output->ctx) < until) {
		exec_program_wait(&output->program, until);
		(void)output_read(output);
	}
}

void exec_output_stop(struct exec_output *output)
{
	struct exec_program *program = &output->program;
	int64_t now = tally_monotonic(output->ctx);
	int64_t patience = output->config->program.stop_timeout;
	if (!program->pid)
		return;
	exec_program_close_stdin(program);
	output_wait_end(output, now + patience / 2);
	exec_program_signal(program, SIGTERM);
	output_wait_end(output, now + patience);
	output_forget_program(output);
}

void exec_output_destroy(struct exec_output *output)
{
	if (!output)
		return;
	exec_program_done(&output->program);
	free(output);
}

/* Without a durable buffer numbers begin anew with the daemon, and must not be taken for those of
 * its last life. */
int exec_output_create(struct tally_ctx *ctx, const struct exec_settings *settings,
		       struct exec_output **ret)
{
	struct exec_output *output = calloc(1, sizeof(*output));
	if (!output)
		return tally_fail(ctx, ENOMEM, "no memory");
	output->ctx = ctx;
	output->config = settings;
	snprintf(output->volatile_producer, sizeof(output->volatile_producer), "%s-%" PRId64,
		 ctx->producer, tally_now(ctx));
	int r = exec_program_init(&output->program, ctx, &settings->program, EXEC_METRIC_STDERR);
	if (r < 0) {
		exec_output_destroy(output);
		return r;
	}
	*ret = output;
	return 0;
}
