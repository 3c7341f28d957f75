/*
 * Table by table, part by part, stretch by stretch: announce a chunk, hear what is there of it,
 * send it or skip it.  What is there is compared by reading the chunk without sending it, which
 * costs a fraction of writing it.  On the main thread of the process that reads.
 */
#include "transfer/transfer.h"

#include <errno.h>
#include <limits.h>

#include "base/cleanup.h"
#include "base/text.h"

struct sending {
	const struct transfer_reader *reader;
	struct wire wire;
	struct transfer_shape shape;
	struct wire_sum sum;
	const char *table; /* whose late minutes are sent */
};

static int send_word(struct wire *wire, enum wire_kind kind, bool answered)
{
	wire_begin(wire, kind);
	int r = wire_send(wire);
	return r == 0 && answered ? wire_expect(wire, WIRE_READY) : r;
}

/* ---- A chunk -------------------------------------------------------------------- */

static int send_count_row(void *arg, const struct tally_cell *cells)
{
	struct sending *sending = arg;
	wire_sum_row(&sending->wire, &sending->shape, cells, &sending->sum);
	return sending->wire.out.failed ? tally_fail(sending->wire.ctx, ENOMEM, "no memory") : 0;
}

static int send_row(void *arg, const struct tally_cell *cells)
{
	struct sending *sending = arg;
	wire_put_row(&sending->wire, &sending->shape, cells, &sending->sum);
	if (!wire_is_full(&sending->wire) && !sending->wire.out.failed)
		return 0;
	int r = wire_send(&sending->wire);
	wire_begin(&sending->wire, WIRE_ROWS);
	return r;
}

/* Whether it is the same as what the other end has. */
static int send_compare(struct sending *sending, int64_t from, int64_t to, bool *ret)
{
	const struct transfer_reader *reader = sending->reader;
	bool found = wire_get_number(&sending->wire) != 0;
	struct wire_sum there = {.rows = (uint64_t)wire_get_number(&sending->wire)};
	there.checksum = (uint64_t)wire_get_number(&sending->wire);
	*ret = false;
	if (!found)
		return 0;
	sending->sum = (struct wire_sum){0};
	int r = reader->read(reader->self, &sending->shape, from, to, send_count_row, sending);
	*ret = r == 0 && sending->sum.rows == there.rows && sending->sum.checksum == there.checksum;
	return r;
}

static int send_rows(struct sending *sending, int64_t from, int64_t to)
{
	const struct transfer_reader *reader = sending->reader;
	struct wire *wire = &sending->wire;
	sending->sum = (struct wire_sum){0};
	wire_begin(wire, WIRE_ROWS);
	int r = reader->read(reader->self, &sending->shape, from, to, send_row, sending);
	if (r == 0)
		r = wire_send(wire);
	if (r < 0)
		return r;
	wire_begin(wire, WIRE_CLOSE);
	wire_put_number(wire, (int64_t)sending->sum.rows);
	wire_put_number(wire, (int64_t)sending->sum.checksum);
	return wire_send(wire);
}

static int send_chunk(struct sending *sending, int64_t from, int64_t to)
{
	struct wire *wire = &sending->wire;
	bool same = false;
	wire_begin(wire, WIRE_CHUNK);
	wire_put_number(wire, sending->shape.part);
	wire_put_number(wire, from);
	int r = wire_send(wire);
	if (r == 0)
		r = wire_expect(wire, WIRE_FOUND);
	if (r == 0)
		r = send_compare(sending, from, to, &same);
	if (r < 0 || !same)
		return r < 0 ? r : send_rows(sending, from, to);
	return send_word(wire, WIRE_SKIP, false);
}

/* ---- A table -------------------------------------------------------------------- */

static int send_shape(struct sending *sending)
{
	const struct transfer_reader *reader = sending->reader;
	const struct transfer_shape *shape = &sending->shape;
	int64_t stretch = transfer_stretch(shape->part), from = INT64_MIN;
	if (!shape->timed)
		return send_chunk(sending, 0, 0);
	/* From one time that has rows to the next: over a gap it goes at once. */
	for (;;) {
		int r = reader->first(reader->self, shape, from, &from);
		if (r < 0 || from == INT64_MAX)
			return r;
		from = schema_floor(from, stretch);
		r = send_chunk(sending, from, from + stretch);
		if (r < 0)
			return r;
		from += stretch;
	}
}

static int send_part(struct sending *sending, const struct stored_table *stored, int part)
{
	if (transfer_shape_init(&sending->shape, stored, part) < 0)
		return tally_fail(sending->wire.ctx, ENOMEM, "no memory");
	int r = send_shape(sending);
	transfer_shape_done(&sending->shape);
	return r;
}

static int send_declaration(struct wire *wire, const struct tally_table *table)
{
	wire_begin(wire, WIRE_TABLE);
	wire_put_text(wire, table->name);
	wire_put_text(wire, table->help);
	wire_put_number(wire, table->kind);
	wire_put_number(wire, table->revision);
	wire_put_number(wire, table->flags);
	wire_put_number(wire, table->n_columns);
	for (uint32_t c = 0; c < table->n_columns; c++) {
		const struct tally_column *column = &table->columns[c];
		wire_put_text(wire, column->name);
		wire_put_text(wire, column->unit);
		wire_put_text(wire, column->help);
		wire_put_number(wire, column->type);
		wire_put_number(wire, column->role);
	}
	return wire_send(wire);
}

static int send_table(void *arg, const struct tally_table *table)
{
	struct sending *sending = arg;
	struct stored_table *stored = catalog_copy(table);
	if (!stored)
		return tally_fail(sending->wire.ctx, ENOMEM, "no memory");
	int r = send_declaration(&sending->wire, table);
	for (int part = transfer_first_part(stored); r == 0 && part <= transfer_last_part(stored);
	     part++)
		r = send_part(sending, stored, part);
	catalog_free(stored);
	return r;
}

/* ---- How far it was rolled up ------------------------------------------------------ */

static void send_begin_late(struct sending *sending)
{
	wire_begin(&sending->wire, WIRE_LATE);
	wire_put_text(&sending->wire, sending->table);
}

static int send_minute(void *arg, int64_t time)
{
	struct sending *sending = arg;
	wire_put_number(&sending->wire, time);
	if (!wire_is_full(&sending->wire))
		return 0;
	int r = wire_send(&sending->wire);
	send_begin_late(sending);
	return r;
}

static int send_table_watermarks(struct sending *sending, const struct stored_table *stored)
{
	const struct transfer_reader *reader = sending->reader;
	struct wire *wire = &sending->wire;
	struct watermarks watermarks;
	int r = reader->watermarks(reader->self, stored->table.name, &watermarks);
	if (r < 0)
		return r;
	sending->table = stored->table.name;
	wire_begin(wire, WIRE_MARKS);
	wire_put_text(wire, sending->table);
	for (int level = 0; level < N_LEVELS; level++) {
		wire_put_number(wire, watermarks.rolled_to[level]);
		wire_put_number(wire, watermarks.kept_from[level]);
	}
	r = wire_send(wire);
	send_begin_late(sending);
	if (r == 0)
		r = reader->late(reader->self, stored, send_minute, sending);
	return r == 0 ? wire_send(wire) : r;
}

static int send_watermarks(void *arg, const struct tally_table *table)
{
	struct sending *sending = arg;
	struct stored_table *stored = catalog_copy(table);
	if (!stored)
		return tally_fail(sending->wire.ctx, ENOMEM, "no memory");
	int r = send_table_watermarks(sending, stored);
	catalog_free(stored);
	return r;
}

/* ---- All ------------------------------------------------------------------------ */

static int send_ledger(void *arg, const char *writer, int64_t sequence)
{
	struct sending *sending = arg;
	wire_begin(&sending->wire, WIRE_LEDGER);
	wire_put_text(&sending->wire, writer);
	wire_put_number(&sending->wire, sequence);
	return wire_send(&sending->wire);
}

static int send_all(struct sending *sending, const char *source)
{
	const struct transfer_reader *reader = sending->reader;
	struct wire *wire = &sending->wire;
	wire_begin(wire, WIRE_HELLO);
	wire_put_text(wire, source);
	int r = wire_send(wire);
	if (r == 0)
		r = wire_expect(wire, WIRE_READY);
	if (r == 0)
		r = reader->tables(reader->self, send_table, sending);
	if (r == 0)
		r = send_word(wire, WIRE_ROWS_END, true);
	/* Only now that the other end has compared what it wrote. */
	if (r == 0)
		r = reader->tables(reader->self, send_watermarks, sending);
	if (r == 0)
		r = reader->ledger(reader->self, send_ledger, sending);
	return r == 0 ? send_word(wire, WIRE_DONE, true) : r;
}

int transfer_socket(struct tally_ctx *ctx, const struct tally_command *command, int *ret)
{
	int64_t fd = -1;
	if (command->argc != 2 || text_parse_int(command->argv[1], &fd) < 0 || fd < 0 ||
	    fd > INT_MAX)
		return tally_fail(ctx, EINVAL, "%s needs the number of a socket", command->argv[0]);
	*ret = (int)fd;
	return 0;
}

int transfer_send(const struct transfer_reader *reader, const char *source, int fd)
{
	auto_free struct sending *sending = calloc(1, sizeof(*sending));
	if (!sending)
		return tally_fail(reader->ctx, ENOMEM, "no memory");
	sending->reader = reader;
	wire_init(&sending->wire, reader->ctx, fd);
	int r = send_all(sending, source);
	wire_done(&sending->wire);
	return r;
}
