/*
 * Whether an open file is still the one at its path.  People delete and replace files that a daemon
 * has open: what it writes then goes into a file without a name, which is gone when it is closed.
 * Called by stores and buffers, on the thread that writes.
 */
#ifndef TALLYD_BASE_FILE_PLACE_H
#define TALLYD_BASE_FILE_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

enum file_found { FILE_IN_PLACE, FILE_REMOVED, FILE_REPLACED, FILE_EMPTIED };

struct file_place {
	dev_t device;
	ino_t inode; /* 0: there was no file */
	bool needed; /* a missing file counts as removed */
	bool filled; /* it had bytes: an empty file counts as emptied */
};

/* Records which file is at the path now. */
void file_place_note(struct file_place *place, const char *path, bool needed);
void file_place_note_open(struct file_place *place, int fd);
/* Compares.  If stat() fails for another reason than a missing file: in place. */
enum file_found file_place_look(const struct file_place *place, const char *path);
/* The file was neither removed nor replaced; its contents do not matter. */
bool file_place_is_kept(const struct file_place *place, const char *path);
/* Whether the file at the path is the recorded one; false if stat() fails. */
bool file_place_same(const struct file_place *place, const char *path);
/* "was removed", … */
const char *file_found_name(enum file_found found);

#endif
