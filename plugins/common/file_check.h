/*
 * For a plugin's check(): is what an option names there, and can it be used?  Looks only; nothing
 * is made or changed.  The reason begins with the option's name.
 */
#ifndef TALLYD_PLUGINS_COMMON_FILE_CHECK_H
#define TALLYD_PLUGINS_COMMON_FILE_CHECK_H

#include <tallyd/host.h>

/* path NULL: fine. */
int file_check_read(struct tally_ctx *ctx, const char *option, const char *path);
/* A file that will be written, and created if need be, with up to so many of its folders. */
int file_check_write(struct tally_ctx *ctx, const char *option, const char *path, unsigned folders);

#endif
