/* `tallyd db migrate`, `status` and `confirm-clock` for one configured instance. */
#ifndef TALLYD_SQLITE_COMMAND_H
#define TALLYD_SQLITE_COMMAND_H

#include <tallyd/host.h>

int command_run(struct tally_ctx *ctx, const void *config, const struct tally_command *command);

#endif
