/*
 * A line is written by opening the file, appending and closing it again: rejected rows are rare,
 * and so an operator may move the file away at any time.  writer_fault.c calls this on the
 * instance's thread after the transaction's COMMIT, so a row is in the file only if the rest of its
 * batch is stored. The limit, a full disk, a folder without rights: logged, and nothing else; the
 * row is counted as rejected either way.
 */
#include "write/dead_letter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/folder.h"
#include "base/json_writer.h"
#include "base/json_cell.h"

static void dead_letter_line(struct json_writer *json, int64_t now, const struct tally_batch *batch,
			     uint32_t row, const char *why)
{
	const struct tally_table *table = batch->table;
	const struct tally_cell *cells = batch->cells + (size_t)row * table->n_columns;
	json_begin_object(json);
	json_write_key(json, "rejected_at");
	json_write_time(json, now);
	json_write_key(json, "table");
	json_write_string(json, table->name);
	json_write_key(json, "why");
	json_write_string(json, why);
	json_write_key(json, "row");
	json_begin_object(json);
	for (uint32_t c = 0; c < table->n_columns; c++) {
		uint16_t type = table->columns[c].type;
		json_write_key(json, table->columns[c].name);
		/* JSON as a text: that it is none may be why the row was rejected. */
		json_write_cell(json, type == TALLY_JSON ? (uint16_t)TALLY_TEXT : type, &cells[c]);
	}
	json_end_object(json);
	json_end_object(json);
	json_write_raw(json, "\n", 1);
}

static int dead_letter_path(const struct dead_letter *dead, char *ret, size_t size)
{
	int len =
		snprintf(ret, size, "%s/%s.rejected.ndjson", dead->ctx->state_dir, dead->ctx->name);
	return len >= (int)size ? -ENAMETOOLONG : 0;
}

static int dead_letter_append(const struct dead_letter *dead, const struct json_writer *json)
{
	char path[512];
	struct stat stat;
	if (dead_letter_path(dead, path, sizeof(path)) < 0)
		return -ENAMETOOLONG;
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &stat) < 0)
		return -errno;
	/* It stops rather than rotates: the first rows tell why, the millionth tells nothing new.
	 */
	if (stat.st_size + (int64_t)json->len > dead->max)
		return -EFBIG;
	ssize_t n = write(fd, json->data, json->len);
	if (n < 0)
		return -errno;
	return (size_t)n < json->len ? -ENOSPC : 0;
}

void dead_letter_put(const struct dead_letter *dead, const struct tally_batch *batch, uint32_t row,
		     const char *why)
{
	struct json_writer json;
	if (dead->max == 0)
		return;
	json_writer_init(&json, 1 << 20);
	dead_letter_line(&json, tally_now(dead->ctx), batch, row, why);
	int r = json.error ? json.error : dead_letter_append(dead, &json);
	json_writer_done(&json);
	if (r < 0)
		tally_log(dead->ctx, TALLY_WARNING,
			  "cannot keep a rejected row in the dead-letter file: %s", strerror(-r));
}

void dead_letter_flush(const struct dead_letter *dead)
{
	char path[512];
	if (dead->max == 0 || dead_letter_path(dead, path, sizeof(path)) < 0)
		return;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	/* The folder, too: else a power cut may leave the file without its name. */
	int r = fd < 0 || fdatasync(fd) < 0 ? -errno : folder_flush_of(path);
	if (r < 0)
		tally_log(dead->ctx, TALLY_WARNING, "%s: cannot flush: %s", path, strerror(-r));
}
