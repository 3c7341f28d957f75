/*
 * The files of one container's log, as the engine's json-file driver writes them: PATH, and the
 * older PATH.1, PATH.2, … which it makes by renaming at a rotation (Podman keeps one file, and puts
 * a new one in its place).  The kubelet calls older ones PATH.YYYYMMDD-HHMMSS instead, and
 * compresses all but the newest of them.  Files are recognised by their inode, and their
 * descriptors are held until they are read to the end, whatever they are called by then.
 *
 * Happy path: log_file_open() finds where to begin, from the end backwards; log_file_read() reads
 * chunk by chunk until there is no more; then, whenever something may have been written,
 * log_file_refresh() and log_file_read() again.  What can fail: no such file, or no right to it; a
 * file that is needed is compressed; files that were written and removed between two calls (a gap).
 * Called by source_file.c, on the input's thread.
 */
#ifndef TALLYD_LOG_FILE_H
#define TALLYD_LOG_FILE_H

#include <sys/types.h>

#include "logs/log_resume.h"

enum {
	LOG_FILE_PATH = 1024,
	LOG_FILE_HELD = 16,
	LOG_FILE_CHUNK = 256 << 10,
	LOG_FILE_BUFFER = 1 << 20
};

/* An open file, whatever its name is now. */
struct log_held {
	int fd;
	dev_t device;
	ino_t inode;
};

struct log_file {
	char path[LOG_FILE_PATH];
	bool dated;                          /* older files have the kubelet's names */
	struct log_held held[LOG_FILE_HELD]; /* oldest first; the first is being read */
	unsigned n;
	off_t offset;  /* in the first, behind its last whole record */
	bool too_long; /* within a record that is longer than the buffer */
	bool missing;  /* nothing is at the path at this moment */
	bool nuls;     /* within a run of NULs */
	/* Until the caller counts them and sets them to 0. */
	uint64_t gaps, damaged; /* files missed; places where no record could be read */
	off_t damaged_at;       /* the first of these places */
	/* Since it was opened. */
	uint64_t records, foreign; /* lines that are a record; lines in which there is none */
};

/* Where to begin in a log: behind the position, else with the last lines. */
struct log_begin {
	const struct log_resume *resume;
	uint32_t last_lines; /* if nothing was accepted before; 0: all */
	bool dated;          /* older files have the kubelet's names */
	bool files_only;     /* if a file that is needed is compressed, begin after it */
	char *buffer;        /* LOG_FILE_BUFFER bytes */
};

/* 0; -ENOTSUP: a file that is needed is compressed; -EAGAIN: in the middle of a rotation; -errno.
 * On failure nothing is open. */
int log_file_open(struct log_file *file, const char *path, const struct log_begin *begin);
void log_file_close(struct log_file *file);

/* Looks for a rotation.  true: there is a new file at the path.  LOG_END of a later read means the
 * end of the log only if this was called before. */
bool log_file_refresh(struct log_file *file);

/* Is there any record at the beginning of the oldest file held? */
bool log_file_has_record(const struct log_file *file, char *buffer);

/* One chunk.  LOG_MORE, LOG_END, what else part() returned, or -errno. */
int log_file_read(struct log_file *file, char *buffer, log_part_fn *part, void *arg);

#endif
