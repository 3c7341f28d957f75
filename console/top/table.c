/*
 * Columns and their widths, and rows as lines.  Numbers have the width of their widest form, so
 * that columns stand still while values change; names and images share what is left.
 */
#include "top/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "terminal/figures.h"
#include "top/table_rows.h"
#include "terminal/text.h"

static const struct {
	size_t width; /* 0: as wide as its texts, between least and most */
	size_t least, most;
} columns[TABLE_COLUMNS] = {
	[COLUMN_NAME] = {0, 12, 40}, [COLUMN_STATE] = {10, 0, 0},
	[COLUMN_HEALTH] = {9, 0, 0}, [COLUMN_CPU] = {7 + 1 + MODEL_TRENDS, 0, 0},
	[COLUMN_MEM] = {19, 0, 0},   [COLUMN_NET] = {19, 0, 0},
	[COLUMN_DISK] = {21, 0, 0},  [COLUMN_UP] = {10, 0, 0},
	[COLUMN_IMAGE] = {0, 8, 40}, [COLUMN_PROJECT] = {0, 7, 24},
	[COLUMN_HOST] = {0, 4, 24},  [COLUMN_NOTE] = {0, 8, 40},
};

/* ---- Widths -------------------------------------------------------------------------- */

static size_t shown_width(const char *text, size_t most)
{
	struct strbuf shown = {0};
	size_t width = text_show(&shown, text, strlen(text), most);
	strbuf_done(&shown);
	return width;
}

static size_t table_longest(const struct table *table, int column)
{
	char note[128];
	size_t longest = 0, most = columns[column].most;
	for (size_t i = 0; i < table->n_rows && longest < most; i++) {
		const char *text = note;
		if (column == COLUMN_NOTE)
			container_note(table->rows[i], note, sizeof(note));
		else
			text = table_text(table->rows[i], column);
		size_t width = shown_width(text, most);
		if (width > longest)
			longest = width;
	}
	return longest;
}

static bool table_is_wanted(const struct table *table, int column)
{
	if (column == COLUMN_PROJECT)
		return !table->grouped && table_longest(table, column) > 0;
	if (column == COLUMN_NOTE)
		return table_longest(table, column) > 0;
	if (column != COLUMN_HOST)
		return true;
	for (size_t i = 1; i < table->n_rows; i++)
		if (strcmp(table_text(table->rows[i], COLUMN_HOST),
			   table_text(table->rows[0], COLUMN_HOST)) != 0)
			return true;
	return false;
}

/* Of names what is left beside the numbers up to the memory; they are indented in groups. */
static size_t table_name_width(const struct table *table, size_t width)
{
	size_t longest = table_longest(table, COLUMN_NAME) + (table->grouped ? 2 : 0);
	size_t rest = 0;
	for (int i = COLUMN_STATE; i <= COLUMN_MEM; i++)
		rest += columns[i].width + 1;
	for (size_t i = 0; i < table->n_items; i++) {
		const struct table_item *item = &table->items[i];
		size_t head = item->container ? 0 : shown_width(item->group, 30) + 8;
		longest = head > longest ? head : longest;
	}
	if (longest > columns[COLUMN_NAME].most)
		longest = columns[COLUMN_NAME].most;
	if (width && longest + rest > width)
		longest = width > rest ? width - rest : 0;
	return longest > columns[COLUMN_NAME].least ? longest : columns[COLUMN_NAME].least;
}

static void table_set_widths(struct table *table, size_t width)
{
	size_t used = 0;
	for (int i = 0; i < TABLE_COLUMNS; i++) {
		size_t wanted = columns[i].width;
		if (!table_is_wanted(table, i))
			continue;
		if (i == COLUMN_NAME)
			wanted = table_name_width(table, width);
		else if (wanted == 0)
			wanted = table_longest(table, i);
		if (wanted < columns[i].least)
			wanted = columns[i].least;
		size_t left = width > used ? width - used : 0;
		/* A text is cut before its column is dropped. */
		if (width && !columns[i].width && wanted > left && left >= columns[i].least)
			wanted = left;
		if (width && wanted > left)
			return;
		table->widths[i] = wanted;
		used += wanted + 1;
	}
}

bool table_make(struct table *table, const struct table_view *view, const struct model *model,
		size_t width)
{
	if (!table_choose(table, view, model))
		return false;
	for (size_t i = 0; i < table->n_rows; i++)
		for (size_t n = 0; n < MODEL_TRENDS; n++)
			if (table->rows[i]->trend[n] > table->top)
				table->top = table->rows[i]->trend[n];
	table_set_widths(table, width);
	return true;
}

/* ---- Lines ------------------------------------------------------------------------------- */

static void table_gap(struct line *line)
{
	if (line->width)
		line_pad(line, line->width + 1);
}

void table_head(const struct table *table, const struct table_view *view, struct line *line)
{
	char title[40];
	for (int i = 0; i < TABLE_COLUMNS; i++) {
		if (!table->widths[i])
			continue;
		table_gap(line);
		snprintf(title, sizeof(title), "%s%s", table_title(i),
			 i != view->sort ? ""
			 : view->down    ? " ▼"
					 : " ▲");
		if (i != COLUMN_CPU) {
			line_cell(line, STYLE_HEAD, title, table->widths[i], table_is_number(i));
			continue;
		}
		line_cell(line, STYLE_HEAD, title, 7, true);
		line_pad(line, line->width + 1 + MODEL_TRENDS);
	}
}

static enum style state_style(const struct container *container)
{
	if (container_is(container, MODEL_STATE, "running"))
		return STYLE_PLAIN;
	if (container_is(container, MODEL_STATE, "restarting") ||
	    container_is(container, MODEL_STATE, "paused"))
		return STYLE_LOOK;
	bool failed = container->exit_code > 0 && container_is(container, MODEL_STATE, "exited");
	return failed || container_is(container, MODEL_STATE, "dead") ? STYLE_ACT : STYLE_DIM;
}

static enum style health_style(const struct container *container)
{
	if (container_is(container, MODEL_HEALTH, "unhealthy"))
		return STYLE_ACT;
	bool well = !container->texts[MODEL_HEALTH] ||
		    container_is(container, MODEL_HEALTH, "healthy") ||
		    container_is(container, MODEL_HEALTH, "none");
	return well ? STYLE_PLAIN : STYLE_LOOK;
}

static enum style mem_style(const struct container *container)
{
	double share = container->now.mem_used / container->mem_limit;
	return share >= 0.95 ? STYLE_ACT : share >= 0.8 ? STYLE_LOOK : STYLE_PLAIN;
}

static void table_two(struct line *line, double a, double b,
		      void (*figure)(double x, char ret[FIGURE_SIZE]), size_t width)
{
	char first[FIGURE_SIZE], second[FIGURE_SIZE];
	figure(a, first);
	figure(b, second);
	line_cell(line, STYLE_PLAIN, first, width / 2, true);
	line_pad(line, line->width + 1);
	line_cell(line, STYLE_PLAIN, second, width / 2, true);
}

static void table_mem(struct line *line, enum style style, double used, double limit, size_t width)
{
	char a[FIGURE_SIZE], b[FIGURE_SIZE];
	struct strbuf both = {0};
	figure_bytes(used, a);
	figure_bytes(limit, b);
	strbuf_add(&both, "%s / %s", a, b);
	if (!both.failed)
		line_cell(line, style, both.data, width, true);
	strbuf_done(&both);
}

static void table_cpu(const struct table *table, const struct container *container,
		      struct line *line)
{
	char percent[FIGURE_SIZE];
	struct strbuf spark = {0};
	figure_percent(container->now.cpu_percent, percent);
	line_cell(line, STYLE_PLAIN, percent, 7, true);
	line_pad(line, line->width + 1);
	size_t end = line->width + MODEL_TRENDS;
	figure_spark(&spark, container->trend, MODEL_TRENDS, table->top);
	if (container->now.time && spark.data)
		line_show(line, STYLE_GOOD, spark.data, MODEL_TRENDS);
	line_pad(line, end);
	strbuf_done(&spark);
}

/* What is not known, or does not apply: "none" is how engines say that there is no health check. */
static const char *or_none(const char *text)
{
	return *text && strcmp(text, "none") != 0 ? text : FIGURE_NONE;
}

static void table_cell_text(const struct container *container, int column, struct line *line,
			    size_t width)
{
	char note[128];
	enum style style = container_runs(container) ? STYLE_PLAIN : STYLE_DIM;
	if (column == COLUMN_STATE)
		style = state_style(container);
	else if (column == COLUMN_HEALTH)
		style = health_style(container);
	if (column != COLUMN_NOTE) {
		line_cell(line, style, or_none(table_text(container, column)), width, false);
		return;
	}
	container_note(container, note, sizeof(note));
	bool urgent = container_is(container, MODEL_HEALTH, "unhealthy") ||
		      container->exit_code > 0 || container->oom_killed;
	line_cell(line, urgent ? STYLE_ACT : STYLE_LOOK, note, width, false);
}

static void table_cell(const struct table *table, const struct table_view *view,
		       const struct container *container, int column, struct line *line)
{
	char up[FIGURE_SIZE];
	size_t width = table->widths[column];
	const struct rates *rates = &container->rates;
	switch (column) {
	case COLUMN_NAME:
		if (table->grouped)
			line_pad(line, 2);
		table_cell_text(container, column, line, width - line->width);
		return;
	case COLUMN_CPU:
		table_cpu(table, container, line);
		return;
	case COLUMN_MEM:
		table_mem(line, mem_style(container), container->now.mem_used, container->mem_limit,
			  width);
		return;
	case COLUMN_NET:
		table_two(line, rates->net_rx, rates->net_tx, figure_rate, width);
		return;
	case COLUMN_DISK:
		table_two(line, rates->blk_read, rates->blk_write, figure_disk_rate, width);
		return;
	case COLUMN_UP:
		figure_duration(container_up(container, view->now), up);
		line_cell(line, STYLE_PLAIN, up, width, true);
		return;
	default:
		table_cell_text(container, column, line, width);
	}
}

/* ---- Groups -----------------------------------------------------------------------------------
 */

static void group_sum(double *sum, double x)
{
	if (!isnan(x))
		*sum = isnan(*sum) ? x : *sum + x;
}

struct group_totals {
	struct reading now;
	struct rates rates;
	size_t sick, off;
};

static void group_totals(const struct table *table, const struct table_item *item,
			 struct group_totals *ret)
{
	*ret = (struct group_totals){.now = {.cpu_percent = NAN, .mem_used = NAN},
				     .rates = {NAN, NAN, NAN, NAN}};
	for (size_t i = item->first; i < item->first + item->n; i++) {
		const struct container *row = table->rows[i];
		group_sum(&ret->now.cpu_percent, row->now.cpu_percent);
		group_sum(&ret->now.mem_used, row->now.mem_used);
		group_sum(&ret->rates.net_rx, row->rates.net_rx);
		group_sum(&ret->rates.net_tx, row->rates.net_tx);
		group_sum(&ret->rates.blk_read, row->rates.blk_read);
		group_sum(&ret->rates.blk_write, row->rates.blk_write);
		ret->sick += container_is(row, MODEL_HEALTH, "unhealthy");
		ret->off += !container_is(row, MODEL_STATE, "running");
	}
}

/* Over the columns of state and health. */
static void group_states(const struct table *table, const struct group_totals *totals,
			 struct line *line)
{
	size_t width = table->widths[COLUMN_STATE];
	if (!width)
		return;
	if (table->widths[COLUMN_HEALTH])
		width += 1 + table->widths[COLUMN_HEALTH];
	size_t end = line->width + 1 + width;
	table_gap(line);
	if (totals->sick)
		line_add(line, STYLE_ACT, "%zu unhealthy", totals->sick);
	if (totals->sick && totals->off)
		line_add(line, STYLE_DIM, ", %zu off", totals->off);
	else if (totals->off)
		line_add(line, STYLE_DIM, "%zu not running", totals->off);
	line_pad(line, end);
}

static void group_line(const struct table *table, const struct table_item *item, struct line *line)
{
	char percent[FIGURE_SIZE], number[24];
	struct group_totals totals;
	group_totals(table, item, &totals);
	size_t width = table->widths[COLUMN_NAME];
	int digits = snprintf(number, sizeof(number), " %zu", item->n);
	line_add(line, STYLE_HEAD, item->folded ? "▸ " : "▾ ");
	line_show(line, STYLE_HEAD, *item->group ? item->group : "no project",
		  width - 2 - (size_t)digits);
	line_add(line, STYLE_DIM, "%s", number);
	line_pad(line, width);
	group_states(table, &totals, line);
	if (table->widths[COLUMN_CPU]) {
		table_gap(line);
		figure_percent(totals.now.cpu_percent, percent);
		line_cell(line, STYLE_HEAD, percent, 7, true);
		line_pad(line, line->width + 1 + MODEL_TRENDS);
	}
	if (table->widths[COLUMN_MEM]) {
		char used[FIGURE_SIZE];
		table_gap(line);
		figure_bytes(totals.now.mem_used, used);
		line_cell(line, STYLE_HEAD, used, table->widths[COLUMN_MEM] - 11, true);
		line_pad(line, line->width + 11);
	}
	if (table->widths[COLUMN_NET]) {
		table_gap(line);
		table_two(line, totals.rates.net_rx, totals.rates.net_tx, figure_rate,
			  table->widths[COLUMN_NET]);
	}
	if (table->widths[COLUMN_DISK]) {
		table_gap(line);
		table_two(line, totals.rates.blk_read, totals.rates.blk_write, figure_disk_rate,
			  table->widths[COLUMN_DISK]);
	}
}

void table_line(const struct table *table, const struct table_view *view,
		const struct table_item *item, struct line *line)
{
	if (!item->container) {
		group_line(table, item, line);
		return;
	}
	for (int i = 0; i < TABLE_COLUMNS; i++) {
		if (!table->widths[i])
			continue;
		table_gap(line);
		table_cell(table, view, item->container, i, line);
	}
}
