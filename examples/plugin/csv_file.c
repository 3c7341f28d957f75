/*
 * An output for tallyd: appends rows to one CSV file per table, DIRECTORY/TABLE.csv, whose first
 * line names the columns.  A batch gets the verdict DONE once fsync() has returned, never before.
 * One that could not be written whole is cut off again and offered again; if the machine dies
 * between fsync() and the verdict, it is written twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <tallyd/host.h>

struct csv_file_config {
	const char *directory;
};
static const struct tally_option options[] = {
	{.name = "directory",
	 .type = TALLY_OPT_STRING,
	 .flags = TALLY_OPT_REQUIRED,
	 .help = "where TABLE.csv is written; must exist",
	 .offset = offsetof(struct csv_file_config, directory)},
	{.name = NULL},
};
struct csv_file {
	struct tally_ctx *ctx;
	const struct csv_file_config *config;
	int directory;
};

static void csv_file_put_cell(FILE *out, uint16_t type, const struct tally_cell *cell)
{
	if (!cell->set)
		return; /* NULL is nothing between two commas; an empty text is "" */
	if (type == TALLY_REAL) {
		fprintf(out, "%.15g", cell->f);
	} else if (type != TALLY_TEXT && type != TALLY_JSON) {
		fprintf(out, "%" PRId64, cell->i); /* TIME, INT, BOOL */
	} else {
		fputc('"', out);
		for (uint32_t i = 0; i < cell->len; i++)
			fprintf(out, cell->text[i] == '"' ? "\"%c" : "%c", cell->text[i]);
		fputc('"', out);
	}
}

/* The rows, or without a batch the names of the columns. */
static void csv_file_put(FILE *out, const struct tally_table *table,
			 const struct tally_batch *batch)
{
	uint32_t n = table->n_columns;
	for (size_t i = 0; i < (batch ? (size_t)batch->n_rows * n : n); i++) {
		if (batch)
			csv_file_put_cell(out, table->columns[i % n].type, &batch->cells[i]);
		else
			fputs(table->columns[i].name, out);
		fputc(i % n + 1 < n ? ',' : '\n', out);
	}
}

/* All of it, safe on disk, or the file as it was. */
static int csv_file_append(int fd, const char *text, size_t len)
{
	off_t start = lseek(fd, 0, SEEK_END);
	ssize_t written = write(fd, text, len);
	if (written == (ssize_t)len && fsync(fd) == 0)
		return 0;
	int error = written >= 0 && written < (ssize_t)len ? ENOSPC : errno;
	return ftruncate(fd, start) < 0 ? -EIO : -error;
}

static int csv_file_add(struct csv_file *csv, const struct tally_table *table,
			const struct tally_batch *batch)
{
	char name[64], *text = NULL;
	size_t len = 0;
	snprintf(name, sizeof(name), "%s.csv", table->name);
	int fd = openat(csv->directory, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	FILE *out = fd < 0 ? NULL : open_memstream(&text, &len);
	int r = out ? 0 : -errno;
	if (out) {
		if (batch || lseek(fd, 0, SEEK_END) == 0)
			csv_file_put(out, table, batch);
		r = fclose(out) == 0 ? csv_file_append(fd, text, len) : -ENOMEM;
	}
	free(text);
	if (fd >= 0)
		close(fd);
	return r < 0 ? tally_fail(csv->ctx, -r, "%s: %s", name, strerror(-r)) : 0;
}

/* Called for each table before its first batch. */
static int csv_file_prepare(void *self, const struct tally_table *table)
{
	struct csv_file *csv = self;
	int r = csv_file_add(csv, table, NULL);
	return r == 0 && fsync(csv->directory) < 0 ? -errno : r;
}

static int csv_file_write(void *self, const struct tally_entry *entries, uint32_t n,
			  uint8_t *verdicts)
{
	for (uint32_t i = 0; i < n; i++) {
		int r = csv_file_add(self, entries[i].batch->table, entries[i].batch);
		if (r < 0)
			return r; /* verdicts given stand; the rest is offered again */
		verdicts[i] = TALLY_DONE;
	}
	return 0;
}

static int csv_file_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	struct csv_file *csv = malloc(sizeof(*csv));
	if (!csv)
		return tally_fail(ctx, ENOMEM, "no memory");
	*csv = (struct csv_file){.ctx = ctx, .config = config};
	*ret_self = csv;
	return 0;
}

/* Called again, after a while, for as long as it fails. */
static int csv_file_start(void *self)
{
	struct csv_file *csv = self;
	const char *path = csv->config->directory;
	csv->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return csv->directory < 0 ? tally_fail(csv->ctx, errno, "%s: %s", path, strerror(errno))
				  : 0;
}

static void csv_file_stop(void *self)
{
	close(((struct csv_file *)self)->directory);
}

static const struct tally_output output = {
	.size = sizeof(output), .prepare = csv_file_prepare, .write = csv_file_write};

TALLY_PLUGIN(.name = "csv_file", .version = "1.0.0", .help = "Appends rows to CSV files.",
	     .options = options, .config_size = sizeof(struct csv_file_config),
	     .create = csv_file_create, .start = csv_file_start, .stop = csv_file_stop,
	     .destroy = free, .output = &output)
