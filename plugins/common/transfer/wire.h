/*
 * Messages between the two ends of a transfer, over a stream socket: a length, a kind, and bytes.
 * Both ends are processes of one tallyd on one machine, so numbers are as the machine has them.
 * All block, for at most WIRE_PATIENCE; one thread a connection.
 */
#ifndef TALLYD_PLUGINS_COMMON_TRANSFER_WIRE_H
#define TALLYD_PLUGINS_COMMON_TRANSFER_WIRE_H

#include <tallyd/host.h>

#include "base/strbuf.h"
#include "transfer/shape.h"

enum wire_kind {
	WIRE_HELLO = 'H',    /* who sends: a text */
	WIRE_TABLE = 'T',    /* its declaration */
	WIRE_CHUNK = 'C',    /* part, from: what comes next; asks what is there of it */
	WIRE_FOUND = 'F',    /* the answer: whether, rows, checksum */
	WIRE_SKIP = 'S',     /* it is the same */
	WIRE_ROWS = 'R',     /* rows of the chunk */
	WIRE_CLOSE = 'E',    /* that were all: rows, checksum */
	WIRE_ROWS_END = 'V', /* those were all rows */
	WIRE_MARKS = 'M',    /* a table and its watermarks */
	WIRE_LATE = 'L',     /* a table and minutes that have to be rolled up again */
	WIRE_LEDGER = 'G',   /* a writer and its sequence */
	WIRE_DONE = 'Z',     /* all is sent */
	WIRE_READY = 'A',    /* the answer to HELLO, ROWS_END and DONE */
};

/* Of a chunk: order does not count, repetition does. */
struct wire_sum {
	uint64_t rows, checksum;
};

struct wire {
	struct tally_ctx *ctx;
	int fd;
	struct strbuf out, in; /* one message each */
	size_t at;             /* how far `in` is read */
	char kind;             /* of the message in `in` */
};

void wire_init(struct wire *wire, struct tally_ctx *ctx, int fd);
void wire_done(struct wire *wire);

/* begin, put …, send. */
void wire_begin(struct wire *wire, enum wire_kind kind);
void wire_put_number(struct wire *wire, int64_t number);
void wire_put_text(struct wire *wire, const char *text); /* NULL is one */
/* Adds the row's bytes to the sum. */
void wire_put_row(struct wire *wire, const struct transfer_shape *shape,
		  const struct tally_cell *cells, struct wire_sum *sum);
bool wire_is_full(const struct wire *wire); /* enough for one message */
int wire_send(struct wire *wire);

/* The next message; -EPIPE: the other end is gone. */
int wire_receive(struct wire *wire);
/* Must be of that kind. */
int wire_expect(struct wire *wire, enum wire_kind kind);
bool wire_more(const struct wire *wire); /* in this message */
/* What is not there reads as 0, NULL and false. */
int64_t wire_get_number(struct wire *wire);
const char *wire_get_text(struct wire *wire);
/* Text points into the message.  False: it is not a row of that shape. */
bool wire_get_row(struct wire *wire, const struct transfer_shape *shape, struct tally_cell *cells,
		  struct wire_sum *sum);

/* The sum of a row as wire_put_row() makes it. */
void wire_sum_row(struct wire *wire, const struct transfer_shape *shape,
		  const struct tally_cell *cells, struct wire_sum *sum);

#endif
