/*
 * Rows of container_info: what the kubelet's names and the cgroup say of each container.
 * cgroup_stats.c calls container_info_emit() in each gather().
 *
 * A row each when something has changed, and once a minute, to say that it still is.  What was in
 * the rows before and is no more gets its row again, with gone_at, twice, as no later row would
 * repair a lost one.  The rows are kept in the state file, so that what ends while the daemon is
 * down is seen, too.  What can fail: rows that are not taken, then the same is tried the next time;
 * the file, which is one message each time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_writer.h"
#include "cgroup_stats.h"
#include "containers/status_again.h"
#include "state_file.h"

static const int64_t refresh_ns = CLOCK_MINUTE;

enum { LABELS_SIZE = 4096 };

/* One row under construction. */
struct row {
	struct tally_ctx *ctx;
	struct tally_batch *batch;
	struct tally_cell *cells;
};

/* ---- A container's row ---- */

static int put_text(const struct row *row, uint32_t column, const char *text)
{
	return tally_put_text(row->ctx, row->batch, row->cells, column, text, strlen(text));
}

static void write_label(struct json_writer *json, const char *key, const char *value)
{
	if (!value[0])
		return;
	json_write_key(json, key);
	json_write_string(json, value);
}

static int put_labels(const struct row *row, const struct cri_name *name)
{
	struct json_writer json;
	json_writer_init(&json, LABELS_SIZE);
	json_begin_object(&json);
	write_label(&json, "io.kubernetes.pod.namespace", name->space);
	write_label(&json, "io.kubernetes.pod.name", name->pod);
	write_label(&json, "io.kubernetes.pod.uid", name->uid);
	write_label(&json, "io.kubernetes.container.name", name->container);
	json_end_object(&json);
	int r = json.error;
	if (r == 0)
		r = tally_put_text(row->ctx, row->batch, row->cells, STATUS_LABELS, json.data,
				   json.len);
	json_writer_done(&json);
	return r;
}

static int put_names(const struct row *row, const struct cri_name *name)
{
	char text[CRI_TEXT_SIZE];
	cri_name_full(name, text);
	int r = put_text(row, STATUS_NAME, text);
	cri_name_service(name, text);
	if (r == 0)
		r = put_text(row, STATUS_SERVICE, text);
	tally_put_int(row->cells, STATUS_RESTART_COUNT, strtoll(name->restarts, NULL, 10));
	return r;
}

static int add_row(struct cgroup_stats *self, struct tally_batch *batch,
		   const struct container *container, int64_t time)
{
	const struct row row = {
		.ctx = self->ctx, .batch = batch, .cells = tally_batch_row(self->ctx, batch)};
	if (!row.cells)
		return -ENOMEM;
	tally_put_int(row.cells, STATUS_TIME, time);
	if (container->mem_limit.set)
		tally_put_int(row.cells, STATUS_MEM_LIMIT_BYTES, container->mem_limit.value);
	if (container->pids_limit.set)
		tally_put_int(row.cells, STATUS_PIDS_LIMIT, container->pids_limit.value);
	if (container->cpu_quota.set && container->cpu_period.value > 0)
		tally_put_real(row.cells, STATUS_CPU_LIMIT_CORES,
			       (double)container->cpu_quota.value /
				       (double)container->cpu_period.value);
	int r = put_text(&row, STATUS_HOST, tally_hostname(self->ctx));
	if (r == 0)
		r = put_text(&row, STATUS_CONTAINER_ID, container->id);
	if (r == 0)
		r = put_text(&row, STATUS_STATE, "running");
	if (r == 0 && container->name.uid[0])
		r = put_labels(&row, &container->name);
	if (r == 0 && container->named)
		r = put_names(&row, &container->name);
	return r;
}

/* ---- What is gone ---- */

/* Is the container of a row before no more?  If there are more than are read, one that is not read
 * may well be there. */
static bool is_gone(const struct cgroup_stats *self, const struct container *container)
{
	return container ? !container->files : self->scan.count.beyond == 0;
}

static int add_gone(struct cgroup_stats *self, struct tally_batch *batch, int64_t time)
{
	int r = 0;
	for (uint32_t i = 0; self->info && r == 0 && i < self->info->n_rows; i++) {
		const struct tally_cell *row = self->info->cells + (size_t)i * STATUS_COLUMNS;
		const struct tally_cell *id = &row[STATUS_CONTAINER_ID];
		const struct tally_cell *gone = &row[STATUS_GONE_AT];
		char text[CRI_ID_SIZE];
		snprintf(text, sizeof(text), "%.*s", (int)id->len, id->text);
		const struct container *container = containers_find(&self->containers, text);
		if (gone->set ? row[STATUS_TIME].i == gone->i : is_gone(self, container))
			r = status_row_add_gone(self->ctx, batch, row, time,
						gone->set ? gone->i : time);
	}
	return r;
}

/* ---- The state file ---- */

static void save(struct cgroup_stats *self)
{
	void *bytes = NULL;
	size_t len = 0;
	int r = tally_batch_encode(self->ctx, self->info, &bytes, &len);
	if (r == 0)
		r = state_file_write(self->ctx, bytes, len);
	if (r < 0)
		tally_log(self->ctx, TALLY_WARNING,
			  "cannot save the state file, so containers that end while the daemon is "
			  "down will not be noticed: %s",
			  strerror(-r));
	free(bytes);
}

void container_info_load(struct cgroup_stats *self)
{
	if (!self->info)
		state_file_read(self->ctx, &status_table, &self->info);
}

/* ---- Emitting ---- */

static int collect(struct cgroup_stats *self, struct tally_batch *batch)
{
	int64_t time = tally_now(self->ctx);
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < self->containers.n; i++)
		if (self->containers.items[i]->files)
			r = add_row(self, batch, self->containers.items[i], time);
	if (r == 0)
		r = add_gone(self, batch, time);
	return r < 0 ? tally_fail(self->ctx, -r, "no memory for the containers' rows") : 0;
}

/* The next rows are compared with these. */
static void take(struct cgroup_stats *self, struct tally_batch *batch)
{
	if (self->info)
		tally_batch_drop(self->ctx, self->info);
	self->info = batch;
	self->info_due = tally_monotonic(self->ctx) + refresh_ns;
	containers_remove_ended(&self->containers);
	save(self);
}

int container_info_emit(struct cgroup_stats *self)
{
	if (!self->scan.finished || tally_monotonic(self->ctx) < self->info_due)
		return 0;
	struct tally_batch *batch = tally_batch_new(self->ctx, &status_table);
	int r = batch ? collect(self, batch) : tally_fail(self->ctx, ENOMEM, "no memory");
	if (r == 0 && batch->n_rows > 0) {
		tally_batch_keep(self->ctx, batch);
		r = tally_emit(self->ctx, batch, NULL, NULL);
	}
	if (r == 0)
		take(self, batch);
	else if (batch)
		tally_batch_drop(self->ctx, batch);
	return r;
}
