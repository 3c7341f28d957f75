/* Pieces of the same style that follow each other are one. */
#include "terminal/line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "terminal/text.h"

void line_clear(struct line *line)
{
	strbuf_clear(&line->text);
	line->width = 0;
	line->n = 0;
	line->here = false;
}

void line_done(struct line *line)
{
	strbuf_done(&line->text);
}

static void line_end_piece(struct line *line, enum style style)
{
	bool same = line->n && line->pieces[line->n - 1].style == style;
	if (!same && line->n < LINE_PIECES)
		line->pieces[line->n++].style = style;
	if (line->n)
		line->pieces[line->n - 1].end = line->text.len;
}

void line_show(struct line *line, enum style style, const char *text, size_t columns)
{
	line->width += text_show(&line->text, text, strlen(text), columns);
	line_end_piece(line, style);
}

void line_add(struct line *line, enum style style, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line_show(line, style, text, TEXT_UNBOUNDED);
}

void line_pad(struct line *line, size_t columns)
{
	if (line->width >= columns)
		return;
	strbuf_add(&line->text, "%*s", (int)(columns - line->width), "");
	line->width = columns;
	line_end_piece(line, STYLE_PLAIN);
}

void line_cell(struct line *line, enum style style, const char *text, size_t width, bool right)
{
	size_t end = line->width + width;
	if (right) {
		size_t wide = text_width(text);
		line_pad(line, wide < width ? end - wide : line->width);
	}
	line_show(line, style, text, width);
	line_pad(line, end);
}
