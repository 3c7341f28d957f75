/*
 * See effects_row.h.  The summary is for whoever is told of it by an alert:
 *
 *	image web:1 → web:2, limits: worse (memory_growth 0/h → 3.49Gi/h)
 */
#include "effects_row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/strbuf.h"
#include "effects_table.h"
#include "json_tree.h"
#include "value_show.h"

enum { IMAGE_ID_SHORT = 12, MEASURES_MAX = 8192 };

/* ---- What changed ------------------------------------------------------------ */

static json_t *load(const struct tally_cell *cell)
{
	return cell->set ? json_tree_load(cell->text, cell->len) : NULL;
}

static const char *short_id(const char *id)
{
	const char *colon = id ? strchr(id, ':') : NULL;
	return colon ? colon + 1 : id;
}

/* By their names, or where those are the same by their ids. */
static void add_image(struct strbuf *text, const json_t *before, const json_t *after)
{
	const char *from = json_tree_text(before, "image"), *to = json_tree_text(after, "image");
	const char *old = short_id(json_tree_text(before, "image_id"));
	const char *new = short_id(json_tree_text(after, "image_id"));
	if (from && to && strcmp(from, to) != 0)
		strbuf_add(text, " %s → %s", from, to);
	else if (old && new)
		strbuf_add(text, " %s %.*s → %.*s", to ? to : "", IMAGE_ID_SHORT, old,
			   IMAGE_ID_SHORT, new);
}

static void add_change(struct strbuf *text, const struct tally_cell *change)
{
	const struct tally_cell *kind = &change[CHANGE_KIND];
	auto_json json_t *before = load(&change[CHANGE_BEFORE]);
	auto_json json_t *after = load(&change[CHANGE_AFTER]);
	strbuf_add(text, "%s%.*s", text->len ? ", " : "", (int)kind->len, kind->text);
	if (cell_equals(kind, "image"))
		add_image(text, before, after);
	else if (cell_equals(kind, "mark") && json_tree_text(after, "text"))
		strbuf_add(text, " %s", json_tree_text(after, "text"));
}

/* ---- What became of it --------------------------------------------------------- */

struct telling {
	struct json_writer measures;
	struct strbuf worse, better;
};

static void write_number(struct json_writer *json, const char *key, double value)
{
	char text[32];
	snprintf(text, sizeof(text), "%.6g", value); /* stores add up in different orders */
	json_write_key(json, key);
	json_write_real(json, strtod(text, NULL));
}

static void write_measure(struct json_writer *json, const struct effect_measure *measure)
{
	json_write_key(json, measure->name);
	json_begin_object(json);
	json_write_key(json, "verdict");
	json_write_string(json, effect_verdict_text(measure->result.verdict));
	json_write_key(json, "unit");
	json_write_string(json, measure->unit);
	write_number(json, "before", measure->result.before.mean);
	write_number(json, "after", measure->result.after.mean);
	write_number(json, "difference", measure->result.difference);
	json_end_object(json);
}

static void tell(void *arg, const struct effect_measure *measure)
{
	struct telling *telling = arg;
	char before[64], after[64];
	enum effect_verdict verdict = measure->result.verdict;
	struct strbuf *text = verdict == EFFECT_WORSE ? &telling->worse : &telling->better;
	if (verdict != EFFECT_WORSE && verdict != EFFECT_BETTER)
		return;
	value_show(measure->result.before.mean, measure->unit, before, sizeof(before));
	value_show(measure->result.after.mean, measure->unit, after, sizeof(after));
	strbuf_add(text, "%s%s %s → %s", text->len ? ", " : "", measure->name, before, after);
	write_measure(&telling->measures, measure);
}

static void telling_done(struct telling *telling)
{
	json_writer_done(&telling->measures);
	strbuf_done(&telling->worse);
	strbuf_done(&telling->better);
}

/* ---- The row ------------------------------------------------------------------- */

static int put_cell(struct tally_ctx *ctx, struct tally_batch *batch, struct tally_cell *row,
		    uint32_t column, const struct tally_cell *cell)
{
	return cell->set ? tally_put_text(ctx, batch, row, column, cell->text, cell->len) : 0;
}

static int put(struct tally_ctx *ctx, struct tally_batch *batch, struct tally_cell *row,
	       uint32_t column, const char *text)
{
	return tally_put_text(ctx, batch, row, column, text, strlen(text));
}

static int put_change(struct tally_ctx *ctx, struct tally_batch *batch, struct tally_cell *row,
		      const struct deployment *deployment)
{
	struct strbuf kinds auto_strbuf = {.data = NULL};
	const char *host = tally_hostname(ctx);
	for (uint32_t i = 0; i < deployment->n; i++) {
		const struct tally_cell *kind = &deployment->changes[i][CHANGE_KIND];
		strbuf_add(&kinds, "%s%.*s", i ? ", " : "", (int)kind->len, kind->text);
	}
	int r = kinds.failed || !kinds.data ? -ENOMEM : put(ctx, batch, row, EFFECTS_HOST, host);
	if (r == 0)
		r = put(ctx, batch, row, EFFECTS_KINDS, kinds.data);
	if (r == 0)
		r = put_cell(ctx, batch, row, EFFECTS_SERVICE,
			     &deployment->changes[0][CHANGE_SERVICE]);
	if (r == 0)
		r = put_cell(ctx, batch, row, EFFECTS_CHANGE, &deployment->changes[0][CHANGE_ID]);
	tally_put_int(row, EFFECTS_CHANGED, deployment->time);
	return r;
}

static int put_effect(struct tally_ctx *ctx, struct tally_batch *batch, struct tally_cell *row,
		      const struct deployment *deployment, const struct effect *effect)
{
	struct telling telling = {.worse = {.data = NULL}};
	struct strbuf summary auto_strbuf = {.data = NULL};
	json_writer_init(&telling.measures, MEASURES_MAX);
	json_begin_object(&telling.measures);
	const char *verdict = effect_verdict_text(effect_judge(effect, tell, &telling));
	json_end_object(&telling.measures);
	for (uint32_t i = 0; i < deployment->n; i++)
		add_change(&summary, deployment->changes[i]);
	strbuf_add(&summary, ": %s", verdict);
	const struct strbuf *why = telling.worse.len ? &telling.worse : &telling.better;
	if (why->len)
		strbuf_add(&summary, " (%s)", why->data);
	bool failed = summary.failed || why->failed || telling.measures.error;
	int r = failed ? -ENOMEM : put(ctx, batch, row, EFFECTS_VERDICT, verdict);
	if (r == 0)
		r = put(ctx, batch, row, EFFECTS_SUMMARY, summary.data);
	if (r == 0)
		r = tally_put_text(ctx, batch, row, EFFECTS_MEASURES, telling.measures.data,
				   telling.measures.len);
	telling_done(&telling);
	return r;
}

int effects_row_add(struct tally_ctx *ctx, struct tally_batch *batch,
		    const struct deployment *deployment, const struct effect *effect,
		    int64_t judged_at)
{
	struct tally_cell *row = tally_batch_row(ctx, batch);
	if (!row)
		return -ENOMEM;
	tally_put_int(row, EFFECTS_TIME, judged_at);
	tally_put_int(row, EFFECTS_WINDOW, effect->window / CLOCK_SECOND);
	int r = put_change(ctx, batch, row, deployment);
	return r < 0 ? r : put_effect(ctx, batch, row, deployment, effect);
}
