/*
 * Lines of one container as rows of a batch: valid text, a level, and the batch's hand-over with
 * the position behind it.  One per container; called by ingest.c, on the input's thread.
 */
#ifndef TALLYD_LOG_ROWS_H
#define TALLYD_LOG_ROWS_H

#include <tallyd/host.h>

#include "logs/log_lines.h"

enum { LOG_BATCH_ROWS = 500, LOG_BATCH_BYTES = 256 << 10, LOG_NAME_SIZE = 256 };
enum { LOG_ID_SIZE = 128, LOG_SERVICE_SIZE = 256 };

struct log_common;

struct log_rows {
	struct tally_ctx *ctx;
	char id[LOG_ID_SIZE], name[LOG_NAME_SIZE];
	char service[LOG_SERVICE_SIZE]; /* "": its name */
	bool terminal;                  /* its lines end in \r\n */
	struct tally_batch *batch;      /* NULL: no rows wait */
	const char *batch_host, *batch_id, *batch_name;
	size_t host_len, id_len, name_len;
};

/* 0, or -ENOMEM: no row was added. */
int log_rows_add(struct log_rows *rows, const struct log_line *line,
		 const struct log_common *common);
/* true: hand the batch over before the next row. */
bool log_rows_full(const struct log_rows *rows);
/* Hands over what waits, with the position behind it.  Returns what tally_emit() did. */
int log_rows_emit(struct log_rows *rows, const struct log_resume *resume);
/* Drops what waits. */
void log_rows_drop(struct log_rows *rows);

/* The source of this container's positions. */
enum { LOG_SOURCE_SIZE = 320 };
void log_rows_source(const struct log_rows *rows, char ret[LOG_SOURCE_SIZE]);

#endif
