/*
 * The screen: a bar with the API, the order and the filter; the table; the foot.  Or the help, or
 * one container (top_detail.c).
 */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "terminal/figures.h"
#include "terminal/screen.h"
#include "terminal/text.h"
#include "top/top.h"

/* ---- What is shown -------------------------------------------------------------------- */

static uint64_t item_key(const struct table_item *item)
{
	if (!item->container)
		return hash_text(1, item->group);
	return hash_text(hash_text(2, item->container->texts[MODEL_HOST]),
			 item->container->texts[MODEL_ID]);
}

/* The cursor on what it was on, if that is still there. */
static void top_find_cursor(struct top *top)
{
	for (size_t i = 0; i < top->table.n_items && top->at_key; i++)
		if (item_key(&top->table.items[i]) == top->at_key)
			top->at = i;
	if (top->at >= top->table.n_items)
		top->at = top->table.n_items ? top->table.n_items - 1 : 0;
	top->at_key = top->table.n_items ? item_key(&top->table.items[top->at]) : 0;
}

bool top_arrange(struct top *top)
{
	if (top->at < top->table.n_items && top->at_key == 0)
		top->at_key = item_key(&top->table.items[top->at]);
	table_done(&top->table);
	if (!table_make(&top->table, &top->view, &top->feed.model, screen_width()))
		return false;
	top_find_cursor(top);
	return true;
}

/* ---- Bars ----------------------------------------------------------------------------------- */

static void draw_head(const struct top *top, struct line *line)
{
	line_add(line, STYLE_HEAD, "tallyd top");
	line_add(line, STYLE_DIM, "  ");
	line_show(line, STYLE_DIM, top->url, 40);
	if (top->filtering) {
		line_add(line, STYLE_HEAD, "  / ");
		line_show(line, STYLE_HEAD, top->view.filter, TABLE_FILTER_SIZE);
		line_add(line, STYLE_HEAD, "_");
	} else if (*top->view.filter) {
		line_add(line, STYLE_LOOK, "  filter: ");
		line_show(line, STYLE_LOOK, top->view.filter, TABLE_FILTER_SIZE);
	}
	const char *hint = top->filtering ? "enter keeps, esc drops" : "? help  q quit";
	size_t width = screen_width(), len = text_width(hint);
	if (line->width + len + 2 > width)
		return;
	line_pad(line, width - len);
	line_add(line, STYLE_DIM, "%s", hint);
}

/* The order in words where its column is not on the screen. */
static void draw_foot(const struct top *top, struct line *line)
{
	top_foot(&top->feed, line);
	if (!top->detail && !top->table.widths[top->view.sort])
		line_add(line, STYLE_DIM, " · by %s", table_title(top->view.sort));
}

/* ---- The table ---------------------------------------------------------------------------------
 */

static void draw_nothing(const struct top *top, struct line *line)
{
	const struct model *model = &top->feed.model;
	if (!model->loaded && !*top->feed.problem)
		line_add(line, STYLE_DIM, "asking %s …", top->url);
	else if (!model->loaded)
		line_add(line, STYLE_ACT, "The list of containers cannot be shown.");
	else if (model->n == 0)
		line_add(line, STYLE_DIM,
			 "There are no containers, or nobody collects them: "
			 "conf.d/docker_status.conf does.");
	else
		line_add(line, STYLE_DIM, "No container has all of these words; esc shows all.");
	screen_draw(3, line);
}

static void draw_table(struct top *top, struct line *line)
{
	size_t rows = screen_height() - 3;
	if (top->at < top->first)
		top->first = top->at;
	if (top->at >= top->first + rows)
		top->first = top->at - rows + 1;
	if (top->first + rows > top->table.n_items)
		top->first = top->table.n_items > rows ? top->table.n_items - rows : 0;
	line_clear(line);
	table_head(&top->table, &top->view, line);
	screen_draw(1, line);
	for (size_t i = 0; i < rows && top->first + i < top->table.n_items; i++) {
		line_clear(line);
		table_line(&top->table, &top->view, &top->table.items[top->first + i], line);
		line->here = top->first + i == top->at;
		screen_draw(2 + i, line);
	}
	line_clear(line);
	if (top->table.n_items == 0)
		draw_nothing(top, line);
}

/* ---- The help ---------------------------------------------------------------------------------
 */

static void draw_help(struct line *line)
{
	static const char *const keys[][2] = {
		{"j k, arrows", "next, last row; g G first, last; page up, page down"},
		{"enter", "open a container, fold or unfold a project"},
		{"space", "fold or unfold the project"},
		{"esc", "back; in the table: all rows"},
		{"/", "filter: words that must be in a row, state:exited, label:tier=web"},
		{"< >", "sort by the column before, after"},
		{"r", "turn the order round"},
		{"t", "by compose project, or not"},
		{"[ ]", "in a container: a longer, a shorter time"},
		{"R", "ask again now"},
		{"q", "quit"},
	};
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		line_clear(line);
		line_add(line, STYLE_PLAIN, "  ");
		line_cell(line, STYLE_HEAD, keys[i][0], 14, false);
		line_add(line, STYLE_PLAIN, "%s", keys[i][1]);
		screen_draw(2 + i, line);
	}
	line_clear(line);
	line_add(line, STYLE_DIM,
		 "  cpu is per cent of one core, as docker stats shows it; %s is "
		 "not known, which is not 0.",
		 FIGURE_NONE);
	screen_draw(14, line);
	line_clear(line);
	line_add(line, STYLE_DIM,
		 "  The line of blocks is CPU over the last hour. Any key goes "
		 "back.");
	screen_draw(15, line);
}

void top_draw(struct top *top)
{
	struct line line = {0};
	screen_begin();
	draw_head(top, &line);
	screen_draw(0, &line);
	if (screen_height() < 6 || screen_width() < 30) {
		line_clear(&line);
		line_add(&line, STYLE_LOOK, "the terminal is too small");
		screen_draw(1, &line);
	} else {
		if (top->help)
			draw_help(&line);
		else if (top->detail)
			top_draw_detail(top, &line);
		else
			draw_table(top, &line);
		line_clear(&line);
		draw_foot(top, &line);
		screen_draw(screen_height() - 1, &line);
	}
	screen_end();
	line_done(&line);
}
