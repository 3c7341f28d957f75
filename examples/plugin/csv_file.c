/*
 * An output for tallyd: appends rows to one CSV file per table, DIRECTORY/TABLE.csv, whose first
 * line names the columns.  A batch gets the verdict DONE once fsync() has returned, never before.
 * One that could not be written whole is cut off again and stays TALLY_RETRY; if the machine dies
 * between fsync() and the verdict, it is written twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
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
};

static void csv_file_put_cell(FILE *out, uint16_t type, const struct tally_cell *cell)
{
	if (!cell->set)
		return; /* NULL is nothing between two commas; an empty text is "" */
	if (type == TALLY_REAL) {
		fprintf(out, "%.17g", cell->f);
	} else if (type != TALLY_TEXT && type != TALLY_JSON) {
		fprintf(out, "%" PRId64, cell->i); /* TIME, INT, BOOL */
	} else {
		fputc('"', out);
		for (uint32_t i = 0; i < cell->len; i++)
			fprintf(out, cell->text[i] == '"' ? "\"%c" : "%c", cell->text[i]);
		fputc('"', out);
	}
}

static void csv_file_put_rows(FILE *out, const struct tally_batch *batch, bool header)
{
	const struct tally_table *table = batch->table;
	for (uint32_t c = 0; header && c < table->n_columns; c++)
		fprintf(out, "%s%c", table->columns[c].name, c + 1 < table->n_columns ? ',' : '\n');
	for (size_t i = 0; i < (size_t)batch->n_rows * table->n_columns; i++) {
		uint32_t c = (uint32_t)(i % table->n_columns);
		csv_file_put_cell(out, table->columns[c].type, &batch->cells[i]);
		fputc(c + 1 < table->n_columns ? ',' : '\n', out);
	}
}

/* All of it, safe on disk, or the file as it was. */
static int csv_file_append(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	off_t start = lseek(fd, 0, SEEK_END);
	ssize_t written = write(fd, text, len);
	int r = written < 0 || fsync(fd) < 0 ? -errno : 0;
	if (r == 0 && (size_t)written < len)
		r = -ENOSPC;
	if (r < 0 && ftruncate(fd, start) < 0)
		r = -EIO; /* some lines may be there twice */
	close(fd);
	return r;
}

static int csv_file_write_batch(struct csv_file *csv, const struct tally_batch *batch)
{
	char path[PATH_MAX], *text = NULL;
	size_t len = 0;
	snprintf(path, sizeof(path), "%s/%s.csv", csv->config->directory, batch->table->name);
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return tally_fail(csv->ctx, errno, "no memory");
	csv_file_put_rows(out, batch, access(path, F_OK) < 0);
	int r = fclose(out) == 0 ? csv_file_append(path, text, len) : -ENOMEM;
	free(text);
	return r < 0 ? tally_fail(csv->ctx, -r, "%s: %s", path, strerror(-r)) : 0;
}

static int csv_file_write(void *self, const struct tally_entry *entries, uint32_t n,
			  uint8_t *verdicts)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = csv_file_write_batch(self, entries[i].batch);
		verdicts[i] = r == 0 ? TALLY_DONE : TALLY_RETRY;
	}
	return r; /* verdicts given stand; the rest is offered again */
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

static const struct tally_output output = {.size = sizeof(output), .write = csv_file_write};

TALLY_PLUGIN(.name = "csv_file", .version = "1.0.0", .help = "Appends rows to CSV files.",
	     .options = options, .config_size = sizeof(struct csv_file_config),
	     .create = csv_file_create, .destroy = free, .output = &output)
