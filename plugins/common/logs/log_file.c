/*
 * See log_file.h.  Called by source_file.c, and by follower.c to look into a file, on the input's
 * thread.
 *
 * The engine renames while we read: PATH.1 to PATH.2, PATH to PATH.1, then it makes PATH anew; the
 * kubelet PATH to PATH.DATE, and the runtime makes PATH anew when it is told.  No lock is shared
 * with it, so every step that goes by names checks by inode that no rename came in between, and is
 * done again if one did.
 */
#include "logs/log_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "logs/log_record.h"

enum { OLDEST = 1000, FIRST_WINDOW = 64 << 10, WINDOW_FACTOR = 16 };

/* The kubelet keeps 5 files of a log, if not told otherwise. */
enum { DATED_MAX = 64, DATE_LEN = 15 };

/* ---- Names ---- */

/* YYYYMMDD-HHMMSS */
static bool is_date(const char *text)
{
	return strlen(text) == DATE_LEN && strspn(text, "0123456789") == 8 && text[8] == '-' &&
	       strspn(text + 9, "0123456789") == DATE_LEN - 9;
}

/* Puts it where it belongs, the newest first; the oldest falls out. */
static unsigned insert_date(char dates[DATED_MAX][DATE_LEN + 1], unsigned n, const char *date)
{
	unsigned at = n < DATED_MAX ? n : DATED_MAX - 1;
	if (n == DATED_MAX && strcmp(date, dates[at]) < 0)
		return n;
	for (; at > 0 && strcmp(dates[at - 1], date) < 0; at--)
		memcpy(dates[at], dates[at - 1], DATE_LEN + 1);
	memcpy(dates[at], date, DATE_LEN + 1);
	return n < DATED_MAX ? n + 1 : n;
}

/* The nth newest of the kubelet's older files that are not compressed, from 1. */
static bool dated_path(const struct log_file *file, unsigned nth, char ret[LOG_FILE_PATH])
{
	char dates[DATED_MAX][DATE_LEN + 1], folder[LOG_FILE_PATH];
	const char *name = strrchr(file->path, '/') + 1;
	const struct dirent *entry;
	size_t len = strlen(name);
	unsigned n = 0;
	snprintf(folder, sizeof(folder), "%.*s", (int)(name - file->path), file->path);
	DIR *dir = opendir(folder);
	while (dir && (entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, name, len) == 0 && entry->d_name[len] == '.' &&
		    is_date(entry->d_name + len + 1))
			n = insert_date(dates, n, entry->d_name + len + 1);
	if (dir)
		closedir(dir);
	return nth <= n &&
	       snprintf(ret, LOG_FILE_PATH, "%s.%s", file->path, dates[nth - 1]) < LOG_FILE_PATH;
}

/* PATH, PATH.1, …; false: there is none, or it is too long. */
static bool nth_path(const struct log_file *file, unsigned nth, char ret[LOG_FILE_PATH])
{
	if (nth > 0 && file->dated)
		return dated_path(file, nth, ret);
	int n = nth ? snprintf(ret, LOG_FILE_PATH, "%s.%u", file->path, nth)
		    : snprintf(ret, LOG_FILE_PATH, "%s", file->path);
	return n < LOG_FILE_PATH;
}

static bool nth_is(const struct log_file *file, unsigned nth, const struct log_held *held)
{
	char path[LOG_FILE_PATH];
	struct stat status;
	return nth_path(file, nth, path) && stat(path, &status) == 0 &&
	       status.st_dev == held->device && status.st_ino == held->inode;
}

static bool nth_exists(const struct log_file *file, unsigned nth, const char *suffix)
{
	char path[LOG_FILE_PATH], full[LOG_FILE_PATH + 4];
	if (!nth_path(file, nth, path))
		return false;
	snprintf(full, sizeof(full), "%s%s", path, suffix);
	return access(full, F_OK) == 0;
}

/* ---- Descriptors ---- */

/* Not a link, not a device: it is the engine's word against what lies there. */
static int open_nth(const struct log_file *file, unsigned nth, struct log_held *ret)
{
	char path[LOG_FILE_PATH];
	struct stat status;
	if (!nth_path(file, nth, path))
		return -ENOENT;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	int r = fstat(fd, &status) < 0 ? -errno : S_ISREG(status.st_mode) ? 0 : -EINVAL;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret = (struct log_held){fd, status.st_dev, status.st_ino};
	return 0;
}

static void release_first(struct log_file *file)
{
	close(file->held[0].fd);
	file->n--;
	memmove(file->held, file->held + 1, file->n * sizeof(struct log_held));
	file->offset = 0;
	file->too_long = file->nuls = false;
}

void log_file_close(struct log_file *file)
{
	while (file->n > 0)
		release_first(file);
}

/* ---- Where to begin ---- */

/* The first whole record at or behind an offset; false: none in the buffer's reach. */
static bool record_at(int fd, off_t offset, char *buffer, struct log_part *ret, off_t *ret_at)
{
	ssize_t n = pread(fd, buffer, LOG_FILE_BUFFER, offset);
	char *at = buffer, *end = n > 0 ? buffer + n : buffer;
	if (offset > 0) {
		at = memchr(buffer, '\n', (size_t)(end - buffer));
		at = at ? at + 1 : end;
	}
	for (char *newline; (newline = memchr(at, '\n', (size_t)(end - at))) != NULL;
	     at = newline + 1) {
		size_t size = (size_t)(newline - at);
		*ret_at = offset + (at - buffer);
		if (log_record_read(at, size, ret) || log_record_recover(at, size, ret))
			return true;
	}
	return false;
}

/* The last place found, going back by more and more, behind which is all that was not accepted. */
static bool find_cover(int fd, const struct log_begin *begin, off_t *ret)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return false;
	for (off_t window = FIRST_WINDOW;; window *= WINDOW_FACTOR) {
		off_t start = status.st_size > window ? status.st_size - window : 0;
		struct log_part first;
		if (record_at(fd, start, begin->buffer, &first, ret) &&
		    log_resume_covers(begin->resume, &first))
			return true;
		if (start == 0)
			return false;
	}
}

/* Where the last *lines records begin; *lines becomes how many are wanted of older files. */
static off_t find_last_lines(int fd, char *buffer, uint32_t *lines)
{
	struct stat status;
	off_t end = fstat(fd, &status) == 0 ? status.st_size : 0;
	uint32_t wanted = *lines + 1; /* newlines: also that before the first */
	while (end > 0) {
		size_t size = end < LOG_FILE_BUFFER ? (size_t)end : LOG_FILE_BUFFER;
		off_t start = end - (off_t)size;
		ssize_t n = pread(fd, buffer, size, start);
		for (ssize_t i = n - 1; i >= 0; i--)
			if (buffer[i] == '\n' && --wanted == 0) {
				*lines = 0;
				return start + i + 1;
			}
		end = start;
	}
	*lines = wanted > 1 ? wanted - 1 : 0;
	return 0;
}

/* Does reading begin in this file?  Then ret_offset says where. */
static bool begins_in(int fd, const struct log_begin *begin, uint32_t *lines, off_t *ret_offset)
{
	if (!log_resume_is_empty(begin->resume))
		return find_cover(fd, begin, ret_offset);
	if (*lines == 0)
		return false;
	*ret_offset = find_last_lines(fd, begin->buffer, lines);
	return *lines == 0;
}

/* All there is counts from its beginning: was something before it that was not accepted? */
static void note_gap(struct log_file *file, const struct log_begin *begin)
{
	struct log_part first;
	off_t at;
	if (record_at(file->held[0].fd, 0, begin->buffer, &first, &at) &&
	    log_resume_has_gap(begin->resume, &first))
		file->gaps++;
}

/* Backwards through the files.  If more are needed than may be held, newer ones are let go: they
 * are found again by log_file_refresh(). */
static int find_begin(struct log_file *file, const struct log_begin *begin)
{
	uint32_t lines = begin->last_lines;
	for (unsigned nth = 0; nth < OLDEST; nth++) {
		struct log_held held;
		int r = open_nth(file, nth, &held);
		if (r == -ENOENT && nth > 0) {
			if (nth_exists(file, nth + 1, ""))
				return -EAGAIN; /* in the middle of a rotation */
			file->offset = 0;
			note_gap(file, begin);
			return nth_exists(file, nth, ".gz") && !begin->files_only ? -ENOTSUP : 0;
		}
		if (r < 0)
			return r;
		if (file->n == LOG_FILE_HELD)
			close(file->held[--file->n].fd);
		memmove(file->held + 1, file->held, file->n * sizeof(struct log_held));
		file->held[0] = held;
		file->n++;
		if (begins_in(held.fd, begin, &lines, &file->offset))
			return 0;
	}
	return -E2BIG;
}

int log_file_open(struct log_file *file, const char *path, const struct log_begin *begin)
{
	*file = (struct log_file){.dated = begin->dated};
	if (strlen(path) >= LOG_FILE_PATH - DATE_LEN - 8)
		return -ENAMETOOLONG;
	snprintf(file->path, sizeof(file->path), "%s", path);
	int r = find_begin(file, begin);
	/* Rotated between two opens: the names no longer fit together. */
	for (unsigned i = 0; r == 0 && i + 1 < file->n; i++)
		if (file->held[i].inode == file->held[i + 1].inode)
			r = -EAGAIN;
	if (r < 0)
		log_file_close(file);
	return r;
}

/* ---- Rotations ---- */

/* In the middle of a rotation one name may be missing. */
static bool is_last_name(const struct log_file *file, unsigned nth)
{
	return !nth_exists(file, nth, "") && !nth_exists(file, nth + 1, "");
}

/* Where a held file is now; OLDEST: nowhere. */
static unsigned find_name(const struct log_file *file, const struct log_held *held)
{
	for (int attempt = 0; attempt < 3; attempt++)
		for (unsigned nth = 0; nth < OLDEST && !is_last_name(file, nth); nth++)
			if (nth_is(file, nth, held))
				return nth;
	return OLDEST;
}

/* Holds the one that was begun after the newest held.  As names only move up, it is that if the
 * newest has the same name before and after. */
static bool hold_next(struct log_file *file, unsigned nth)
{
	const struct log_held *newest = &file->held[file->n - 1];
	struct log_held next;
	if (open_nth(file, nth - 1, &next) < 0)
		return false;
	if (!nth_is(file, nth, newest)) {
		close(next.fd);
		return false;
	}
	file->held[file->n++] = next;
	return true;
}

/* The newest held is gone: on with the oldest there is. */
static bool hold_oldest(struct log_file *file)
{
	unsigned nth = 0;
	while (nth < OLDEST && !is_last_name(file, nth))
		nth++;
	if (!nth_exists(file, nth, ".gz"))
		file->gaps++;
	while (nth-- > 0)
		if (open_nth(file, nth, &file->held[file->n]) == 0) {
			file->n++;
			return true;
		}
	return false;
}

bool log_file_refresh(struct log_file *file)
{
	unsigned before = file->n;
	/* Between two renames, or the container is being removed. */
	file->missing = !nth_exists(file, 0, "");
	while (!file->missing && file->n < LOG_FILE_HELD) {
		unsigned nth = find_name(file, &file->held[file->n - 1]);
		if (nth == 0)
			break;
		/* If a rotation came in between, search again. */
		if (nth < OLDEST)
			hold_next(file, nth);
		else if (!hold_oldest(file))
			break;
		file->missing = !nth_exists(file, 0, "");
	}
	return file->n > before;
}

/* ---- Reading ---- */

static void note_damage(struct log_file *file, off_t at)
{
	if (file->damaged++ == 0)
		file->damaged_at = at;
}

/* A power cut leaves them where data never reached the disk.  Returns how many there are. */
static size_t skip_nuls(struct log_file *file, const char *at, const char *end, off_t offset)
{
	const char *behind = at;
	while (behind < end && *behind == '\0')
		behind++;
	if (behind > at && !file->nuls)
		note_damage(file, offset);
	file->nuls = behind > at && behind == end;
	return (size_t)(behind - at);
}

/* false: there is none. */
static bool read_record(struct log_file *file, char *at, size_t len, off_t offset,
			struct log_part *ret)
{
	bool whole = !file->too_long;
	bool fine = whole && log_record_read(at, len, ret);
	file->too_long = false;
	if (!fine) {
		note_damage(file, offset);
		fine = whole && log_record_recover(at, len, ret);
		file->foreign += whole && !fine && len > 0;
	}
	file->records += fine;
	return fine;
}

/* The whole records of a chunk.  Returns the bytes done with. */
static size_t read_records(struct log_file *file, char *bytes, size_t len, log_part_fn *part,
			   void *arg, enum log_outcome *ret_outcome)
{
	char *at = bytes, *end = bytes + len;
	while (*ret_outcome == LOG_MORE) {
		struct log_part record;
		if (!file->too_long)
			at += skip_nuls(file, at, end, file->offset + (at - bytes));
		char *newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			break;
		bool fine = read_record(file, at, (size_t)(newline - at),
					file->offset + (at - bytes), &record);
		at = newline + 1;
		if (fine)
			*ret_outcome = part(arg, &record);
	}
	return (size_t)(at - bytes);
}

int log_file_read(struct log_file *file, char *buffer, log_part_fn *part, void *arg)
{
	enum log_outcome outcome = LOG_MORE;
	size_t wanted = LOG_FILE_CHUNK, done = 0;
	ssize_t n;
	do {
		n = pread(file->held[0].fd, buffer, wanted, file->offset);
		if (n < 0)
			return -errno;
		done = read_records(file, buffer, (size_t)n, part, arg, &outcome);
		wanted *= 2;
	} while (done == 0 && n > 0 && (size_t)n * 2 == wanted && wanted <= LOG_FILE_BUFFER);
	if (done == 0 && n == LOG_FILE_BUFFER) {
		file->too_long = true;
		done = LOG_FILE_BUFFER;
	}
	file->offset += (off_t)done;
	if (outcome != LOG_MORE || done > 0)
		return outcome;
	struct stat status;
	if (fstat(file->held[0].fd, &status) == 0 && status.st_size < file->offset) {
		/* Truncated and written from its beginning, as with max-file=1. */
		file->offset = 0;
		file->gaps++;
	} else if (file->n > 1) {
		release_first(file);
	} else {
		return LOG_END;
	}
	return LOG_MORE;
}

bool log_file_has_record(const struct log_file *file, char *buffer)
{
	struct log_part first;
	off_t at;
	return file->n > 0 && record_at(file->held[0].fd, 0, buffer, &first, &at);
}
