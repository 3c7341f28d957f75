/*
 * See log_rows.h.  Called by ingest.c, on the input's thread.  What all rows of a batch have in
 * common (host, id, name) is copied into the batch once; a message is copied once, straight from
 * the source's buffer if it is valid text.  What can fail: memory, and tally_emit(), which blocks
 * while the buffer is full.
 */
#include "logs/log_rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "logs/log_common.h"
#include "logs/log_level.h"
#include "logs/logs_table.h"
#include "logs/log_text.h"

static const char *const stream_names[LOG_STREAMS] = {"stdout", "stderr"};

static bool begin(struct log_rows *rows)
{
	rows->batch = tally_batch_new(rows->ctx, &logs_table);
	if (!rows->batch)
		return false;
	const char *host = tally_hostname(rows->ctx);
	rows->host_len = strlen(host);
	rows->id_len = strlen(rows->id);
	rows->name_len = strlen(rows->name);
	rows->batch_host = tally_batch_copy(rows->ctx, rows->batch, host, rows->host_len);
	rows->batch_id = tally_batch_copy(rows->ctx, rows->batch, rows->id, rows->id_len);
	rows->batch_name = tally_batch_copy(rows->ctx, rows->batch, rows->name, rows->name_len);
	return rows->batch_host && rows->batch_id && rows->batch_name;
}

/* A copy in the batch; *len becomes its length. */
static const char *clean_copy(struct log_rows *rows, const char *text, size_t *len, bool cut)
{
	if (log_text_is_clean(text, *len))
		return tally_batch_copy(rows->ctx, rows->batch, text, *len);
	auto_free char *clean = malloc(3 * *len);
	if (!clean)
		return NULL;
	*len = log_text_clean(text, *len, cut, clean);
	return tally_batch_copy(rows->ctx, rows->batch, clean, *len);
}

/* A line without words has none. */
static void put_pattern(struct log_rows *rows, struct tally_cell *row,
			const struct pattern_line *line, const struct log_common *common)
{
	char id[PATTERN_ID_SIZE];
	switch (patterns_take(common->patterns, line, id)) {
	case PATTERN_FOUND:
		tally_put_text(rows->ctx, rows->batch, row, LOGS_PATTERN, id, PATTERN_ID_SIZE - 1);
		return;
	case PATTERN_FULL:
		log_common_count(common, LOG_METRIC_UNPATTERNED, 1);
		return;
	default:
		return;
	}
}

int log_rows_add(struct log_rows *rows, const struct log_line *line,
		 const struct log_common *common)
{
	size_t len = line->len;
	if (!rows->batch && !begin(rows)) {
		log_rows_drop(rows);
		return -ENOMEM;
	}
	const char *message = clean_copy(rows, line->text, &len, line->cut > 0);
	struct tally_cell *row = message ? tally_batch_row(rows->ctx, rows->batch) : NULL;
	if (!row)
		return -ENOMEM;
	tally_put_int(row, LOGS_TIME, line->time);
	tally_put_text_borrowed(row, LOGS_HOST, rows->batch_host, rows->host_len);
	tally_put_text_borrowed(row, LOGS_CONTAINER_ID, rows->batch_id, rows->id_len);
	tally_put_text_borrowed(row, LOGS_NAME, rows->batch_name, rows->name_len);
	tally_put_text_borrowed(row, LOGS_STREAM, stream_names[line->stream],
				strlen(stream_names[line->stream]));
	tally_put_int(row, LOGS_SEQUENCE, line->sequence);
	tally_put_text_borrowed(row, LOGS_MESSAGE, message, len);
	const char *level = log_level(message, len);
	if (level)
		tally_put_text_borrowed(row, LOGS_LEVEL, level, strlen(level));
	const struct pattern_line what = {.service = rows->service[0] ? rows->service : rows->name,
					  .text = message,
					  .len = len,
					  .level = level,
					  .time = line->time};
	if (common->patterns)
		put_pattern(rows, row, &what, common);
	return 0;
}

bool log_rows_full(const struct log_rows *rows)
{
	return rows->batch && (rows->batch->n_rows >= LOG_BATCH_ROWS ||
			       tally_batch_bytes(rows->ctx, rows->batch) >= LOG_BATCH_BYTES);
}

void log_rows_source(const struct log_rows *rows, char ret[LOG_SOURCE_SIZE])
{
	snprintf(ret, LOG_SOURCE_SIZE, "%.150s/%s", rows->ctx->name, rows->id);
}

int log_rows_emit(struct log_rows *rows, const struct log_resume *resume)
{
	char source[LOG_SOURCE_SIZE], position[LOG_POSITION_SIZE];
	struct tally_batch *batch = TAKE(rows->batch);
	if (!batch)
		return 0;
	log_rows_source(rows, source);
	log_resume_write(resume, position);
	return tally_emit(rows->ctx, batch, source, position);
}

void log_rows_drop(struct log_rows *rows)
{
	if (rows->batch)
		tally_batch_drop(rows->ctx, TAKE(rows->batch));
}
