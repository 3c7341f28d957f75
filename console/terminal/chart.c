/*
 * Each value is a dot, and a column of dots joins it to the one before, so that a jump is seen as
 * one.  The bits of a braille character (U+2800): 0 1 2 6 down on the left, 3 4 5 7 on the right.
 */
#include "terminal/chart.h"

#include <math.h>

double chart_top(const struct chart_series *series, size_t n_series)
{
	double top = NAN;
	for (size_t s = 0; s < n_series; s++)
		for (size_t i = 0; i < series[s].n; i++)
			if (isfinite(series[s].values[i]) &&
			    (isnan(top) || series[s].values[i] > top))
				top = series[s].values[i];
	return top;
}

/* Dots from the bottom; -1: a gap. */
static int chart_level(const struct chart_series *series, size_t dots, size_t column, double top,
		       size_t height)
{
	double x = series->n ? series->values[column * series->n / dots] : NAN;
	if (!isfinite(x))
		return -1;
	int most = (int)height * 4 - 1;
	int level = top > 0 ? (int)lround(x / top * most) : 0;
	return level < 0 ? 0 : level > most ? most : level;
}

/* The dots of one side of a character, whose lowest is `bottom`, as bits. */
static unsigned chart_side(const unsigned char bits[4], int level, int before, int bottom)
{
	unsigned dots = 0;
	if (level < 0)
		return 0;
	if (before < 0)
		before = level;
	/* All from there to here, but for the one that stands there already. */
	int low = level <= before ? level : before + 1;
	int high = level >= before ? level : before - 1;
	for (int i = 0; i < 4; i++)
		if (bottom + i >= low && bottom + i <= high)
			dots |= 1u << bits[i];
	return dots;
}

static unsigned chart_dots(const struct chart_series *series, size_t columns, double top,
			   size_t height, size_t row, size_t column)
{
	static const unsigned char bits[2][4] = {{6, 2, 1, 0}, {7, 5, 4, 3}}; /* from below */
	int bottom = (int)(height - 1 - row) * 4;
	unsigned dots = 0;
	for (size_t at = column * 2; at < column * 2 + 2; at++) {
		int level = chart_level(series, columns * 2, at, top, height);
		int before = at > 0 ? chart_level(series, columns * 2, at - 1, top, height) : level;
		dots |= chart_side(bits[at % 2], level, before, bottom);
	}
	return dots;
}

void chart_row(struct line *line, const struct chart_series *series, size_t n_series, double top,
	       size_t columns, size_t height, size_t row)
{
	for (size_t column = 0; column < columns; column++) {
		unsigned dots = 0;
		enum style style = STYLE_PLAIN;
		for (size_t s = n_series; s-- > 0;) {
			unsigned own = chart_dots(&series[s], columns, top, height, row, column);
			if (own)
				style = series[s].style;
			dots |= own;
		}
		const char text[] = {'\xe2', (char)(0xa0 + (dots >> 6)), (char)(0x80 + (dots & 63)),
				     '\0'};
		line_show(line, style, dots ? text : " ", 1);
	}
}
