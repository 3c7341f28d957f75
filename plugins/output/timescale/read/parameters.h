/*
 * The parameters of one statement under construction, all bound in binary: numbers are given out in
 * the order of the calls, for $1, $2, … in its text.
 */
#ifndef TALLYD_TIMESCALE_PARAMETERS_H
#define TALLYD_TIMESCALE_PARAMETERS_H

#include "pg/pg_connection.h"
#include "base/strbuf.h"

enum { PARAMETERS_MAX = 512 };

struct parameters {
	int n;
	bool failed; /* too many of them, or no memory */
	Oid types[PARAMETERS_MAX];
	int lengths[PARAMETERS_MAX]; /* -1: NULL */
	size_t starts[PARAMETERS_MAX];
	const char *values[PARAMETERS_MAX];
	struct strbuf bytes;
};

void parameters_init(struct parameters *parameters);
void parameters_done(struct parameters *parameters);
int parameters_cell(struct parameters *parameters, uint16_t type, const struct tally_cell *cell);
int parameters_text(struct parameters *parameters, const char *text, size_t len);
int parameters_bytes(struct parameters *parameters, const void *bytes, size_t len);
/* A time in ns, the first microsecond not before it. */
int parameters_time(struct parameters *parameters, int64_t ns);
int parameters_int(struct parameters *parameters, int64_t value);
int parameters_ints(struct parameters *parameters, const int32_t *values, uint32_t n);
int parameters_texts(struct parameters *parameters, const struct tally_cell *const *values,
		     uint32_t n);
/* In the connection's form; points into parameters.  -ENOMEM, -EINVAL. */
int parameters_get(struct tally_ctx *ctx, struct parameters *parameters, struct pg_params *ret);

#define auto_parameters __attribute__((cleanup(parameters_done)))

#endif
