/* See cri_follow.h. */
#include "cri_follow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Between the kubelet's rename and the runtime's new file nothing is at the path. */
static const int64_t missing_ns = 50 * CLOCK_MS;

/* ---- Failures ---- */

/* Once, until the log could be read. */
static void report(struct cri_follow *follow, const char *why)
{
	if (!follow->reported)
		tally_log(follow->reading->common.ctx, TALLY_WARNING,
			  "%s: %s: %s; trying it again from time to time",
			  ingest_name(&follow->ingest), follow->path, why);
	follow->reported = true;
}

static void close_file(struct cri_follow *follow)
{
	if (!follow->file.log)
		return;
	log_damage_take(&follow->damage, &follow->reading->common, ingest_name(&follow->ingest),
			follow->file.log, true);
	source_file_close(&follow->file);
}

static void retry(struct cri_follow *follow)
{
	close_file(follow);
	follow->due = tally_monotonic(follow->reading->common.ctx) + backoff_next(&follow->backoff);
}

/* From the position that is safe in the buffer. */
static void rows_lost(struct cri_follow *follow)
{
	ingest_drop_rows(&follow->ingest);
	follow->done = false;
	retry(follow);
	ingest_load_position(&follow->ingest);
}

/* ---- Reading ---- */

static void open_file(struct cri_follow *follow)
{
	struct cri_reading *reading = follow->reading;
	const struct log_first *first = &reading->common.first;
	const struct log_begin begin = {.resume = &follow->ingest.lines.resume,
					.last_lines = follow->older ? first->lines : 0,
					.dated = true,
					.files_only = true,
					.buffer = reading->buffer};
	int r = source_file_open(&follow->file, follow->path, reading->inotify_fd, &begin);
	if (r < 0) {
		/* The file may be gone before its link is, and come a little after it. */
		if (r == -ELOOP)
			report(follow, "it is a link; logs of Docker are read by docker_logs");
		else if (r != -ENOENT)
			report(follow, source_file_reason(-r));
		follow->done = follow->gone;
		retry(follow);
		return;
	}
	ingest_begin_file(&follow->ingest);
	log_common_count(&reading->common, LOG_METRIC_READS, 1);
}

/* All there is was read. */
static void at_end(struct cri_follow *follow)
{
	follow->reported = false;
	backoff_reset(&follow->backoff);
	if (!follow->gone)
		return;
	if (ingest_finish(&follow->ingest) == LOG_MORE)
		follow->done = true;
	else
		rows_lost(follow);
}

bool cri_follow_step(struct cri_follow *follow, int64_t now)
{
	struct cri_reading *reading = follow->reading;
	if (!follow->file.log && now >= follow->due)
		open_file(follow);
	if (!follow->file.log)
		return false;
	if (follow->file.log->missing && now >= follow->due)
		follow->file.pending = true;
	if (!follow->file.pending)
		return false;
	int outcome =
		source_file_read(&follow->file, reading->buffer, ingest_part, &follow->ingest);
	ingest_count_repeats(&follow->ingest);
	log_damage_take(&follow->damage, &reading->common, ingest_name(&follow->ingest),
			follow->file.log, false);
	if (outcome == LOG_END) {
		follow->due = now + missing_ns;
		at_end(follow);
	} else if (outcome == LOG_FOREIGN || outcome < 0) {
		report(follow, outcome < 0 ? strerror(-outcome) : "it is not in the CRI format");
		follow->done = follow->gone;
		retry(follow);
	} else if (outcome != LOG_MORE) {
		rows_lost(follow);
	}
	return follow->file.pending;
}

int64_t cri_follow_due(const struct cri_follow *follow)
{
	if (!follow->file.log || follow->file.log->missing)
		return follow->due;
	return log_messages_due(&follow->ingest.messages);
}

void cri_follow_end_messages(struct cri_follow *follow, int64_t due)
{
	if (follow->file.log && !follow->file.pending &&
	    ingest_end_messages(&follow->ingest, due) != LOG_MORE)
		rows_lost(follow);
}

void cri_follow_flush(struct cri_follow *follow)
{
	if (follow->ingest.rows.batch && ingest_flush(&follow->ingest) != LOG_MORE)
		rows_lost(follow);
}

/* ---- Making and unmaking ---- */

void cri_follow_set_gone(struct cri_follow *follow, bool gone)
{
	if (gone && !follow->gone)
		follow->file.pending = true;
	follow->gone = gone;
}

struct cri_follow *cri_follow_create(struct cri_reading *reading,
				     const struct cri_container *container, bool older)
{
	struct cri_follow *follow = calloc(1, sizeof(*follow));
	if (!follow)
		return NULL;
	struct log_rows *rows = &follow->ingest.rows;
	follow->reading = reading;
	follow->backoff = (struct backoff){.first = CLOCK_SECOND / 2, .most = 30 * CLOCK_SECOND};
	follow->file.watch = -1;
	ingest_init(&follow->ingest, &reading->common, container->id);
	cri_name_full(&container->name, rows->name);
	cri_name_service(&container->name, rows->service);
	rows->terminal = true; /* of which the format says nothing: \r at the end of a line */
	snprintf(follow->path, sizeof(follow->path), "%s", container->path);
	ingest_load_position(&follow->ingest);
	ingest_distrust_future(&follow->ingest);
	follow->older = older && log_resume_is_empty(&follow->ingest.lines.resume);
	if (follow->older && reading->common.first.only_new)
		log_resume_begin_at(&follow->ingest.lines.resume, tally_now(reading->common.ctx));
	return follow;
}

void cri_follow_destroy(struct cri_follow *follow)
{
	cri_follow_flush(follow);
	close_file(follow);
	ingest_done(&follow->ingest);
	free(follow);
}
