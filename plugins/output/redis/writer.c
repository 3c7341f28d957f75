/*
 * The core's thread for this instance calls writer_write() with entries: reconnect if need be, turn
 * rows into commands (publish.c), send them in one go, or in several once REDIS_MAX_COMMANDS bytes
 * are there, and read all replies.  Only then are the entries DONE.
 *
 * Any failure closes the connection and returns -errno without verdicts; the core then offers the
 * same entries again, with its back-off.  There is no transaction around a batch: MULTI would make
 * Redis hold all of it in memory and block its other clients, and a row published twice does no
 * harm, since hashes are overwritten and readers of channels must expect repeats anyway.
 */
#include "writer.h"

#include <errno.h>
#include <string.h>

#include "connection_open.h"
#include "publish.h"

void writer_init(struct writer *writer, const struct connection *template)
{
	writer->connection = *template;
	commands_init(&writer->commands, REDIS_MAX_COMMANDS + REDIS_MAX_ROW);
}

void writer_done(struct writer *writer)
{
	connection_close(&writer->connection);
	commands_done(&writer->commands);
}

int writer_connect(struct writer *writer)
{
	struct connection *connection = &writer->connection;
	if (connection->redis && !connection_is_usable(connection))
		connection_close(connection);
	return connection->redis ? 0 : connection_open(connection);
}

/* ---- Writing ------------------------------------------------------------- */

/* WRONGTYPE: another program keeps something else under this key.  It is left alone, since a retry
 * cannot help; the row was published on its channel all the same. */
static int writer_reply(void *arg, uint32_t i, redisReply **reply)
{
	struct writer *writer = arg;
	struct tally_ctx *ctx = writer->connection.ctx;
	(void)i;
	if ((*reply)->type != REDIS_REPLY_ERROR)
		return 0;
	if (strncmp((*reply)->str, "WRONGTYPE", strlen("WRONGTYPE")) != 0)
		return connection_error_reply(&writer->connection, *reply);
	tally_count(ctx, REDIS_FOREIGN_KEYS, 1);
	tally_log(ctx, TALLY_WARNING,
		  "a container's key under \"%s\" has another type, from another program; it is "
		  "left alone",
		  writer->connection.config->prefix);
	return 0;
}

static int writer_flush(struct writer *writer)
{
	struct connection *connection = &writer->connection;
	int r = connection_exchange(connection, &writer->commands, writer_reply, writer,
				    connection_deadline(connection));
	commands_clear(&writer->commands);
	return r;
}

/* A row over REDIS_MAX_ROW is taken out of the buffer again and rejected: only the row, so that one
 * oversized value does not stop its batch.  The buffer has space for REDIS_MAX_COMMANDS and one
 * such row, so any row that is within its bound fits. */
static int writer_add_row(struct writer *writer, const struct tally_batch *batch, uint32_t row)
{
	struct commands *commands = &writer->commands;
	const struct connection *connection = &writer->connection;
	size_t len = commands->bytes.len;
	uint32_t n = commands->n;
	publish_row(commands, connection->config, batch, row);
	int error = commands->bytes.error;
	if (error == 0) {
		writer->rows++;
		return 0;
	}
	commands->bytes.error = 0;
	commands->bytes.len = len;
	commands->n = n;
	if (error != -E2BIG)
		return tally_fail(connection->ctx, -error, "no memory");
	tally_reject_row(connection->ctx, batch, row, "too large for one message");
	return 0;
}

int writer_write(struct writer *writer, const struct tally_entry *entries, uint32_t n,
		 uint8_t *verdicts)
{
	int r = writer_connect(writer);
	commands_clear(&writer->commands);
	writer->rows = 0;
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		const struct tally_batch *batch = entries[i].batch;
		for (uint32_t row = 0; r == 0 && row < batch->n_rows; row++) {
			if (writer->commands.bytes.len >= REDIS_MAX_COMMANDS)
				r = writer_flush(writer);
			if (r == 0)
				r = writer_add_row(writer, batch, row);
		}
	}
	if (r == 0)
		r = writer_flush(writer);
	if (r < 0) {
		connection_close(&writer->connection);
		return r;
	}
	for (uint32_t i = 0; i < n; i++)
		verdicts[i] = TALLY_DONE;
	tally_count(writer->connection.ctx, REDIS_PUBLISHED, writer->rows);
	return 0;
}
