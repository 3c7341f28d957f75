/*
 * Binary parameters of one statement, collected while its text is written, on the thread that asks
 * the query.  Each function returns the number for $n.  Nothing fails at once: what went wrong is
 * noted in failed, and parameters_get() says so in the end.  Values and text stay apart, so nothing
 * that came from a request is ever part of the SQL.
 */
#include "read/parameters.h"

#include <errno.h>

#include "pg/pg_value.h"

void parameters_init(struct parameters *parameters)
{
	parameters->n = 0;
	parameters->failed = false;
	parameters->bytes = (struct strbuf){0};
}

void parameters_done(struct parameters *parameters)
{
	strbuf_done(&parameters->bytes);
}

static char *parameters_add(struct parameters *p, Oid type, int len)
{
	char *to = p->n < PARAMETERS_MAX ? strbuf_room(&p->bytes, len > 0 ? (size_t)len : 0) : NULL;
	if (!to) {
		p->failed = true;
		return NULL;
	}
	p->types[p->n] = type;
	p->lengths[p->n] = len;
	p->starts[p->n++] = p->bytes.len;
	p->bytes.len += len > 0 ? (size_t)len : 0;
	return to;
}

int parameters_text(struct parameters *p, const char *text, size_t len)
{
	char *to = parameters_add(p, PG_TEXT, (int)len);
	if (to && len)
		memcpy(to, text, len);
	return p->n;
}

int parameters_bytes(struct parameters *p, const void *bytes, size_t len)
{
	char *to = parameters_add(p, PG_BYTEA, (int)len);
	if (to && len)
		memcpy(to, bytes, len);
	return p->n;
}

int parameters_int(struct parameters *p, int64_t value)
{
	char *to = parameters_add(p, PG_INT8, 8);
	if (to)
		pg_put_64(to, (uint64_t)value);
	return p->n;
}

int parameters_time(struct parameters *p, int64_t ns)
{
	/* Rounded up, so that [from, to) of nanoseconds holds the same microseconds. */
	char *to = parameters_add(p, PG_TIMESTAMPTZ, 8);
	if (to)
		pg_put_64(to, (uint64_t)pg_time_from_ns_up(ns));
	return p->n;
}

int parameters_cell(struct parameters *p, uint16_t type, const struct tally_cell *cell)
{
	if (pg_is_null(type, cell)) {
		parameters_add(p, type == TALLY_JSON ? (Oid)PG_TEXT : pg_value_oid(type), -1);
		return p->n;
	}
	if (type == TALLY_TEXT || type == TALLY_JSON)
		return parameters_text(p, cell->text, cell->len);
	char bytes[16];
	int len = (int)(pg_put_cell(bytes, type, cell) - bytes) - 4;
	char *to = parameters_add(p, pg_value_oid(type), len);
	if (to)
		memcpy(to, bytes + 4, (size_t)len);
	return p->n;
}

/* One array instead of a list of values: the text stays the same, and so does the prepared plan. */
static char *parameters_array(char *to, Oid type, uint32_t n, bool nulls)
{
	to = pg_put_32(pg_put_32(pg_put_32(to, 1), nulls), type);
	return pg_put_32(pg_put_32(to, n), 1);
}

enum { PARAMETERS_ARRAY = 20 }; /* bytes before the values */

int parameters_ints(struct parameters *p, const int32_t *values, uint32_t n)
{
	char *to = parameters_add(p, 1007 /* int4[] */, (int)(PARAMETERS_ARRAY + 8 * n));
	if (!to)
		return p->n;
	to = parameters_array(to, PG_INT4, n, false);
	for (uint32_t i = 0; i < n; i++)
		to = pg_put_32(pg_put_32(to, 4), (uint32_t)values[i]);
	return p->n;
}

int parameters_texts(struct parameters *p, const struct tally_cell *const *values, uint32_t n)
{
	size_t len = PARAMETERS_ARRAY;
	bool nulls = false;
	for (uint32_t i = 0; i < n; i++) {
		len += sizeof(uint32_t) + (values[i]->set ? values[i]->len : 0);
		nulls |= !values[i]->set;
	}
	char *to = parameters_add(p, 1009 /* text[] */, (int)len);
	if (!to)
		return p->n;
	to = parameters_array(to, PG_TEXT, n, nulls);
	for (uint32_t i = 0; i < n; i++)
		to = pg_put_cell(to, TALLY_TEXT, values[i]);
	return p->n;
}

int parameters_get(struct tally_ctx *ctx, struct parameters *p, struct pg_params *ret)
{
	if (p->failed)
		return tally_fail(ctx, EINVAL, "the query has too many values");
	/* Only now: the buffer may have moved while it grew. */
	for (int i = 0; i < p->n; i++)
		p->values[i] = p->lengths[i] < 0 ? NULL : p->bytes.data + p->starts[i];
	*ret = (struct pg_params){p->n, p->types, p->values, p->lengths};
	return 0;
}
