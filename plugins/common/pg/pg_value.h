/*
 * Values in PostgreSQL's binary format: what COPY BINARY, binary parameters and binary results
 * carry.  Numbers are big-endian; a timestamptz counts microseconds since 2000-01-01 UTC, so times
 * lose what is below a microsecond (rounded down). https://www.postgresql.org/docs/15/protocol.html
 */
#ifndef TALLYD_PLUGINS_COMMON_PG_VALUE_H
#define TALLYD_PLUGINS_COMMON_PG_VALUE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>
#include <tallyd/plugin.h>

#include "base/strbuf.h"

/* Oids of pg_type, the same in every server. */
enum pg_oid {
	PG_BOOL = 16,
	PG_BYTEA = 17,
	PG_INT8 = 20,
	PG_INT2 = 21,
	PG_INT4 = 23,
	PG_TEXT = 25,
	PG_JSON = 114,
	PG_FLOAT8 = 701,
	PG_TIMESTAMPTZ = 1184
};

#define PG_EPOCH INT64_C(946684800000000) /* µs from 1970 to 2000 */

static inline uint32_t pg_value_oid(uint16_t type)
{
	static const uint32_t oids[] = {
		[TALLY_TIME] = PG_TIMESTAMPTZ, [TALLY_INT] = PG_INT8,  [TALLY_REAL] = PG_FLOAT8,
		[TALLY_BOOL] = PG_BOOL,        [TALLY_TEXT] = PG_TEXT, [TALLY_JSON] = PG_JSON};
	return oids[type];
}

static inline bool pg_value_is_text(uint16_t type)
{
	return type == TALLY_TEXT || type == TALLY_JSON;
}

/* As SQL writes it. */
static inline const char *pg_value_type(uint16_t type)
{
	static const char *const names[] = {
		[TALLY_TIME] = "timestamptz", [TALLY_INT] = "bigint", [TALLY_REAL] = "float8",
		[TALLY_BOOL] = "boolean",     [TALLY_TEXT] = "text",  [TALLY_JSON] = "json"};
	return names[type];
}

static inline int64_t pg_time_from_ns(int64_t ns)
{
	int64_t us = ns / 1000;
	return us - (ns % 1000 < 0) - PG_EPOCH;
}

/* What the above leaves out, 0 to 999. */
static inline uint16_t pg_time_nanos(int64_t ns)
{
	int64_t rest = ns % 1000;
	return (uint16_t)(rest < 0 ? rest + 1000 : rest);
}

/* The first microsecond that is not before. */
static inline int64_t pg_time_from_ns_up(int64_t ns)
{
	int64_t us = ns / 1000;
	return us + (ns % 1000 > 0) - PG_EPOCH;
}

static inline int64_t pg_time_to_ns(int64_t pg)
{
	int64_t ns;
	int64_t us = pg + PG_EPOCH;
	if (__builtin_mul_overflow(us, 1000, &ns))
		return us < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

static inline char *pg_put_16(char *to, uint16_t v)
{
	v = htobe16(v);
	memcpy(to, &v, sizeof(v));
	return to + sizeof(v);
}

static inline char *pg_put_32(char *to, uint32_t v)
{
	v = htobe32(v);
	memcpy(to, &v, sizeof(v));
	return to + sizeof(v);
}

static inline char *pg_put_64(char *to, uint64_t v)
{
	v = htobe64(v);
	memcpy(to, &v, sizeof(v));
	return to + sizeof(v);
}

static inline int64_t pg_get_64(const char *from)
{
	uint64_t v;
	memcpy(&v, from, sizeof(v));
	return (int64_t)be64toh(v);
}

static inline int16_t pg_get_16(const char *from)
{
	uint16_t v;
	memcpy(&v, from, sizeof(v));
	return (int16_t)be16toh(v);
}

static inline int32_t pg_get_32(const char *from)
{
	uint32_t v;
	memcpy(&v, from, sizeof(v));
	return (int32_t)be32toh(v);
}

/* NaN is stored as NULL, as SQLite's store does, too. */
static inline bool pg_is_null(uint16_t type, const struct tally_cell *cell)
{
	return !cell->set || (type == TALLY_REAL && cell->f != cell->f);
}

/* What pg_put_cell() writes at most. */
static inline size_t pg_cell_room(uint16_t type, const struct tally_cell *cell)
{
	return sizeof(uint32_t) +
	       (pg_value_is_text(type) && cell->set ? cell->len : sizeof(uint64_t));
}

/* Its length (or -1: NULL) and its bytes; returns what follows. */
static inline char *pg_put_cell(char *to, uint16_t type, const struct tally_cell *cell)
{
	if (pg_is_null(type, cell))
		return pg_put_32(to, UINT32_MAX);
	switch (type) {
	case TALLY_TEXT:
	case TALLY_JSON:
		to = pg_put_32(to, cell->len);
		if (cell->len)
			memcpy(to, cell->text, cell->len);
		return to + cell->len;
	case TALLY_BOOL:
		to = pg_put_32(to, 1);
		*to = cell->i != 0;
		return to + 1;
	case TALLY_TIME:
		return pg_put_64(pg_put_32(to, 8), (uint64_t)pg_time_from_ns(cell->i));
	default: /* INT, and REAL by its bits */
		return pg_put_64(pg_put_32(to, 8), (uint64_t)cell->i);
	}
}

/* From a binary result; text points into it. */
struct tally_cell pg_get_cell(uint16_t type, const char *data, int len);

#endif
