/*
 * A file that is new, or has a new name, outlives a power cut once its folder has been flushed,
 * too.
 */
#ifndef TALLYD_BASE_FOLDER_H
#define TALLYD_BASE_FOLDER_H

/* Flushes a folder, or the one that a path is in.  0 or -errno. */
int folder_flush(const char *folder);
int folder_flush_of(const char *path);

#endif
