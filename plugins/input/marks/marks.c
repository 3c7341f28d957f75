/*
 * marks: what somebody wants to be seen beside the changes that tallyd finds, such as "deploy 1.2.3
 * begins".  `tallyd mark` puts a file into a folder, under another name first; gather() makes a row
 * of container_changes of each and removes the file once the row was taken.  So whoever may write
 * to the folder may set marks, nothing listens, and a mark that is set while the daemon is down
 * waits.
 *
 * What can fail: a file that is no mark is removed, counted and logged; a row that is not taken
 * leaves its file for the next time.  A file that outlives its row, after a crash, gives the same
 * row again.  The instance's thread.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "changes/changes_table.h"
#include "json_tree.h"

enum { MARKS_FILE = 8192, MARKS_ROUND = 256 };

struct marks_config {
	const char *path;
};

enum marks_metric { METRIC_INVALID };

struct marks {
	struct tally_ctx *ctx;
	char path[PATH_MAX];
};

/* ---- One file -------------------------------------------------------------- */

/* Bytes read; -errno.  Neither a link nor a pipe is followed. */
static ssize_t read_mark(int folder, const char *name, char text[MARKS_FILE])
{
	struct stat file;
	auto_close int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &file) < 0)
		return -errno;
	if (!S_ISREG(file.st_mode) || file.st_size > MARKS_FILE)
		return -EINVAL;
	ssize_t len = read(fd, text, MARKS_FILE);
	return len < 0 ? -errno : len;
}

/* -EINVAL: it is none. */
static int add_mark(struct marks *marks, struct tally_batch *batch, const char *text, size_t len)
{
	auto_json json_t *document = json_loadb(text, len, 0, NULL);
	const json_t *time = json_object_get(document, "time");
	const char *what = json_tree_text(document, "text");
	if (!json_is_integer(time) || json_integer_value(time) <= 0 || !what || !*what)
		return -EINVAL;
	auto_json json_t *after = json_pack("{s:s}", "text", what);
	auto_free char *object = json_dumps(after, JSON_COMPACT);
	const struct changes_row row = {
		.time = json_integer_value(time),
		.texts = {[CHANGES_SERVICE] = json_tree_text(document, "service"),
			  [CHANGES_KIND] = "mark",
			  [CHANGES_AFTER] = object}};
	return object ? changes_row_add(marks->ctx, batch, &row) : -ENOMEM;
}

/* ---- A round ----------------------------------------------------------------- */

static int is_mark(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);
	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".mark") == 0;
}

static int take_mark(struct marks *marks, int folder, const char *name, struct tally_batch *batch)
{
	char text[MARKS_FILE];
	ssize_t len = read_mark(folder, name, text);
	int r = len < 0 ? (int)len : add_mark(marks, batch, text, (size_t)len);
	if (r == 0 || r == -ENOMEM)
		return r;
	tally_count(marks->ctx, METRIC_INVALID, 1);
	tally_log(marks->ctx, TALLY_WARNING, "%s/%.100s is not a mark, and is removed: %s",
		  marks->path, name,
		  r == -EINVAL ? "it was not written by `tallyd mark`" : strerror(-r));
	unlinkat(folder, name, 0);
	return 0;
}

static int take_all(struct marks *marks, int folder, struct dirent **entries, int n)
{
	struct tally_batch *batch = tally_batch_new(marks->ctx, &changes_table);
	int r = batch ? 0 : -ENOMEM, taken = 0;
	for (; r == 0 && taken < n && taken < MARKS_ROUND; taken++)
		r = take_mark(marks, folder, entries[taken]->d_name, batch);
	if (r < 0) {
		if (batch)
			tally_batch_drop(marks->ctx, batch);
		return tally_fail(marks->ctx, ENOMEM, "no memory for marks");
	}
	if (batch->n_rows > 0)
		r = tally_emit(marks->ctx, batch, NULL, NULL);
	else
		tally_batch_drop(marks->ctx, batch);
	for (int i = 0; r == 0 && i < taken; i++)
		unlinkat(folder, entries[i]->d_name, 0);
	return r;
}

static int marks_gather(void *arg)
{
	struct marks *marks = arg;
	struct dirent **entries = NULL;
	auto_close int folder = open(marks->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int n = folder < 0 ? -1 : scandirat(folder, ".", &entries, is_mark, alphasort);
	if (n < 0)
		return tally_fail(marks->ctx, errno, "path: cannot read the folder %s: %s",
				  marks->path, strerror(errno));
	int r = n > 0 ? take_all(marks, folder, entries, n) : 0;
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	return r;
}

/* ---- The plugin ------------------------------------------------------------------ */

static int marks_start(void *arg)
{
	struct marks *marks = arg;
	if (mkdir(marks->path, 0700) < 0 && errno != EEXIST)
		return tally_fail(marks->ctx, errno, "path: cannot make the folder %s: %s",
				  marks->path, strerror(errno));
	return 0;
}

static void marks_destroy(void *arg)
{
	free(arg);
}

static int marks_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	const char *path = ((const struct marks_config *)config)->path;
	auto_free struct marks *marks = calloc(1, sizeof(*marks));
	if (!marks)
		return tally_fail(ctx, ENOMEM, "no memory");
	marks->ctx = ctx;
	int len = path ? snprintf(marks->path, sizeof(marks->path), "%s", path)
		       : snprintf(marks->path, sizeof(marks->path), "%s/marks", ctx->state_dir);
	if (len < 0 || (size_t)len >= sizeof(marks->path))
		return tally_fail(ctx, ENAMETOOLONG, "path: it is too long");
	*ret_self = TAKE(marks);
	return 0;
}

static const struct tally_option marks_options[] = {
	{.name = "path",
	 .help = "the folder into which `tallyd mark` puts marks: whoever may write there may set "
		 "them; default: marks in the state directory, which is where that command looks",
	 .type = TALLY_OPT_STRING,
	 .offset = offsetof(struct marks_config, path)},
	{0}};

static const struct tally_metric marks_metrics[] = {
	[METRIC_INVALID] = {.name = "invalid_total",
			    .help = "Files that were not marks, and were removed.",
			    .kind = TALLY_METRIC_COUNTER},
	{0}};

static const struct tally_table *const marks_tables[] = {&changes_table, NULL};

static const struct tally_input marks_input = {
	.size = sizeof(struct tally_input), .interval = CLOCK_SECOND, .gather = marks_gather};

TALLY_PLUGIN(.name = "marks", .version = TALLYD_VERSION,
	     .help = "Marks that are set from outside by `tallyd mark`, beside the changes of "
		     "containers",
	     .options = marks_options, .config_size = sizeof(struct marks_config),
	     .tables = marks_tables, .metrics = marks_metrics, .create = marks_create,
	     .start = marks_start, .destroy = marks_destroy, .input = &marks_input)
