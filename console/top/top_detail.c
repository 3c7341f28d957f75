/*
 * One container: its facts in two lines, CPU, memory and network in braille, and its log below.
 * Wide terminals have the charts beside each other, narrow ones below.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "terminal/chart.h"
#include "terminal/figures.h"
#include "terminal/screen.h"
#include "terminal/text.h"
#include "top/top.h"

enum { CHARTS = 3 };

/* ---- Facts ----------------------------------------------------------------------------- */

static void fact(struct line *line, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	line_add(line, STYLE_DIM, "%s%s%s", line->width ? "  " : "", name, *name ? " " : "");
	line_show(line, STYLE_PLAIN, value, 60);
}

static void draw_facts(const struct container *container, int64_t now, struct line *line)
{
	char up[FIGURE_SIZE], limit[FIGURE_SIZE], cores[FIGURE_SIZE], note[128];
	line_show(line, STYLE_HEAD, container->texts[MODEL_NAME], 60);
	fact(line, "", container->texts[MODEL_STATE]);
	fact(line, "", container->texts[MODEL_HEALTH]);
	figure_duration(container_up(container, now), up);
	if (container_runs(container))
		fact(line, "up", up);
	container_note(container, note, sizeof(note));
	/* That it is unhealthy stands there already. */
	const char *rest = note + (strncmp(note, "unhealthy", 9) == 0 ? 9 : 0);
	rest += strspn(rest, ", ");
	if (*rest)
		line_add(line, STYLE_ACT, "  %s", rest);
	screen_draw(1, line);
	line_clear(line);
	fact(line, "image", container->texts[MODEL_IMAGE]);
	fact(line, "project", container->texts[MODEL_PROJECT]);
	fact(line, "host", container->texts[MODEL_HOST]);
	char id[13];
	snprintf(id, sizeof(id), "%s", container->texts[MODEL_ID]);
	fact(line, "id", id);
	figure_bytes(container->mem_limit, limit);
	if (isfinite(container->mem_limit))
		fact(line, "memory", limit);
	snprintf(cores, sizeof(cores), "%.3g", container->cpu_limit);
	if (isfinite(container->cpu_limit))
		fact(line, "cores", cores);
	fact(line, "command", container->texts[MODEL_COMMAND]);
	screen_draw(2, line);
	line_clear(line);
}

/* ---- Charts ------------------------------------------------------------------------------- */

struct plot {
	const char *title;
	struct chart_series series[2];
	size_t n;
	double now[2];
	void (*figure)(double x, char ret[FIGURE_SIZE]);
	double least; /* of the scale's end: a hundredth of a per cent is no mountain */
};

static void plot_title(const struct plot *plot, double top, size_t width, struct line *line)
{
	char now[2][FIGURE_SIZE], most[FIGURE_SIZE];
	size_t end = line->width + width;
	plot->figure(plot->now[0], now[0]);
	plot->figure(plot->now[1], now[1]);
	plot->figure(top, most);
	line_add(line, STYLE_HEAD, "%s ", plot->title);
	line_add(line, plot->series[0].style, plot->n == 2 ? "↓ %s" : "%s", now[0]);
	if (plot->n == 2)
		line_add(line, plot->series[1].style, " ↑ %s", now[1]);
	if (isfinite(top))
		line_add(line, STYLE_DIM, "  top %s", most);
	line_pad(line, end);
}

static double plot_top(const struct plot *plot)
{
	double top = chart_top(plot->series, plot->n);
	return isfinite(top) && top < plot->least ? plot->least : top;
}

/* Rows of charts beside each other; the first is the titles. */
static void draw_plots(const struct plot *plots, size_t n, size_t at, size_t height,
		       struct line *line)
{
	size_t width = screen_width() / n;
	for (size_t row = 0; row <= height; row++) {
		line_clear(line);
		for (size_t i = 0; i < n; i++) {
			double top = plot_top(&plots[i]);
			line_pad(line, i * width);
			if (row == 0)
				plot_title(&plots[i], top, width - 1, line);
			else
				chart_row(line, plots[i].series, plots[i].n, top, width - 2, height,
					  row - 1);
		}
		screen_draw(at + row, line);
	}
	line_clear(line);
}

static struct chart_series detail_series(const struct detail *detail, enum detail_series which,
					 enum style style)
{
	return (struct chart_series){detail->values[which], detail->n[which], style};
}

static void make_plots(const struct detail *detail, const struct container *container,
		       struct plot plots[CHARTS])
{
	static const struct reading none = {0, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
	const struct reading *now = container ? &container->now : &none;
	plots[0] = (struct plot){.title = "CPU",
				 .series = {detail_series(detail, DETAIL_CPU, STYLE_GOOD)},
				 .n = 1,
				 .now = {now->cpu_percent, NAN},
				 .figure = figure_percent,
				 .least = 1};
	plots[1] = (struct plot){.title = "Memory",
				 .series = {detail_series(detail, DETAIL_MEM, STYLE_GOOD)},
				 .n = 1,
				 .now = {now->mem_used, NAN},
				 .figure = figure_bytes,
				 .least = 1 << 20};
	plots[2] = (struct plot){.title = "Network",
				 .series = {detail_series(detail, DETAIL_RX, STYLE_GOOD),
					    detail_series(detail, DETAIL_TX, STYLE_ALSO)},
				 .n = 2,
				 .now = {container ? container->rates.net_rx : NAN,
					 container ? container->rates.net_tx : NAN},
				 .figure = figure_rate,
				 .least = 1000};
}

/* Returns the row after them. */
static size_t draw_charts(struct top *top, const struct container *container, struct line *line)
{
	struct plot plots[CHARTS];
	size_t across = screen_width() >= 100 ? CHARTS : 1;
	size_t room = (screen_height() - 5) * 3 / 5;
	size_t height = across == CHARTS ? room : room / CHARTS;
	height = height > 2 ? height - 1 : 1;
	height = height > 8 ? 8 : height;
	make_plots(top->detail, container, plots);
	top->detail->points = screen_width() / across * 2;
	size_t at = 3;
	for (size_t i = 0; i < CHARTS; i += across) {
		draw_plots(plots + i, across, at, height, line);
		at += height + 1;
	}
	return at;
}

/* ---- The log ------------------------------------------------------------------------------- */

static enum style log_style(char letter)
{
	if (letter == 'E' || letter == 'C')
		return STYLE_ACT;
	if (letter == 'W')
		return STYLE_LOOK;
	return letter == 'D' || letter == 'T' ? STYLE_DIM : STYLE_PLAIN;
}

static void draw_log(const struct top *top, size_t at, struct line *line)
{
	const struct detail *detail = top->detail;
	size_t end = screen_height() - 1;
	line_add(line, STYLE_HEAD, "Log");
	if (*detail->log_problem) {
		line_add(line, STYLE_ACT, "  ");
		line_show(line, STYLE_ACT, detail->log_problem, TEXT_UNBOUNDED);
	} else if (top->log_back) {
		line_add(line, STYLE_LOOK, "  %zu newer lines below", top->log_back);
	} else if (detail->log.n == 0) {
		line_add(line, STYLE_DIM, "  no line yet; conf.d/docker_logs.conf collects them");
	}
	screen_draw(at++, line);
	line_clear(line);
	size_t rows = end > at ? end - at : 0;
	for (size_t i = 0; i < rows; i++) {
		size_t back = top->log_back + rows - 1 - i;
		/* Few lines stand at the top. */
		if (detail->log.n < rows)
			back = i < detail->log.n ? detail->log.n - 1 - i : detail->log.n;
		const struct backlog_line *shown = backlog_at(&detail->log, back);
		if (!shown)
			continue;
		line_clear(line);
		line_add(line, STYLE_DIM, "%c ", shown->letter);
		line_show(line, log_style(shown->letter), shown->text, TEXT_UNBOUNDED);
		screen_draw(at + i, line);
	}
}

void top_draw_detail(struct top *top, struct line *line)
{
	const struct detail *detail = top->detail;
	const struct container *container = model_find(&top->feed.model, detail->host, detail->id);
	line_clear(line);
	if (container)
		draw_facts(container, top->view.now, line);
	else
		line_add(line, STYLE_LOOK, "This container was removed. esc goes back.");
	if (!container)
		screen_draw(1, line);
	line_clear(line);
	size_t at = draw_charts(top, container, line);
	line_clear(line);
	line_add(line, STYLE_DIM, "the last %s  [ longer  ] shorter",
		 detail_range_name(detail->range));
	if (*detail->problem) {
		line_add(line, STYLE_ACT, "  ");
		line_show(line, STYLE_ACT, detail->problem, TEXT_UNBOUNDED);
	}
	screen_draw(at, line);
	line_clear(line);
	draw_log(top, at + 1, line);
}
