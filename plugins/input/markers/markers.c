/*
 * markers: what somebody wants to be seen beside the changes that tallyd finds, such as
 * "deploy 1.2.3 begins".  `tallyd mark` puts a file into a folder, under another name first;
 * gather() makes a row of container_changes of each and removes the file once the row was taken. So
 * whoever may write to the folder may set markers, nothing listens, and a marker that is set while
 * the daemon is down waits.
 *
 * What can fail: a file that is no marker is removed, counted and logged; without memory or
 * descriptors, or if a row is not taken, files stay for the next time.  A file that outlives its
 * row, after a crash, gives the same row again.  The instance's thread.
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

enum { MARKERS_FILE = 8192, MARKERS_ROUND = 256 };

struct markers_config {
	const char *path;
};

enum markers_metric { METRIC_INVALID };

struct markers {
	struct tally_ctx *ctx;
	char path[PATH_MAX];
};

/* ---- One file -------------------------------------------------------------- */

/* Bytes read; -errno.  Neither a link nor a pipe is followed. */
static ssize_t read_marker(int folder, const char *name, char text[MARKERS_FILE])
{
	struct stat file;
	auto_close int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &file) < 0)
		return -errno;
	if (!S_ISREG(file.st_mode) || file.st_size > MARKERS_FILE)
		return -EINVAL;
	ssize_t len = read(fd, text, MARKERS_FILE);
	return len < 0 ? -errno : len;
}

/* -EINVAL: it is none. */
static int add_marker(struct markers *markers, struct tally_batch *batch, const char *text,
		      size_t len)
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
	return object ? changes_row_add(markers->ctx, batch, &row) : -ENOMEM;
}

/* ---- A round ----------------------------------------------------------------- */

static int is_marker(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);
	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".mark") == 0;
}

static int take_marker(struct markers *markers, int folder, const char *name,
		       struct tally_batch *batch)
{
	char text[MARKERS_FILE];
	ssize_t len = read_marker(folder, name, text);
	int r = len < 0 ? (int)len : add_marker(markers, batch, text, (size_t)len);
	if (r == 0 || r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return r;
	tally_count(markers->ctx, METRIC_INVALID, 1);
	tally_log(markers->ctx, TALLY_WARNING, "%s/%.100s is not a marker, and is removed: %s",
		  markers->path, name,
		  r == -EINVAL ? "it was not written by `tallyd mark`" : strerror(-r));
	unlinkat(folder, name, 0);
	return 0;
}

/* As many as a round takes; ret_names: to be freed. */
static int take_some(struct markers *markers, DIR *folder, struct tally_batch *batch,
		     char *ret_names[MARKERS_ROUND])
{
	const struct dirent *entry;
	int n = 0, r = 0;
	while (r == 0 && n < MARKERS_ROUND && (entry = readdir(folder))) {
		if (!is_marker(entry))
			continue;
		ret_names[n] = strdup(entry->d_name);
		r = ret_names[n] ? take_marker(markers, dirfd(folder), ret_names[n], batch)
				 : -ENOMEM;
		n += ret_names[n] != NULL;
	}
	return r < 0 ? r : n;
}

/* Takes the batch. */
static int hand_over(struct markers *markers, DIR *folder, struct tally_batch *batch)
{
	char *names[MARKERS_ROUND] = {NULL};
	int n = take_some(markers, folder, batch, names), r = 0;
	if (n > 0 && batch->n_rows > 0)
		r = tally_emit(markers->ctx, batch, NULL, NULL);
	else
		tally_batch_drop(markers->ctx, batch);
	for (int i = 0; i < MARKERS_ROUND && names[i]; i++) {
		if (n > 0 && r == 0)
			unlinkat(dirfd(folder), names[i], 0);
		free(names[i]);
	}
	return n < 0 ? tally_fail(markers->ctx, -n, "%s: %s", markers->path, strerror(-n)) : r;
}

static int markers_gather(void *arg)
{
	struct markers *markers = arg;
	DIR *folder = opendir(markers->path);
	if (!folder)
		return tally_fail(markers->ctx, errno, "path: cannot read the folder %s: %s",
				  markers->path, strerror(errno));
	struct tally_batch *batch = tally_batch_new(markers->ctx, &changes_table);
	int r = batch ? hand_over(markers, folder, batch)
		      : tally_fail(markers->ctx, ENOMEM, "no memory for markers");
	closedir(folder);
	return r;
}

/* ---- The plugin ------------------------------------------------------------------ */

static int markers_start(void *arg)
{
	struct markers *markers = arg;
	if (mkdir(markers->path, 0700) < 0 && errno != EEXIST)
		return tally_fail(markers->ctx, errno, "path: cannot make the folder %s: %s",
				  markers->path, strerror(errno));
	return 0;
}

static void markers_destroy(void *arg)
{
	free(arg);
}

static int markers_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	const char *path = ((const struct markers_config *)config)->path;
	auto_free struct markers *markers = calloc(1, sizeof(*markers));
	if (!markers)
		return tally_fail(ctx, ENOMEM, "no memory");
	markers->ctx = ctx;
	int len =
		path ? snprintf(markers->path, sizeof(markers->path), "%s", path)
		     : snprintf(markers->path, sizeof(markers->path), "%s/markers", ctx->state_dir);
	if (len < 0 || (size_t)len >= sizeof(markers->path))
		return tally_fail(ctx, ENAMETOOLONG, "path: it is too long");
	*ret_self = TAKE(markers);
	return 0;
}

static const struct tally_option markers_options[] = {
	{.name = "path",
	 .help = "the folder into which `tallyd mark` puts markers: whoever may write there may "
		 "set them; default: markers in the state directory, which is where that command "
		 "looks",
	 .type = TALLY_OPT_STRING,
	 .offset = offsetof(struct markers_config, path)},
	{0}};

static const struct tally_metric markers_metrics[] = {
	[METRIC_INVALID] = {.name = "invalid_total",
			    .help = "Files that were not markers, and were removed.",
			    .kind = TALLY_METRIC_COUNTER},
	{0}};

static const struct tally_table *const markers_tables[] = {&changes_table, NULL};

static const struct tally_input markers_input = {
	.size = sizeof(struct tally_input), .interval = CLOCK_SECOND, .gather = markers_gather};

TALLY_PLUGIN(.name = "markers", .version = TALLYD_VERSION,
	     .help = "Markers that are set from outside by `tallyd mark`, beside the changes of "
		     "containers",
	     .options = markers_options, .config_size = sizeof(struct markers_config),
	     .tables = markers_tables, .metrics = markers_metrics, .create = markers_create,
	     .start = markers_start, .destroy = markers_destroy, .input = &markers_input)
