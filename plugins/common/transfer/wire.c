/*
 * A message is put together whole and sent at once; rows are packed until there are WIRE_FULL
 * bytes, so that neither end holds more than a message and one row.  A row's checksum is a hash of
 * its bytes here, and that of many is their sum: so both ends may read them in any order.
 */
#include "transfer/wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/hash.h"

enum { WIRE_FULL = 256 << 10, WIRE_HEAD = 9 };
#define WIRE_MOST ((uint64_t)256 << 20)
#define WIRE_PATIENCE (30 * 60 * 1000) /* ms: the other end may read or delete much at a time */

void wire_init(struct wire *wire, struct tally_ctx *ctx, int fd)
{
	*wire = (struct wire){.ctx = ctx, .fd = fd};
}

void wire_done(struct wire *wire)
{
	strbuf_done(&wire->out);
	strbuf_done(&wire->in);
}

/* ---- Putting ------------------------------------------------------------------ */

void wire_begin(struct wire *wire, enum wire_kind kind)
{
	char head[WIRE_HEAD] = {0};
	head[WIRE_HEAD - 1] = (char)kind;
	strbuf_clear(&wire->out);
	strbuf_bytes(&wire->out, head, sizeof(head));
}

void wire_put_number(struct wire *wire, int64_t number)
{
	strbuf_bytes(&wire->out, &number, sizeof(number));
}

void wire_put_text(struct wire *wire, const char *text)
{
	char set = text != NULL;
	strbuf_bytes(&wire->out, &set, 1);
	if (text)
		strbuf_bytes(&wire->out, text, strlen(text) + 1);
}

static bool wire_is_text(const struct transfer_cell *cell)
{
	return cell->type == TALLY_TEXT || cell->type == TALLY_JSON;
}

static void wire_put_cell(struct strbuf *out, const struct transfer_cell *info,
			  const struct tally_cell *cell)
{
	char set = cell->set != 0;
	strbuf_bytes(out, &set, 1);
	if (!set)
		return;
	if (!wire_is_text(info)) {
		strbuf_bytes(out, &cell->i, sizeof(cell->i));
		return;
	}
	strbuf_bytes(out, &cell->len, sizeof(cell->len));
	if (cell->len)
		strbuf_bytes(out, cell->text, cell->len);
}

void wire_put_row(struct wire *wire, const struct transfer_shape *shape,
		  const struct tally_cell *cells, struct wire_sum *sum)
{
	size_t from = wire->out.len;
	for (uint32_t i = 0; i < shape->n; i++)
		wire_put_cell(&wire->out, &shape->cells[i], &cells[i]);
	if (wire->out.failed)
		return;
	sum->rows++;
	sum->checksum += hash_bytes(0, wire->out.data + from, wire->out.len - from);
}

void wire_sum_row(struct wire *wire, const struct transfer_shape *shape,
		  const struct tally_cell *cells, struct wire_sum *sum)
{
	strbuf_clear(&wire->out);
	wire_put_row(wire, shape, cells, sum);
}

bool wire_is_full(const struct wire *wire)
{
	return wire->out.len >= WIRE_FULL;
}

/* ---- Over the socket ------------------------------------------------------------ */

static int wire_gone(struct wire *wire)
{
	return tally_fail(wire->ctx, EPIPE, "the other end of the copy has given up");
}

static int wire_wait(struct wire *wire, short events)
{
	struct pollfd poll_fd = {.fd = wire->fd, .events = events};
	int n;
	do
		n = poll(&poll_fd, 1, WIRE_PATIENCE);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return tally_fail(wire->ctx, ETIMEDOUT,
				  "the other end of the copy has said nothing for half an hour");
	return n < 0 ? tally_fail(wire->ctx, errno, "poll: %s", strerror(errno)) : 0;
}

int wire_send(struct wire *wire)
{
	if (wire->out.failed)
		return tally_fail(wire->ctx, ENOMEM, "no memory");
	uint64_t len = wire->out.len - WIRE_HEAD;
	memcpy(wire->out.data, &len, sizeof(len));
	for (size_t sent = 0; sent < wire->out.len;) {
		ssize_t n = send(wire->fd, wire->out.data + sent, wire->out.len - sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		int r = n < 0 && errno == EAGAIN ? wire_wait(wire, POLLOUT) : 0;
		if (r < 0)
			return r;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return wire_gone(wire);
		sent += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int wire_read(struct wire *wire, char *to, size_t len)
{
	while (len > 0) {
		int r = wire_wait(wire, POLLIN);
		if (r < 0)
			return r;
		ssize_t n = recv(wire->fd, to, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return wire_gone(wire);
		to += n;
		len -= (size_t)n;
	}
	return 0;
}

int wire_receive(struct wire *wire)
{
	char head[WIRE_HEAD];
	uint64_t len;
	int r = wire_read(wire, head, sizeof(head));
	if (r < 0)
		return r;
	memcpy(&len, head, sizeof(len));
	wire->kind = head[WIRE_HEAD - 1];
	wire->at = 0;
	strbuf_clear(&wire->in);
	char *to = len <= WIRE_MOST ? strbuf_room(&wire->in, len + 1) : NULL;
	if (!to)
		return tally_fail(wire->ctx, ENOMEM, "no memory for a message of %llu bytes",
				  (unsigned long long)len);
	r = wire_read(wire, to, len);
	to[len] = '\0';
	wire->in.len = len;
	return r;
}

int wire_expect(struct wire *wire, enum wire_kind kind)
{
	int r = wire_receive(wire);
	if (r == 0 && wire->kind != (char)kind)
		return tally_fail(wire->ctx, EPROTO, "the other end says %c instead of %c",
				  wire->kind, kind);
	return r;
}

/* ---- Getting ---------------------------------------------------------------------- */

static bool wire_take(struct wire *wire, void *to, size_t len)
{
	if (wire->in.len - wire->at < len)
		return false;
	memcpy(to, wire->in.data + wire->at, len);
	wire->at += len;
	return true;
}

bool wire_more(const struct wire *wire)
{
	return wire->at < wire->in.len;
}

int64_t wire_get_number(struct wire *wire)
{
	int64_t number = 0;
	return wire_take(wire, &number, sizeof(number)) ? number : 0;
}

/* The message ends with a NUL of our own, so a text always does. */
const char *wire_get_text(struct wire *wire)
{
	char set = 0;
	if (!wire_take(wire, &set, 1) || !set)
		return NULL;
	const char *text = wire->in.data + wire->at;
	size_t len = strlen(text) + 1;
	wire->at = wire->in.len - wire->at < len ? wire->in.len : wire->at + len;
	return text;
}

static bool wire_get_cell(struct wire *wire, const struct transfer_cell *info,
			  struct tally_cell *cell)
{
	char set = 0;
	*cell = (struct tally_cell){.set = 0};
	if (!wire_take(wire, &set, 1))
		return false;
	cell->set = set != 0;
	if (!set)
		return true;
	if (!wire_is_text(info))
		return wire_take(wire, &cell->i, sizeof(cell->i));
	if (!wire_take(wire, &cell->len, sizeof(cell->len)) || wire->in.len - wire->at < cell->len)
		return false;
	cell->text = wire->in.data + wire->at;
	wire->at += cell->len;
	return true;
}

bool wire_get_row(struct wire *wire, const struct transfer_shape *shape, struct tally_cell *cells,
		  struct wire_sum *sum)
{
	size_t from = wire->at;
	for (uint32_t i = 0; i < shape->n; i++)
		if (!wire_get_cell(wire, &shape->cells[i], &cells[i]))
			return false;
	sum->rows++;
	sum->checksum += hash_bytes(0, wire->in.data + from, wire->at - from);
	return true;
}
