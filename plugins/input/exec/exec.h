/* What both kinds of instances are configured with, and what exec.c calls of them.  On the
 * instance's thread, but create and destroy. */
#ifndef TALLYD_EXEC_H
#define TALLYD_EXEC_H

#include "exec/exec_program.h"

enum exec_mode { EXEC_MODE_INTERVAL, EXEC_MODE_SERVICE };
enum exec_format { EXEC_FORMAT_JSON, EXEC_FORMAT_INFLUX };
enum exec_trigger {
	EXEC_TRIGGER_NONE,
	EXEC_TRIGGER_STDIN,
	EXEC_TRIGGER_HUP,
	EXEC_TRIGGER_USR1,
	EXEC_TRIGGER_USR2
};

struct exec_settings {
	struct exec_config program;
	int64_t mode, format, trigger, unknown; /* indexes into choices */
	int64_t interval, timeout, silence;
	const char *declare;
	bool acknowledge, answers;
};

struct exec_input;
int exec_input_create(struct tally_ctx *ctx, const struct exec_settings *settings,
		      struct exec_input **ret);
void exec_input_destroy(struct exec_input *input);
int exec_input_run(struct exec_input *input); /* as struct tally_input has it */

struct exec_output;
int exec_output_create(struct tally_ctx *ctx, const struct exec_settings *settings,
		       struct exec_output **ret);
void exec_output_destroy(struct exec_output *output);
int exec_output_start(struct exec_output *output);
void exec_output_stop(struct exec_output *output);
/* As struct tally_output has it. */
int exec_output_write(struct exec_output *output, const struct tally_entry *entries, uint32_t n,
		      uint8_t *verdicts);

#endif
