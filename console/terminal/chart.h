/*
 * A chart in braille: two points across and four down in each character.  Gaps are gaps.  Pure.
 */
#ifndef TALLYD_CONSOLE_CHART_H
#define TALLYD_CONSOLE_CHART_H

#include <stddef.h>

#include "terminal/line.h"

struct chart_series {
	const double *values; /* NAN: a gap; the last is now */
	size_t n;
	enum style style;
};

/* The largest value of both, NAN: there is none. */
double chart_top(const struct chart_series *series, size_t n_series);

/* Row `row` of `height` rows, 0 the highest, `columns` wide, for all of the values.
 * Where two series meet, the first one's style counts. */
void chart_row(struct line *line, const struct chart_series *series, size_t n_series, double top,
	       size_t columns, size_t height, size_t row);

#endif
