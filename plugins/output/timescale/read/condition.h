/* Filters as SQL; every value becomes a parameter. */
#ifndef TALLYD_TIMESCALE_CONDITION_H
#define TALLYD_TIMESCALE_CONDITION_H

#include "read/parameters.h"
#include "store/bound_query.h"

/* Appends " and …" for each filter on columns of these sides, which stand under these aliases. */
void condition_append(struct strbuf *sql, struct parameters *parameters,
		      const struct bound_query *bound, unsigned sides, const char *tags,
		      const char *fields);
/* " and (…)": the row comes after query->after in the answer's order.  Tags and fields as above. */
void condition_append_after(struct strbuf *sql, struct parameters *parameters,
			    const struct bound_query *bound, const char *tags, const char *fields);

#endif
