/*
 * The rows of one container on their way into a batch: text made clean (valid UTF-8, no NUL), the
 * level found, the batch handed over when it is large enough.  Per container, in its input's
 * thread.
 */
#ifndef TALLYD_LOG_ROWS_H
#define TALLYD_LOG_ROWS_H

#include <tallyd/host.h>

#include "docker/docker.h"
#include "lines/log_lines.h"

enum { LOG_BATCH_ROWS = 500, LOG_BATCH_BYTES = 256 << 10, LOG_NAME_SIZE = 256 };

struct log_rows {
	struct tally_ctx *ctx;
	char id[DOCKER_ID_MAX + 1], name[LOG_NAME_SIZE];
	bool terminal;             /* its lines end in \r\n */
	struct tally_batch *batch; /* NULL: no rows wait */
	const char *batch_host, *batch_id, *batch_name;
	size_t host_len, id_len, name_len;
};

/* -ENOMEM: the row is not there. */
int log_rows_add(struct log_rows *rows, const struct log_line *line);
/* It should be handed over before the next row comes. */
bool log_rows_full(const struct log_rows *rows);
/* Hands over what waits, with the position after it.  As tally_emit(). */
int log_rows_emit(struct log_rows *rows, const struct log_resume *resume);
/* What waits is forgotten. */
void log_rows_drop(struct log_rows *rows);

/* The source of this container's positions. */
enum { LOG_SOURCE_SIZE = 256 };
void log_rows_source(const struct log_rows *rows, char ret[LOG_SOURCE_SIZE]);

#endif
