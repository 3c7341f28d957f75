/*
 * Choosing, sorting and grouping, as the dashboard's table.ts does: words of the filter must all be
 * in a row, "state:exited" looks at one column, "label:tier=web" at the labels.  What is not known
 * comes last, whichever way it is sorted.
 */
#include "top/table_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text_match.h"
#include "terminal/figures.h"

const char *table_title(int column)
{
	static const char *const titles[TABLE_COLUMNS] = {
		"name",     "state", "health", "cpu",     "mem / limit", "net ↓ ↑",
		"disk r w", "up",    "image",  "project", "host",        "⚠"};
	return titles[column];
}

/* ---- Values ------------------------------------------------------------------------ */

static double sum_of_two(double a, double b)
{
	if (isnan(a))
		return b;
	return isnan(b) ? a : a + b;
}

static double table_number(const struct container *container, int column, int64_t now)
{
	switch (column) {
	case COLUMN_CPU:
		return container->now.cpu_percent;
	case COLUMN_MEM:
		return container->now.mem_used;
	case COLUMN_NET:
		return sum_of_two(container->rates.net_rx, container->rates.net_tx);
	case COLUMN_DISK:
		return sum_of_two(container->rates.blk_read, container->rates.blk_write);
	default:
		return container_up(container, now);
	}
}

const char *table_text(const struct container *container, int column)
{
	static const enum model_text texts[TABLE_COLUMNS] = {
		[COLUMN_NAME] = MODEL_NAME,       [COLUMN_STATE] = MODEL_STATE,
		[COLUMN_HEALTH] = MODEL_HEALTH,   [COLUMN_IMAGE] = MODEL_IMAGE,
		[COLUMN_PROJECT] = MODEL_PROJECT, [COLUMN_HOST] = MODEL_HOST};
	const char *text = container->texts[texts[column]];
	return text ? text : "";
}

bool table_is_number(int column)
{
	return column >= COLUMN_CPU && column <= COLUMN_UP;
}

/* ---- The filter ---------------------------------------------------------------------- */

static bool contains(const char *text, const char *word)
{
	return text && text_contains(text, strlen(text), word, strlen(word));
}

static bool table_word_in(const struct container *container, const char *word)
{
	static const enum model_text texts[] = {MODEL_NAME,   MODEL_IMAGE,   MODEL_STATE,
						MODEL_HEALTH, MODEL_PROJECT, MODEL_HOST,
						MODEL_ID};
	char note[128];
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (contains(container->texts[texts[i]], word))
			return true;
	container_note(container, note, sizeof(note));
	return contains(note, word);
}

static bool table_word_fits(const struct container *container, const char *word)
{
	static const int columns[] = {COLUMN_NAME,  COLUMN_STATE,   COLUMN_HEALTH,
				      COLUMN_IMAGE, COLUMN_PROJECT, COLUMN_HOST};
	const char *colon = strchr(word, ':');
	if (!colon || !colon[1])
		return table_word_in(container, word);
	size_t len = (size_t)(colon - word);
	if (len == 5 && strncmp(word, "label", 5) == 0)
		return contains(container->texts[MODEL_LABELS], colon + 1);
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		const char *title = table_title(columns[i]);
		if (strlen(title) == len && strncmp(title, word, len) == 0)
			return contains(table_text(container, columns[i]), colon + 1);
	}
	return table_word_in(container, word);
}

static bool table_passes(const struct container *container, const char *filter)
{
	char words[TABLE_FILTER_SIZE];
	char *rest;
	snprintf(words, sizeof(words), "%s", filter);
	for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		if (!table_word_fits(container, word))
			return false;
	return true;
}

/* ---- The order ------------------------------------------------------------------------- */

static int compare_known(bool a, bool b)
{
	return a == b ? 0 : a ? -1 : 1;
}

static int compare_groups(const struct container *a, const struct container *b)
{
	const char *x = table_text(a, COLUMN_PROJECT), *y = table_text(b, COLUMN_PROJECT);
	int order = compare_known(*x, *y);
	return order ? order : figure_compare_names(x, y);
}

static int compare_values(const struct container *a, const struct container *b,
			  const struct table_view *view)
{
	char note_a[128], note_b[128];
	int way = view->down ? -1 : 1;
	if (table_is_number(view->sort)) {
		double x = view->held ? a->held : table_number(a, view->sort, view->now);
		double y = view->held ? b->held : table_number(b, view->sort, view->now);
		int order = compare_known(!isnan(x), !isnan(y));
		return order || isnan(x) ? order : way * ((x > y) - (x < y));
	}
	const char *x = note_a, *y = note_b;
	if (view->sort == COLUMN_NOTE) {
		container_note(a, note_a, sizeof(note_a));
		container_note(b, note_b, sizeof(note_b));
	} else {
		x = table_text(a, view->sort);
		y = table_text(b, view->sort);
	}
	int order = compare_known(*x, *y);
	return order ? order : way * figure_compare_names(x, y);
}

static int table_compare(const void *one, const void *other, void *arg)
{
	const struct container *a = *(const struct container *const *)one;
	const struct container *b = *(const struct container *const *)other;
	const struct table_view *view = arg;
	int order = view->tree ? compare_groups(a, b) : 0;
	if (order == 0)
		order = compare_values(a, b, view);
	if (order == 0)
		order = figure_compare_names(table_text(a, COLUMN_NAME),
					     table_text(b, COLUMN_NAME));
	return order ? order : strcmp(a->texts[MODEL_ID], b->texts[MODEL_ID]);
}

void table_hold(const struct model *model, struct table_view *view)
{
	view->held = table_is_number(view->sort);
	for (size_t i = 0; i < model->n && view->held; i++)
		model->containers[i]->held =
			table_number(model->containers[i], view->sort, view->now);
}

/* ---- Groups ------------------------------------------------------------------------------ */

static bool table_is_folded(const struct table_view *view, const char *group)
{
	uint64_t hash = hash_text(0, group);
	for (size_t i = 0; i < view->n_folds; i++)
		if (view->folds[i] == hash)
			return true;
	return false;
}

void table_fold(struct table_view *view, const char *group)
{
	uint64_t hash = hash_text(0, group);
	for (size_t i = 0; i < view->n_folds; i++)
		if (view->folds[i] == hash) {
			view->folds[i] = view->folds[--view->n_folds];
			return;
		}
	if (view->n_folds < TABLE_FOLDS)
		view->folds[view->n_folds++] = hash;
}

static void table_add_group(struct table *table, const struct table_view *view, size_t first)
{
	const char *name = table_text(table->rows[first], COLUMN_PROJECT);
	size_t end = first;
	while (end < table->n_rows &&
	       strcmp(table_text(table->rows[end], COLUMN_PROJECT), name) == 0)
		end++;
	struct table_item *head = &table->items[table->n_items++];
	*head = (struct table_item){.group = name,
				    .first = first,
				    .n = end - first,
				    .folded = table_is_folded(view, name)};
	for (size_t i = first; i < end && !head->folded; i++)
		table->items[table->n_items++] = (struct table_item){.container = table->rows[i]};
}

bool table_choose(struct table *table, const struct table_view *view, const struct model *model)
{
	struct table_view order = *view;
	*table = (struct table){0};
	table->rows = calloc(model->n + 1, sizeof(struct container *));
	table->items = calloc(2 * model->n + 1, sizeof(*table->items));
	if (!table->rows || !table->items) {
		table_done(table);
		return false;
	}
	for (size_t i = 0; i < model->n; i++) {
		const struct container *container = model->containers[i];
		if (!table_passes(container, view->filter))
			continue;
		table->rows[table->n_rows++] = container;
		table->grouped |= view->tree && *table_text(container, COLUMN_PROJECT);
	}
	qsort_r(table->rows, table->n_rows, sizeof(struct container *), table_compare, &order);
	for (size_t i = 0; i < table->n_rows;) {
		if (!table->grouped) {
			table->items[table->n_items++].container = table->rows[i++];
			continue;
		}
		size_t head = table->n_items;
		table_add_group(table, view, i);
		i += table->items[head].n;
	}
	return true;
}

void table_done(struct table *table)
{
	free(table->rows);
	free(table->items);
	*table = (struct table){0};
}
