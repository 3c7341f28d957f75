/* `tallyd db copy` into a file. */
#ifndef TALLYD_SQLITE_TRANSFER_WRITE_H
#define TALLYD_SQLITE_TRANSFER_WRITE_H

#include <tallyd/host.h>

/* From what the other end of the socket sends; 1: not all could be kept. */
int transfer_write_file(struct tally_ctx *ctx, const void *config, int fd);

#endif
