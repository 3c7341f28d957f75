/*
 * Inputs call it on their own thread: reading once at the start, writing after a round in which
 * something changed.  Flushed before the rename, since a rename may reach the disk before the bytes
 * do, and an empty file under the right name is worse than an old one.  A file that cannot be read
 * is only a gap in what is noticed, so reading it never fails a start.
 */
#include "state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

static const off_t memory_max = INT64_C(64) << 20;

static bool is_kept(const struct tally_ctx *ctx)
{
	return strcmp(ctx->producer, "once") != 0;
}

static bool path_of(const struct tally_ctx *ctx, const char *end, char ret[PATH_MAX])
{
	int len = snprintf(ret, PATH_MAX, "%s/%s%s", ctx->state_dir, ctx->name, end);
	if (len < 0 || len >= PATH_MAX)
		return false;
	for (char *c = ret + strlen(ctx->state_dir) + 1; *c; c++)
		if (*c == '/')
			*c = '_';
	return true;
}

/* ---- Writing ---- */

static int write_file(const char *path, const char *bytes, size_t len)
{
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return fdatasync(fd) < 0 ? -errno : 0;
}

int state_file_replace(struct tally_ctx *ctx, const char *path, const void *bytes, size_t len)
{
	char fresh[PATH_MAX];
	int fresh_len = snprintf(fresh, sizeof(fresh), "%s.new", path);
	if (fresh_len < 0 || fresh_len >= PATH_MAX)
		return tally_fail(ctx, ENAMETOOLONG, "the state directory's name is too long");
	int r = write_file(fresh, bytes, len);
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	return r < 0 ? tally_fail(ctx, -r, "%s: %s", fresh, strerror(-r)) : 0;
}

int state_file_write_part(struct tally_ctx *ctx, const char *part, const void *bytes, size_t len)
{
	char path[PATH_MAX], end[64];
	if (!is_kept(ctx))
		return 0;
	snprintf(end, sizeof(end), ".%s", part);
	if (!path_of(ctx, end, path))
		return tally_fail(ctx, ENAMETOOLONG, "the state directory's name is too long");
	return state_file_replace(ctx, path, bytes, len);
}

int state_file_write(struct tally_ctx *ctx, const void *bytes, size_t len)
{
	return state_file_write_part(ctx, "rows", bytes, len);
}

/* ---- Reading ---- */

/* The caller frees *ret. */
static int read_file(const char *path, char **ret, size_t *ret_len)
{
	struct stat file;
	size_t len = 0;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &file) < 0)
		return -errno;
	if (file.st_size > memory_max)
		return -EFBIG;
	size_t size = (size_t)file.st_size;
	auto_free char *bytes = malloc(size + 1);
	if (!bytes)
		return -ENOMEM;
	while (len < size) {
		ssize_t n = read(fd, bytes + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	bytes[len] = '\0';
	*ret = TAKE(bytes);
	*ret_len = len;
	return 0;
}

int state_file_read_part(struct tally_ctx *ctx, const char *part, char **ret, size_t *ret_len)
{
	char path[PATH_MAX], end[64];
	snprintf(end, sizeof(end), ".%s", part);
	if (!is_kept(ctx) || !path_of(ctx, end, path))
		return -ENOENT;
	return read_file(path, ret, ret_len);
}

/* Rows that an older version wrote: columns were only appended since, and are NULL. */
static struct tally_batch *widen(struct tally_ctx *ctx, const struct tally_table *table,
				 const struct tally_batch *old)
{
	struct tally_batch *batch = tally_batch_new(ctx, table);
	bool failed = !batch;
	for (uint32_t i = 0; !failed && i < old->n_rows; i++) {
		const struct tally_cell *from = old->cells + (size_t)i * old->table->n_columns;
		struct tally_cell *row = tally_batch_row(ctx, batch);
		failed = !row;
		for (uint32_t c = 0; !failed && c < old->table->n_columns; c++) {
			uint16_t type = table->columns[c].type;
			bool text = type == TALLY_TEXT || type == TALLY_JSON;
			if (text && from[c].set)
				failed = tally_put_text(ctx, batch, row, c, from[c].text,
							from[c].len) < 0;
			else
				row[c] = from[c];
		}
	}
	if (failed && batch)
		tally_batch_drop(ctx, batch);
	return failed ? NULL : batch;
}

int state_file_read(struct tally_ctx *ctx, const struct tally_table *table,
		    struct tally_batch **ret)
{
	char path[PATH_MAX];
	auto_free char *bytes = NULL;
	struct tally_batch *batch = NULL;
	size_t len = 0;
	if (!is_kept(ctx) || !path_of(ctx, ".rows", path))
		return -ENOENT;
	int r = read_file(path, &bytes, &len);
	if (r == -ENOENT)
		return r;
	if (r == 0)
		(void)tally_batch_decode(ctx, bytes, len, &batch);
	if (!batch) {
		tally_log(ctx, TALLY_WARNING,
			  "%s: cannot be read: what went while the daemon was down stays unnoticed",
			  path);
		return -ENOENT;
	}
	const struct tally_table *stored = batch->table;
	bool same = table->revision == stored->revision && table->n_columns == stored->n_columns;
	bool older = table->revision > stored->revision && table->n_columns >= stored->n_columns;
	struct tally_batch *fitting = NULL;
	if (strcmp(table->name, stored->name) == 0 && older)
		fitting = widen(ctx, table, batch);
	else if (strcmp(table->name, stored->name) == 0 && same)
		fitting = batch;
	if (fitting != batch)
		tally_batch_drop(ctx, batch);
	if (!fitting)
		return -ENOENT;
	*ret = fitting;
	return 0;
}
