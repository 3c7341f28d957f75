/*
 * A file that is new, or has a new name, outlives a power cut once its folder has been flushed,
 * too.
 */
#ifndef TALLYD_CORE_UTIL_FOLDER_H
#define TALLYD_CORE_UTIL_FOLDER_H

/* Flushes the folder that a path is in.  0 or -errno. */
int folder_flush_of(const char *path);

#endif
