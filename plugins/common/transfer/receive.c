/*
 * Answers message by message: a table is made, a chunk written as one transaction with the note
 * that it is there.  After the last chunk all that is noted is read again and compared; only then
 * come watermarks and ledger, in one transaction that ends the copy.  On the main thread of the
 * process that writes.
 *
 * A row that the store cannot hold (its text has a NUL where the store has none) is left out,
 * counted and named; two rows that only differ in what the store does not keep of a time are one
 * there, as they would be if they were written to it.
 */
#include "transfer/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/progress.h"

struct receiving {
	const struct transfer_writer *writer;
	struct wire wire;
	int64_t run;
	/* The tables as the source declares them, linked by older; the first is the one at hand.
	 * The store may have more columns. */
	struct stored_table *declared;
	struct transfer_shape shape;
	struct transfer_chunk chunk;
	struct tally_cell *cells;
	struct tally_cell last[3]; /* of the row before: what it was told apart by */
	uint64_t rows;             /* received, or compared */
	uint64_t merged, refused, not_sent;
	char refusal[200];  /* the first one */
	uint64_t nulled;    /* values that the store does not have */
	char nulled_in[80]; /* the relation of the first one */
	struct progress progress;
	char title[80];
};

static int receive_protocol(struct receiving *receiving, const char *what)
{
	return tally_fail(receiving->wire.ctx, EPROTO, "the other end of the copy sent %s", what);
}

static int receive_ready(struct receiving *receiving)
{
	wire_begin(&receiving->wire, WIRE_READY);
	return wire_send(&receiving->wire);
}

/* ---- Tables ----------------------------------------------------------------------- */

static void receive_end_table(struct receiving *receiving)
{
	if (receiving->title[0])
		progress_end(&receiving->progress);
	receiving->title[0] = '\0';
}

static const struct stored_table *receive_declared(const struct receiving *receiving,
						   const char *name)
{
	const struct stored_table *declared = receiving->declared;
	while (declared && strcmp(declared->table.name, name) != 0)
		declared = declared->older;
	return declared;
}

static void receive_forget(struct receiving *receiving)
{
	while (receiving->declared) {
		struct stored_table *declared = receiving->declared;
		receiving->declared = declared->older;
		catalog_free(declared);
	}
}

static int receive_columns(struct receiving *receiving, struct tally_table *table,
			   struct tally_column *columns)
{
	struct wire *wire = &receiving->wire;
	for (uint32_t c = 0; c < table->n_columns; c++) {
		columns[c] = (struct tally_column){.name = wire_get_text(wire)};
		columns[c].unit = wire_get_text(wire);
		columns[c].help = wire_get_text(wire);
		columns[c].type = (uint16_t)wire_get_number(wire);
		columns[c].role = (uint16_t)wire_get_number(wire);
	}
	table->columns = columns;
	struct stored_table *declared = catalog_copy(table);
	if (!declared)
		return tally_fail(wire->ctx, ENOMEM, "no memory");
	declared->older = receiving->declared;
	receiving->declared = declared;
	return 0;
}

static int receive_table(struct receiving *receiving)
{
	const struct transfer_writer *writer = receiving->writer;
	struct wire *wire = &receiving->wire;
	struct tally_column columns[CATALOG_MAX_COLUMNS];
	struct tally_table table = {.name = wire_get_text(wire), .help = wire_get_text(wire)};
	table.kind = (uint32_t)wire_get_number(wire);
	table.revision = (uint32_t)wire_get_number(wire);
	table.flags = (uint32_t)wire_get_number(wire);
	table.n_columns = (uint32_t)wire_get_number(wire);
	receive_end_table(receiving);
	if (!table.name || table.n_columns == 0 || table.n_columns > CATALOG_MAX_COLUMNS)
		return receive_protocol(receiving, "a table without columns");
	int r = receive_columns(receiving, &table, columns);
	if (r == 0)
		r = writer->ensure(writer->self, &receiving->declared->table);
	if (r < 0)
		return r;
	snprintf(receiving->title, sizeof(receiving->title), "copying %s",
		 receiving->declared->table.name);
	progress_begin(&receiving->progress, receiving->title, "rows", 0);
	return 0;
}

/* ---- A chunk ------------------------------------------------------------------------ */

/* Two rows of one key follow each other, as they are read in the order of their keys. */
static bool receive_is_again(struct receiving *receiving)
{
	const struct transfer_shape *shape = &receiving->shape;
	uint32_t order = receiving->declared->order, n = 0;
	struct tally_cell key[3] = {{.set = 0}, {.set = 0}, {.set = 0}};
	if (!shape->timed)
		return false;
	key[n++] = receiving->cells[0];
	key[n++] = receiving->cells[shape->time];
	for (uint32_t i = 0; order && i < shape->n; i++)
		if (shape->cells[i].part < 0 && shape->cells[i].column == order)
			key[n++] = receiving->cells[i];
	bool again = receiving->chunk.kept.rows > 0;
	for (uint32_t i = 0; i < n; i++)
		again = again && key[i].i == receiving->last[i].i;
	memcpy(receiving->last, key, sizeof(key));
	return again;
}

static uint32_t receive_n_set(const struct transfer_shape *shape, const struct tally_cell *cells)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < shape->n; i++)
		n += cells[i].set != 0;
	return n;
}

static int receive_row(struct receiving *receiving)
{
	const struct transfer_writer *writer = receiving->writer;
	const struct transfer_shape *shape = &receiving->shape;
	uint32_t n_set = receive_n_set(shape, receiving->cells);
	const char *why = writer->keep(writer->self, shape, receiving->cells);
	n_set -= receive_n_set(shape, receiving->cells);
	if (!why && n_set > 0 && receiving->nulled == 0)
		snprintf(receiving->nulled_in, sizeof(receiving->nulled_in), "%s", shape->relation);
	if (!why)
		receiving->nulled += n_set;
	if (why) {
		if (receiving->refused++ == 0)
			snprintf(receiving->refusal, sizeof(receiving->refusal), "%s: %s",
				 shape->relation, why);
		return 0;
	}
	if (receive_is_again(receiving)) {
		receiving->merged++;
		return 0;
	}
	wire_sum_row(&receiving->wire, shape, receiving->cells, &receiving->chunk.kept);
	return writer->put(writer->self, shape, receiving->cells);
}

static int receive_rows(struct receiving *receiving)
{
	struct wire *wire = &receiving->wire;
	int r = 0;
	while (r == 0 && wire_more(wire)) {
		if (!wire_get_row(wire, &receiving->shape, receiving->cells,
				  &receiving->chunk.sent))
			return receive_protocol(receiving, "half a row");
		r = receive_row(receiving);
	}
	return r;
}

static int receive_close(struct receiving *receiving)
{
	const struct transfer_writer *writer = receiving->writer;
	const struct wire_sum *sent = &receiving->chunk.sent;
	uint64_t rows = (uint64_t)wire_get_number(&receiving->wire);
	uint64_t checksum = (uint64_t)wire_get_number(&receiving->wire);
	if (sent->rows != rows || sent->checksum != checksum)
		return receive_protocol(receiving, "other rows than it counted");
	receiving->rows += sent->rows;
	return writer->close(writer->self, &receiving->shape, &receiving->chunk);
}

/* Rows until they are closed. */
static int receive_chunk_rows(struct receiving *receiving, bool delete)
{
	const struct transfer_writer *writer = receiving->writer;
	const struct transfer_shape *shape = &receiving->shape;
	int64_t from = receiving->chunk.from, to = from + transfer_stretch(shape->part);
	int r = writer->open(writer->self, shape, from, to, delete);
	while (r == 0) {
		if (receiving->wire.kind == WIRE_CLOSE) {
			r = receive_close(receiving);
			break;
		}
		r = receiving->wire.kind == WIRE_ROWS ? receive_rows(receiving)
						      : receive_protocol(receiving, "no rows");
		progress_set(&receiving->progress,
			     (int64_t)(receiving->rows + receiving->chunk.sent.rows));
		if (r == 0)
			r = wire_receive(&receiving->wire);
	}
	if (r < 0)
		writer->give_up(writer->self);
	return r;
}

static int receive_answered(struct receiving *receiving)
{
	const struct transfer_writer *writer = receiving->writer;
	struct transfer_chunk *chunk = &receiving->chunk;
	struct wire *wire = &receiving->wire;
	int found = writer->find(writer->self, chunk);
	if (found < 0 && found != -ENOENT)
		return found;
	wire_begin(wire, WIRE_FOUND);
	wire_put_number(wire, found == 0);
	wire_put_number(wire, (int64_t)chunk->sent.rows);
	wire_put_number(wire, (int64_t)chunk->sent.checksum);
	int r = wire_send(wire);
	if (r == 0)
		r = wire_receive(wire);
	chunk->run = receiving->run;
	if (r == 0 && wire->kind == WIRE_SKIP) {
		receiving->not_sent += chunk->sent.rows;
		return writer->seen(writer->self, chunk);
	}
	chunk->sent = chunk->kept = (struct wire_sum){0};
	return r == 0 ? receive_chunk_rows(receiving, found == 0) : r;
}

static int receive_chunk(struct receiving *receiving)
{
	struct wire *wire = &receiving->wire;
	int64_t part = wire_get_number(wire);
	if (!receiving->declared || part < transfer_first_part(receiving->declared) ||
	    part > transfer_last_part(receiving->declared))
		return receive_protocol(receiving, "a part that the table does not have");
	receiving->chunk = (struct transfer_chunk){.part = (int)part, .run = receiving->run};
	snprintf(receiving->chunk.table, sizeof(receiving->chunk.table), "%s",
		 receiving->declared->table.name);
	receiving->chunk.from = wire_get_number(wire);
	int r = transfer_shape_init(&receiving->shape, receiving->declared, (int)part);
	receiving->cells = calloc(receiving->shape.n + 1, sizeof(*receiving->cells));
	r = r < 0 || !receiving->cells ? tally_fail(wire->ctx, ENOMEM, "no memory")
				       : receive_answered(receiving);
	free(receiving->cells);
	receiving->cells = NULL;
	transfer_shape_done(&receiving->shape);
	return r;
}

/* ---- Comparing ------------------------------------------------------------------------ */

static int receive_sum_row(void *arg, const struct tally_cell *cells)
{
	struct receiving *receiving = arg;
	wire_sum_row(&receiving->wire, &receiving->shape, cells, &receiving->chunk.kept);
	progress_set(&receiving->progress, (int64_t)(receiving->rows + receiving->chunk.kept.rows));
	return receiving->wire.out.failed ? tally_fail(receiving->wire.ctx, ENOMEM, "no memory")
					  : 0;
}

/* Nothing of it is in the source any more: it was deleted there between two runs. */
static int receive_drop(struct receiving *receiving, const struct transfer_chunk *noted)
{
	const struct transfer_writer *writer = receiving->writer;
	struct transfer_chunk empty = *noted;
	empty.run = receiving->run;
	empty.sent = empty.kept = (struct wire_sum){0};
	int r = writer->open(writer->self, &receiving->shape, noted->from,
			     noted->from + transfer_stretch(noted->part), true);
	return r == 0 ? writer->close(writer->self, &receiving->shape, &empty) : r;
}

static int receive_compare(struct receiving *receiving, const struct transfer_chunk *noted)
{
	const struct transfer_reader *reader = &receiving->writer->reader;
	receiving->chunk.kept = (struct wire_sum){0};
	int r = reader->read(reader->self, &receiving->shape, noted->from,
			     noted->from + transfer_stretch(noted->part), receive_sum_row,
			     receiving);
	if (r < 0)
		return r;
	receiving->rows += receiving->chunk.kept.rows;
	if (receiving->chunk.kept.rows == noted->kept.rows &&
	    receiving->chunk.kept.checksum == noted->kept.checksum)
		return 0;
	return tally_fail(receiving->wire.ctx, EIO,
			  "%s from %lld s on: %llu rows were written and %llu others are there: "
			  "something else has changed them",
			  receiving->shape.relation, (long long)(noted->from / 1000000000),
			  (unsigned long long)noted->kept.rows,
			  (unsigned long long)receiving->chunk.kept.rows);
}

static int receive_verify_chunk(void *arg, const struct transfer_chunk *noted)
{
	struct receiving *receiving = arg;
	const struct stored_table *stored = receive_declared(receiving, noted->table);
	if (!stored)
		stored = catalog_find(receiving->writer->catalog, noted->table);
	if (!stored)
		return tally_fail(receiving->wire.ctx, EIO, "table %s is gone", noted->table);
	if (transfer_shape_init(&receiving->shape, stored, noted->part) < 0)
		return tally_fail(receiving->wire.ctx, ENOMEM, "no memory");
	int r = noted->run == receiving->run ? receive_compare(receiving, noted)
					     : receive_drop(receiving, noted);
	transfer_shape_done(&receiving->shape);
	return r;
}

static int receive_verify(struct receiving *receiving)
{
	const struct transfer_writer *writer = receiving->writer;
	uint64_t copied = receiving->rows;
	receive_end_table(receiving);
	receiving->rows = 0;
	snprintf(receiving->title, sizeof(receiving->title), "comparing");
	progress_begin(&receiving->progress, receiving->title, "rows",
		       (int64_t)(copied + receiving->not_sent));
	int r = writer->chunks(writer->self, receive_verify_chunk, receiving);
	receive_end_table(receiving);
	if (r == 0)
		r = writer->begin_end(writer->self);
	if (r < 0)
		return r;
	printf("  %llu rows copied, series and rollups included\n", (unsigned long long)copied);
	if (receiving->not_sent)
		printf("  %llu were there from a copy that was not finished\n",
		       (unsigned long long)receiving->not_sent);
	printf("  compared: the %llu rows there are those that came\n",
	       (unsigned long long)receiving->rows);
	return receive_ready(receiving);
}

/* ---- Watermarks, ledger, the end --------------------------------------------------------- */

static int receive_watermarks(struct receiving *receiving)
{
	const struct transfer_writer *writer = receiving->writer;
	struct wire *wire = &receiving->wire;
	const char *table = wire_get_text(wire);
	struct watermarks watermarks;
	for (int level = 0; level < N_LEVELS; level++) {
		watermarks.rolled_to[level] = wire_get_number(wire);
		watermarks.kept_from[level] = wire_get_number(wire);
	}
	return table ? writer->set_watermarks(writer->self, table, &watermarks)
		     : receive_protocol(receiving, "watermarks of no table");
}

static int receive_late(struct receiving *receiving)
{
	const struct transfer_writer *writer = receiving->writer;
	struct wire *wire = &receiving->wire;
	const char *table = wire_get_text(wire);
	const struct stored_table *stored = table ? catalog_find(writer->catalog, table) : NULL;
	int r = stored ? 0 : receive_protocol(receiving, "late minutes of no table");
	while (r == 0 && wire_more(wire))
		r = writer->set_late(writer->self, stored, wire_get_number(wire));
	return r;
}

static int receive_ledger(struct receiving *receiving)
{
	const struct transfer_writer *writer = receiving->writer;
	const char *name = wire_get_text(&receiving->wire);
	int64_t sequence = wire_get_number(&receiving->wire);
	return name ? writer->set_ledger(writer->self, name, sequence)
		    : receive_protocol(receiving, "a ledger of nobody");
}

static int receive_message(struct receiving *receiving)
{
	switch (receiving->wire.kind) {
	case WIRE_TABLE:
		return receive_table(receiving);
	case WIRE_CHUNK:
		return receive_chunk(receiving);
	case WIRE_ROWS_END:
		return receive_verify(receiving);
	case WIRE_MARKS:
		return receive_watermarks(receiving);
	case WIRE_LATE:
		return receive_late(receiving);
	case WIRE_LEDGER:
		return receive_ledger(receiving);
	default:
		return receive_protocol(receiving, "something unknown");
	}
}

static int receive_hello(struct receiving *receiving)
{
	const struct transfer_writer *writer = receiving->writer;
	int r = wire_expect(&receiving->wire, WIRE_HELLO);
	if (r < 0)
		return r;
	const char *source = wire_get_text(&receiving->wire);
	r = writer->begin(writer->self, source ? source : "", &receiving->run);
	if (r == 0 && receiving->run > 1)
		printf("  goes on with a copy that was not finished\n");
	fflush(stdout);
	return r == 0 ? receive_ready(receiving) : r;
}

static int receive_all(struct receiving *receiving)
{
	const struct transfer_writer *writer = receiving->writer;
	int r = receive_hello(receiving);
	while (r == 0 && (r = wire_receive(&receiving->wire)) == 0 &&
	       receiving->wire.kind != WIRE_DONE)
		r = receive_message(receiving);
	if (r == 0)
		r = writer->end(writer->self);
	if (r < 0)
		writer->give_up(writer->self);
	return r < 0 ? r : receive_ready(receiving);
}

int transfer_receive(const struct transfer_writer *writer, int fd)
{
	auto_free struct receiving *receiving = calloc(1, sizeof(*receiving));
	if (!receiving)
		return tally_fail(writer->reader.ctx, ENOMEM, "no memory");
	receiving->writer = writer;
	wire_init(&receiving->wire, writer->reader.ctx, fd);
	int r = receive_all(receiving);
	receive_end_table(receiving);
	receive_forget(receiving);
	wire_done(&receiving->wire);
	if (r < 0)
		return r;
	if (receiving->merged)
		printf("  %llu rows differ from the one before only by less than the store keeps "
		       "of "
		       "a time, and are left out\n",
		       (unsigned long long)receiving->merged);
	if (receiving->refused)
		printf("! %llu rows cannot be stored there and are left out; the first: %s\n",
		       (unsigned long long)receiving->refused, receiving->refusal);
	if (receiving->nulled)
		printf("! %llu values that the store there does not have, as NaN, are NULL in it; "
		       "the "
		       "first in %s\n",
		       (unsigned long long)receiving->nulled, receiving->nulled_in);
	printf("  the copy is complete\n");
	return receiving->refused > 0 || receiving->nulled > 0;
}
