/* What a configuration says of a program, as execve() wants it.  Any thread. */
#ifndef TALLYD_EXEC_COMMAND_H
#define TALLYD_EXEC_COMMAND_H

#include "exec/exec_program.h"

struct exec_command {
	char **argv;        /* of one piece */
	char **environment; /* the list only */
	char **added;       /* what environment= says, which the list points to */
	char *path, *inherited[8];
};

int exec_command_init(struct exec_command *command, struct tally_ctx *ctx,
		      const struct exec_config *config);
void exec_command_done(struct exec_command *command);

#endif
