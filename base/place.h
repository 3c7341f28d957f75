/*
 * Is what lies at a path still what was noted there?  Files are taken away under those who have
 * them open.
 */
#ifndef TALLYD_BASE_PLACE_H
#define TALLYD_BASE_PLACE_H

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>

struct place {
	dev_t device;
	ino_t inode; /* 0: there was nothing */
};

static inline void place_note(struct place *place, const char *path)
{
	struct stat st;
	*place = (struct place){0};
	if (stat(path, &st) == 0)
		*place = (struct place){st.st_dev, st.st_ino};
}

static inline void place_note_open(struct place *place, int fd)
{
	struct stat st;
	*place = (struct place){0};
	if (fstat(fd, &st) == 0)
		*place = (struct place){st.st_dev, st.st_ino};
}

/* What cannot be found out counts as the same. */
static inline bool place_is_same(const struct place *place, const char *path)
{
	struct stat st;
	if (place->inode == 0)
		return true;
	if (stat(path, &st) < 0)
		return errno != ENOENT && errno != ENOTDIR;
	return st.st_ino == place->inode && st.st_dev == place->device;
}

#endif
