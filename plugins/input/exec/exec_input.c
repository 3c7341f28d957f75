/*
 * input.exec: rows from a program, which may be written in any language.  docs/exec.md has the
 * protocol.
 *
 *   mode = interval   the program runs every interval and ends by itself (Telegraf's exec)
 *   mode = service    it goes on running; a signal or a line may ask it for rows (Telegraf's execd)
 *
 * One thread: it starts the program, reads its lines, and emits.  A service that ends makes run()
 * fail, so that the core logs why and starts it again after a back-off; a program of an interval is
 * reported, counted, and runs again at the next one.  However it ends, its whole group is killed.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "exec.h"
#include "exec/exec_program.h"
#include "exec_rows.h"

struct exec_input {
	struct tally_ctx *ctx;
	const struct exec_settings *config;
	struct exec_program program;
	struct exec_rows rows;
	int64_t heard;                    /* when its last line came */
	int64_t closed;                   /* when it was seen to have closed its stdout; 0 */
	bool told_any;                    /* `told` has been said */
	char told[EXEC_MAX_POSITION + 2]; /* the position that it knows to be safe */
};

static const int64_t input_ask_safe = CLOCK_SECOND / 5;
static const int64_t input_settling = CLOCK_SECOND; /* before a program is asked for rows first */
/* Reads in a row, so that a program that never pauses is still told and timed. */
enum { INPUT_MAX_HELLO = 8192, INPUT_TURNS = 64 };

/* ---- What the program is told ------------------------------------------------ */

static void input_send(struct exec_input *input, struct json_writer *json)
{
	json_end_object(json);
	json_write_raw(json, "\n", 1);
	if (!json->error)
		(void)exec_program_send(&input->program, json->data, json->len, EXEC_SENDING_MAX);
	json_writer_done(json);
}

static void input_begin_message(struct json_writer *json, const char *what)
{
	json_writer_init(json, INPUT_MAX_HELLO);
	json_begin_object(json);
	json_write_key(json, "tallyd");
	json_write_string(json, what);
}

static void input_say_hello(struct exec_input *input)
{
	const char *resume = exec_rows_resume(&input->rows);
	const char *safe = exec_rows_safe(&input->rows, input->told);
	struct json_writer json;
	if (!input->config->acknowledge)
		return;
	input->told_any = safe;
	input_begin_message(&json, "hello");
	json_write_key(&json, "version");
	json_write_int(&json, 1);
	json_write_key(&json, "instance");
	json_write_string(&json, input->ctx->name);
	json_write_key(&json, "host");
	json_write_string(&json, input->ctx->hostname);
	json_write_key(&json, "interval_s");
	json_write_real(&json, (double)input->config->interval / 1e9);
	json_write_key(&json, "resume");
	json_write_string(&json, resume);
	json_write_key(&json, "safe");
	json_write_string(&json, safe);
	input_send(input, &json);
}

/* Only what is new, and only what the program has room for: the next one says more. */
static void input_say_safe(struct exec_input *input)
{
	char fresh[EXEC_MAX_POSITION + 2];
	struct json_writer json;
	const char *safe = exec_rows_safe(&input->rows, fresh);
	if (!safe || exec_program_is_sending(&input->program) ||
	    (input->told_any && strcmp(fresh, input->told) == 0))
		return;
	memcpy(input->told, fresh, sizeof(input->told));
	input->told_any = true;
	input_begin_message(&json, "safe");
	json_write_key(&json, "position");
	json_write_string(&json, safe);
	input_send(input, &json);
}

static bool input_waits_for_safe(const struct exec_input *input)
{
	return input->config->acknowledge &&
	       exec_rows_waiting(&input->rows, input->told_any ? input->told + 1 : NULL);
}

/* Asks for rows now. */
static void input_trigger(struct exec_input *input)
{
	static const int signals[] = {[EXEC_TRIGGER_HUP] = SIGHUP,
				      [EXEC_TRIGGER_USR1] = SIGUSR1,
				      [EXEC_TRIGGER_USR2] = SIGUSR2};
	if (input->config->trigger == EXEC_TRIGGER_STDIN &&
	    !exec_program_is_sending(&input->program))
		(void)exec_program_send(&input->program, "\n", 1, EXEC_SENDING_MAX);
	else if (input->config->trigger >= EXEC_TRIGGER_HUP)
		exec_program_signal(&input->program, signals[input->config->trigger]);
}

/* ---- What the program says --------------------------------------------------- */

/* Killed in the middle of a line it may have left half a number. */
static int input_take_rest(struct exec_input *input)
{
	struct exec_lines *lines = &input->program.lines;
	struct exec_problem problem;
	char *line;
	size_t len;
	enum exec_lines_got got = exec_lines_rest(lines, &line, &len);
	if (got == EXEC_LINES_NONE || (got == EXEC_LINES_LINE && !len))
		return 0;
	if (got == EXEC_LINES_LINE && exec_program_ended_well(&input->program))
		return exec_rows_line(&input->rows, line, len, lines->number);
	exec_refuse(&problem, EXEC_CUT, 0, "has no end, and the program did not end well");
	exec_rows_refuse(&input->rows, lines->number, &problem);
	return 0;
}

static int input_take_lines(struct exec_input *input)
{
	struct exec_lines *lines = &input->program.lines;
	struct exec_problem problem;
	enum exec_lines_got got;
	char *line;
	size_t len;
	int r = 0;
	while (r == 0 && (got = exec_lines_next(lines, &line, &len)) != EXEC_LINES_NONE) {
		if (got == EXEC_LINES_LINE) {
			r = exec_rows_line(&input->rows, line, len, lines->number);
			continue;
		}
		exec_refuse(&problem, EXEC_TOO_LONG, 0, "is longer than max_line (%zu bytes)",
			    lines->max);
		exec_rows_refuse(&input->rows, lines->number, &problem);
	}
	return r;
}

/* 1: the program has ended and all that it wrote was taken; 0: nothing more for now. */
static int input_read(struct exec_input *input)
{
	long n;
	int r = 0, turns = 0;
	bool any = false;
	while (r == 0 && (n = exec_program_read(&input->program)) > 0 && turns++ < INPUT_TURNS) {
		r = input_take_lines(input);
		any = true;
	}
	if (any) /* by now: emitting may have waited for a buffer */
		input->heard = tally_monotonic(input->ctx);
	if (r == 0 && n == 0)
		r = input_take_rest(input);
	if (r == 0)
		r = exec_rows_pause(&input->rows);
	return r < 0 ? r : n == 0;
}

static int input_read_until(struct exec_input *input, int64_t until)
{
	int r = 0;
	while (r == 0 && tally_monotonic(input->ctx) < until) {
		exec_program_wait(&input->program, until);
		r = input_read(input);
	}
	return r;
}

/* Polite at first, as Telegraf is: the end of its stdin, then SIGTERM, and what it still says is
 * taken. */
static int input_end_program(struct exec_input *input)
{
	struct exec_program *program = &input->program;
	int64_t now = tally_monotonic(input->ctx);
	int64_t until = now + input->config->program.stop_timeout;
	bool open = program->in >= 0;
	exec_program_close_stdin(program);
	int r = open ? input_read_until(input, now + (until - now) / 2) : 0;
	exec_program_signal(program, SIGTERM);
	if (r == 0)
		r = input_read_until(input, until);
	exec_program_kill(program);
	return r == 0 ? input_read(input) : r;
}

/* ---- A run ------------------------------------------------------------------- */

static int input_start_program(struct exec_input *input)
{
	tally_count(input->ctx, EXEC_METRIC_RUNS, 1);
	int r = exec_program_start(&input->program);
	if (r < 0) {
		tally_count(input->ctx, EXEC_METRIC_FAILED_START, 1);
		return r;
	}
	input->heard = tally_monotonic(input->ctx);
	input->closed = 0;
	exec_rows_begin(&input->rows);
	input_say_hello(input);
	return 0;
}

/* What is next, after what has been read: due comes closer for what must not wait. */
static int64_t input_next_look(const struct exec_input *input, int64_t due)
{
	int64_t look = tally_monotonic(input->ctx) + input_ask_safe;
	int64_t held = exec_rows_due(&input->rows);
	due = held < due ? held : due;
	if (input->closed && input->closed + input_settling < due)
		due = input->closed + input_settling;
	return input_waits_for_safe(input) && look < due ? look : due;
}

static void input_close(struct exec_input *input)
{
	exec_rows_drop(&input->rows);
	exec_program_close(&input->program);
}

static int input_judge_late(struct exec_input *input, const char *how)
{
	const struct exec_settings *config = input->config;
	bool service = config->mode == EXEC_MODE_SERVICE;
	char limit[32];
	text_format_duration(service ? config->silence : config->timeout, limit, sizeof(limit));
	tally_count(input->ctx, EXEC_METRIC_FAILED_TIMEOUT, 1);
	return service ? tally_fail(input->ctx, ETIMEDOUT,
				    "the program wrote no line for %s (silence) and %s", limit, how)
		       : tally_fail(input->ctx, ETIMEDOUT,
				    "the program did not end within %s (timeout) and %s", limit,
				    how);
}

/* -errno with the reason: how it ended, if that was not well. */
static int input_judge(struct exec_input *input, int r)
{
	bool well = exec_program_ended_well(&input->program);
	char how[128];
	exec_program_describe(&input->program, how, sizeof(how));
	if (r == -ETIMEDOUT)
		return input_judge_late(input, how);
	if (well && input->config->mode == EXEC_MODE_INTERVAL)
		return 0;
	tally_count(input->ctx, EXEC_METRIC_FAILED_EXIT, 1);
	return tally_fail(input->ctx, EPIPE, "the program %s%s%s",
			  r == -ESHUTDOWN ? "closed its stdout, so it was ended, and " : "", how,
			  well && r == 1 ? "; with mode = service it should go on running, in "
					   "the foreground"
					 : "");
}

/* Of a service without stdout nothing will come, and it may run for ever.  Most that close it are
 * about to end. */
static bool input_is_mute(struct exec_input *input)
{
	if (input->config->mode != EXEC_MODE_SERVICE || input->program.out >= 0 ||
	    input->program.exited)
		return false;
	if (!input->closed)
		input->closed = tally_monotonic(input->ctx);
	return tally_monotonic(input->ctx) >= input->closed + input_settling;
}

/* 1: ended; 0: it goes on; -ETIMEDOUT; -ESHUTDOWN: it goes on, and says no more. */
static int input_turn(struct exec_input *input, int64_t until, int64_t deadline)
{
	exec_program_wait(&input->program, input_next_look(input, until));
	int r = input_read(input);
	if (r != 0)
		return r;
	if (input_waits_for_safe(input))
		input_say_safe(input);
	if (input_is_mute(input))
		return -ESHUTDOWN;
	return tally_monotonic(input->ctx) >= deadline ? -ETIMEDOUT : 0;
}

static int input_finish(struct exec_input *input, int r)
{
	bool asked = r == 0 || r == -ETIMEDOUT || r == -ESHUTDOWN; /* it was running */
	if (asked)
		(void)input_end_program(input);
	else
		exec_program_kill(&input->program);
	(void)exec_rows_end(&input->rows, exec_program_ended_well(&input->program));
	if (r == 1 || r == -ETIMEDOUT || r == -ESHUTDOWN)
		r = input_judge(input, r);
	input_close(input);
	return r == -ECANCELED ? 0 : r;
}

static int input_run_once(struct exec_input *input)
{
	int r = input_start_program(input);
	if (r < 0)
		return r;
	int64_t deadline = tally_monotonic(input->ctx) + input->config->timeout;
	while (r == 0 && !tally_stopping(input->ctx)) {
		/* What it is told is all: it may read to the end. */
		if (!exec_program_is_sending(&input->program))
			exec_program_close_stdin(&input->program);
		r = input_turn(input, deadline, deadline);
	}
	return input_finish(input, r);
}

/* ---- Running ----------------------------------------------------------------- */

/* At whole multiples of the interval on the clock. */
static int64_t input_until_tick(const struct exec_input *input)
{
	return input->config->interval - tally_now(input->ctx) % input->config->interval;
}

static int input_run_interval(struct exec_input *input)
{
	do {
		if (input_run_once(input) < 0 && !tally_stopping(input->ctx))
			tally_log(input->ctx, TALLY_ERROR, "%s; it runs again at the next interval",
				  tally_reason(input->ctx));
	} while (!tally_sleep(input->ctx, input_until_tick(input)));
	return 0;
}

static int input_run_service(struct exec_input *input)
{
	const struct exec_settings *config = input->config;
	bool triggers = config->trigger != EXEC_TRIGGER_NONE;
	int r = input_start_program(input);
	if (r < 0)
		return r;
	/* Not at once: a signal would end a program that has not asked for it yet. */
	int64_t due = tally_monotonic(input->ctx) + input_settling + input_until_tick(input);
	while (r == 0 && !tally_stopping(input->ctx)) {
		int64_t silent = config->silence ? input->heard + config->silence : INT64_MAX;
		if (triggers && tally_monotonic(input->ctx) >= due) {
			input_trigger(input);
			due = tally_monotonic(input->ctx) + input_until_tick(input);
		}
		int64_t until = triggers && due < silent ? due : silent;
		r = input_turn(input, until, silent);
		if (r == -ETIMEDOUT && input->heard + config->silence > silent)
			r = 0; /* it has just spoken */
	}
	return input_finish(input, r);
}

int exec_input_run(struct exec_input *input)
{
	return input->config->mode == EXEC_MODE_SERVICE ? input_run_service(input)
							: input_run_interval(input);
}

/* ---- One instance ------------------------------------------------------------ */

void exec_input_destroy(struct exec_input *input)
{
	if (!input)
		return;
	exec_rows_done(&input->rows);
	exec_program_done(&input->program);
	free(input);
}

static void input_warn(struct tally_ctx *ctx, const struct exec_settings *settings)
{
	bool triggers = settings->trigger != EXEC_TRIGGER_NONE;
	if (settings->mode != EXEC_MODE_SERVICE && (triggers || settings->silence))
		tally_log(ctx, TALLY_WARNING,
			  "%s has no effect with mode = interval: the program is started every "
			  "interval, and timeout bounds how long it runs",
			  triggers ? "signal" : "silence");
}

int exec_input_create(struct tally_ctx *ctx, const struct exec_settings *settings,
		      struct exec_input **ret)
{
	struct exec_input *input = calloc(1, sizeof(*input));
	if (!input)
		return tally_fail(ctx, ENOMEM, "no memory");
	input->ctx = ctx;
	input->config = settings;
	input->rows.ctx = ctx;
	input->rows.influx = settings->format == EXEC_FORMAT_INFLUX;
	input->rows.refuse_unknown = settings->unknown == 1;
	input->rows.positions = settings->acknowledge;
	int r = exec_program_init(&input->program, ctx, &settings->program, EXEC_METRIC_STDERR);
	if (r == 0 && settings->declare)
		r = exec_tables_from_text(ctx, settings->declare, &input->rows.tables);
	if (r < 0) {
		exec_input_destroy(input);
		return r;
	}
	input_warn(ctx, settings);
	*ret = input;
	return 0;
}
