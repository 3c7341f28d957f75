/*
 * The files of one container's log as the engine's json-file driver writes them: PATH, and before
 * it PATH.1, PATH.2, … which it makes by renaming at a rotation (Podman keeps one file, and puts a
 * new one in its place).  Files are known by their inode, and their descriptors are held until they
 * are read to the end, whatever they are called by then.
 *
 * Happy path: log_file_open() finds where to begin, from the end backwards; log_file_read() chunk
 * by chunk until there is no more; then, whenever something may have been written,
 * log_file_refresh() and read again. What can fail: no such file, or no right to it; what is needed
 * is compressed; files that were written and removed between two looks (a gap).  Reads local files
 * only; one thread.
 */
#ifndef TALLYD_LOG_FILE_H
#define TALLYD_LOG_FILE_H

#include <sys/types.h>

#include "lines/log_resume.h"

enum {
	LOG_FILE_PATH = 1024,
	LOG_FILE_HELD = 16,
	LOG_FILE_CHUNK = 256 << 10,
	LOG_FILE_BUFFER = 1 << 20
};

struct log_held {
	int fd;
	dev_t device;
	ino_t inode;
};

struct log_file {
	char path[LOG_FILE_PATH];
	struct log_held held[LOG_FILE_HELD]; /* oldest first; the first is being read */
	unsigned n;
	off_t offset;  /* in the first, behind its last whole record */
	bool too_long; /* within a record that is longer than the buffer */
	bool missing;  /* nothing is at the path at this moment */
	bool nuls;     /* within a run of NULs */
	uint64_t gaps,
		damaged;  /* files missed; places with no record, until the caller takes them */
	off_t damaged_at; /* the first of them */
	uint64_t records, foreign; /* since it was opened: records; lines that are none */
};

/* Where to begin in a log. */
struct log_begin {
	const struct log_resume *resume;
	uint32_t last_lines; /* if nothing was accepted before; 0: all */
	bool files_only;     /* as the files go, if what is needed is compressed */
	char *buffer;        /* LOG_FILE_BUFFER bytes */
};

/* 0; -ENOTSUP: what is needed is compressed; -errno.  At failure nothing is open. */
int log_file_open(struct log_file *file, const char *path, const struct log_begin *begin);
void log_file_close(struct log_file *file);

/* Looks for a rotation; call it before reading up to an end that is to count.  true: there is a
 * new file at the path. */
bool log_file_refresh(struct log_file *file);

/* Is there any record at the beginning of the oldest file held? */
bool log_file_has_record(const struct log_file *file, char *buffer);

/* One chunk.  LOG_MORE, LOG_END, what else part() returned, or -errno. */
int log_file_read(struct log_file *file, char *buffer, log_part_fn *part, void *arg);

#endif
