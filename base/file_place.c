/*
 * One stat() per call; no state of its own.  Called by state_dir, the spool and the SQLite store,
 * each on the thread that writes its file.
 */
#include "base/file_place.h"

#include <errno.h>
#include <sys/stat.h>

void file_place_note(struct file_place *place, const char *path, bool needed)
{
	struct stat st;
	*place = (struct file_place){.needed = needed};
	if (stat(path, &st) == 0)
		*place = (struct file_place){st.st_dev, st.st_ino, needed, st.st_size > 0};
}

void file_place_note_open(struct file_place *place, int fd)
{
	struct stat st;
	*place = (struct file_place){0};
	if (fstat(fd, &st) == 0)
		*place = (struct file_place){st.st_dev, st.st_ino, false, st.st_size > 0};
}

enum file_found file_place_look(const struct file_place *place, const char *path)
{
	struct stat st;
	if (place->inode == 0)
		return place->needed ? FILE_REMOVED : FILE_IN_PLACE;
	if (stat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? FILE_REMOVED : FILE_IN_PLACE;
	if (st.st_ino != place->inode || st.st_dev != place->device)
		return FILE_REPLACED;
	return place->filled && st.st_size == 0 ? FILE_EMPTIED : FILE_IN_PLACE;
}

bool file_place_is_kept(const struct file_place *place, const char *path)
{
	enum file_found found = file_place_look(place, path);
	return found != FILE_REMOVED && found != FILE_REPLACED;
}

bool file_place_same(const struct file_place *place, const char *path)
{
	struct stat st;
	return place->inode != 0 && stat(path, &st) == 0 && st.st_ino == place->inode &&
	       st.st_dev == place->device;
}

const char *file_found_name(enum file_found found)
{
	static const char *const names[] = {"is in its place", "was removed", "was replaced",
					    "was emptied"};
	return names[found];
}
