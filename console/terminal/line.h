/*
 * A line of the screen in the making: text that is safe and measured, in pieces of one style each.
 * The screen draws it, or it is printed as plain text.
 */
#ifndef TALLYD_CONSOLE_LINE_H
#define TALLYD_CONSOLE_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

enum style {
	STYLE_PLAIN,
	STYLE_DIM,
	STYLE_LOOK, /* amber */
	STYLE_ACT,  /* red */
	STYLE_GOOD, /* what a chart draws */
	STYLE_ALSO, /* and its second series */
	STYLE_HEAD,
	STYLE_BAR, /* of the screen: its first line and its foot */
	STYLES
};

enum { LINE_PIECES = 64 };

struct line {
	struct strbuf text;
	size_t width; /* columns so far */
	struct line_piece {
		size_t end; /* in text */
		enum style style;
	} pieces[LINE_PIECES];
	unsigned n;
	bool here; /* where the cursor is */
};

void line_clear(struct line *line);
void line_done(struct line *line);

/* Foreign text, cut at so many columns. */
void line_show(struct line *line, enum style style, const char *text, size_t columns);
/* Our own text. */
__attribute__((format(printf, 3, 4))) void line_add(struct line *line, enum style style,
						    const char *fmt, ...);
/* Foreign text in a column of that width, to the left or right. */
void line_cell(struct line *line, enum style style, const char *text, size_t width, bool right);
void line_pad(struct line *line, size_t columns); /* blanks up to there */

#endif
