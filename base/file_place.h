/*
 * Is a file that is open still the one at its path?  Files are taken away under those who have them
 * open: what is written then goes into a file without a name, which is gone when it is closed.
 * Called by stores and buffers, on whatever thread writes.
 */
#ifndef TALLYD_BASE_FILE_PLACE_H
#define TALLYD_BASE_FILE_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

enum file_found { FILE_IN_PLACE, FILE_REMOVED, FILE_REPLACED, FILE_EMPTIED };

struct file_place {
	dev_t device;
	ino_t inode; /* 0: there was none */
	bool needed; /* it has to be there */
	bool filled; /* it had bytes, and will go on having some */
};

/* Notes what is at the path now; needed: something has to be. */
void file_place_note(struct file_place *place, const char *path, bool needed);
void file_place_note_open(struct file_place *place, int fd);
/* What cannot be found out counts as in place. */
enum file_found file_place_look(const struct file_place *place, const char *path);
/* It was neither removed nor replaced, whatever is in it. */
bool file_place_is_kept(const struct file_place *place, const char *path);
/* Is what lies at the path what was noted?  What cannot be found out does not. */
bool file_place_same(const struct file_place *place, const char *path);
/* "was removed", … */
const char *file_found_name(enum file_found found);

#endif
