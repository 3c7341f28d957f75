/*
 * Called by positions.c on the main thread, without its lock: the text is made under the lock, in
 * memory, and written here.  Writing: PATH.new → fsync() → rename() → fsync() of the folder;
 * without the last one the rename itself may be gone after a power cut.
 *
 * Reading takes the file whole, checks CRC32C and head, and only then looks at lines.  Damage is
 * -EBADMSG and never half a file: a position that is too far ahead would lose rows silently, none
 * at all only makes inputs begin anew.
 */
#include "pipeline/positions_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/crc32c.h"
#include "base/folder.h"

static const char positions_file_head[] = "tallyd positions 1\n";
enum {
	POSITIONS_FILE_MAX = 16 * 1024 * 1024,
	POSITIONS_FILE_TAIL = sizeof("crc32c 01234567\n") - 1,
};

/* ---- Writing ------------------------------------------------------------------ */

void positions_file_begin(FILE *file)
{
	fputs(positions_file_head, file);
}

static void positions_file_escape(FILE *file, const char *text)
{
	for (; *text; text++) {
		bool special = *text == '\\' || *text == '\t' || *text == '\n';
		if (special)
			putc('\\', file);
		putc(*text == '\t' ? 't' : *text == '\n' ? 'n' : *text, file);
	}
}

void positions_file_line(FILE *file, const char *source, const char *position)
{
	positions_file_escape(file, source);
	putc('\t', file);
	positions_file_escape(file, position);
	putc('\n', file);
}

/* Names of sources come from foreign systems and may hold anything but NUL. */
static int positions_file_put(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int positions_file_fill(const char *path, const char *text, size_t len,
			       struct file_place *ret)
{
	char tail[POSITIONS_FILE_TAIL + 1];
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	snprintf(tail, sizeof(tail), "crc32c %08" PRIx32 "\n", crc32c(text, len));
	int r = positions_file_put(fd, text, len);
	if (r == 0)
		r = positions_file_put(fd, tail, POSITIONS_FILE_TAIL);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0)
		file_place_note_open(ret, fd);
	return r;
}

/* Written beside, flushed, renamed and the folder flushed: a power cut leaves the old file or
 * the new one, never half of either. */
int positions_file_write(const char *path, const char *text, size_t len, struct file_place *ret,
			 struct error *error)
{
	auto_free char *fresh = NULL;
	struct file_place place = {0};
	if (asprintf(&fresh, "%s.new", path) < 0) {
		fresh = NULL;
		return error_set(error, ENOMEM, "out of memory");
	}
	int r = positions_file_fill(fresh, text, len, &place);
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r == 0)
		r = folder_flush_of(path);
	if (r < 0)
		return error_set(error, -r, "cannot write %s: %s", path, strerror(-r));
	*ret = place;
	return 0;
}

/* ---- Reading ------------------------------------------------------------------ */

/* In place; false: a backslash before nothing known. */
static bool positions_file_unescape(char *text)
{
	char *to = text;
	for (; *text; text++) {
		char c = *text;
		if (c == '\\') {
			c = *++text;
			if (c != '\\' && c != 't' && c != 'n')
				return false;
			c = c == 't' ? '\t' : c == 'n' ? '\n' : '\\';
		}
		*to++ = c;
	}
	*to = '\0';
	return true;
}

/* Read whole: it is at most some megabytes, and the checksum at its end must be known before a
 * line is believed. */
static int positions_file_load(const char *path, char **ret, size_t *ret_len)
{
	struct stat st;
	auto_fclose FILE *file = fopen(path, "re");
	if (!file || fstat(fileno(file), &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > POSITIONS_FILE_MAX)
		return -EBADMSG;
	auto_free char *text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	size_t len = fread(text, 1, (size_t)st.st_size, file);
	if (ferror(file))
		return -EIO;
	text[len] = '\0';
	*ret_len = len;
	*ret = TAKE(text);
	return 0;
}

/* Cuts the checksum's line off. */
static bool positions_file_is_whole(char *text, size_t len)
{
	char tail[POSITIONS_FILE_TAIL + 1];
	if (len < POSITIONS_FILE_TAIL + sizeof(positions_file_head) - 1 || strlen(text) != len)
		return false;
	len -= POSITIONS_FILE_TAIL;
	snprintf(tail, sizeof(tail), "crc32c %08" PRIx32 "\n", crc32c(text, len));
	if (strcmp(text + len, tail) != 0)
		return false;
	text[len] = '\0';
	return strncmp(text, positions_file_head, sizeof(positions_file_head) - 1) == 0;
}

static int positions_file_lines(char *text, positions_file_fn *each, void *arg)
{
	char *rest = text;
	for (char *line = strsep(&rest, "\n"); rest; line = strsep(&rest, "\n")) {
		char *source = strsep(&line, "\t");
		if (!line || !positions_file_unescape(source) || !positions_file_unescape(line))
			return -EBADMSG;
		int r = each(arg, source, line);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The checksum is checked before any line is believed. */
int positions_file_read(const char *path, positions_file_fn *each, void *arg, struct error *error)
{
	auto_free char *text = NULL;
	size_t len = 0;
	int r = positions_file_load(path, &text, &len);
	if (r == 0 && !positions_file_is_whole(text, len))
		r = -EBADMSG;
	if (r == 0)
		r = positions_file_lines(text + sizeof(positions_file_head) - 1, each, arg);
	if (r == -EBADMSG)
		return error_set(error, EBADMSG, "%s is damaged", path);
	if (r < 0)
		return error_set(error, -r, "cannot read %s: %s", path, strerror(-r));
	return 0;
}
