/*
 * See patterns.h.  A pattern that is new or has another text is handed over within seconds; one
 * whose lines only go on, once a minute.  The file has a new pattern before the first rows with its
 * id are handed over, unless it was written within the last second (patterns_save_new); another
 * text within ten seconds; when each was seen every ten minutes.  What a crash forgets is made
 * again by the next such line, which then counts as its first.
 *
 * What can fail: memory, and the file; a pattern that is not kept is made again.
 */
#include "patterns/patterns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "patterns/pattern_tree.h"
#include "patterns/patterns_table.h"
#include "state_file.h"

enum { EXAMPLE_BYTES = 400 };
static const int64_t emit_interval = 2 * CLOCK_SECOND, seen_interval = CLOCK_MINUTE;
static const int64_t file_new_interval = CLOCK_SECOND, file_new_each = 2 * CLOCK_MS,
		     file_interval = 10 * CLOCK_SECOND, file_seen_interval = 10 * CLOCK_MINUTE;

/* What of a pattern the tree does not need. */
struct pattern_facts {
	char *service, *level, *example;
	int64_t first_seen, last_seen;
	bool changed, seen; /* since it was handed over: its text; that there were lines */
};

struct patterns {
	struct tally_ctx *ctx;
	struct pattern_tree tree;
	int64_t changed_due, seen_due, file_due; /* monotonic; INT64_MAX: nothing waits */
	int64_t file_written, forgotten;         /* monotonic */
	bool has_new;                            /* patterns that the file lacks */
	bool failing;                            /* the file cannot be written */
	struct tally_batch *gone;                /* rows of those that were forgotten; NULL: none */
};

static void free_facts(void *data)
{
	struct pattern_facts *facts = data;
	if (!facts)
		return;
	free(facts->service);
	free(facts->level);
	free(facts->example);
	free(facts);
}

static void format_id(const struct pattern *pattern, char ret[PATTERN_ID_SIZE])
{
	snprintf(ret, PATTERN_ID_SIZE, "%012llx", (unsigned long long)pattern->id);
}

/* ---- Rows -------------------------------------------------------------------------- */

static bool put(struct patterns *patterns, struct tally_batch *batch, struct tally_cell *row,
		uint32_t column, const char *text, size_t len)
{
	return !text || tally_put_text(patterns->ctx, batch, row, column, text, len) == 0;
}

static bool add_row(struct patterns *patterns, struct tally_batch *batch,
		    const struct pattern *pattern, int64_t now, bool gone)
{
	const struct pattern_facts *facts = pattern->data;
	struct tally_cell *row = tally_batch_row(patterns->ctx, batch);
	const char *host = tally_hostname(patterns->ctx), *level = facts->level;
	char id[PATTERN_ID_SIZE];
	if (!row)
		return false;
	format_id(pattern, id);
	tally_put_int(row, PATTERNS_TIME, now);
	if (gone)
		tally_put_int(row, PATTERNS_GONE_AT, now);
	tally_put_int(row, PATTERNS_FIRST_SEEN, facts->first_seen);
	tally_put_int(row, PATTERNS_LAST_SEEN, facts->last_seen);
	for (uint32_t i = 0; i < PATTERN_WAYS && batch->table == &patterns_kept_table; i++)
		tally_put_int(row, KEPT_WAYS + i, (int64_t)pattern->ways[i]);
	return put(patterns, batch, row, PATTERNS_HOST, host, strlen(host)) &&
	       put(patterns, batch, row, PATTERNS_SERVICE, facts->service,
		   strlen(facts->service)) &&
	       put(patterns, batch, row, PATTERNS_ID, id, strlen(id)) &&
	       put(patterns, batch, row, PATTERNS_TEMPLATE, pattern->text, pattern->n_bytes - 1) &&
	       put(patterns, batch, row, PATTERNS_EXAMPLE, facts->example,
		   strlen(facts->example)) &&
	       put(patterns, batch, row, PATTERNS_LEVEL, level, level ? strlen(level) : 0);
}

/* Of those that changed, or of these and those that had lines; and of those that are gone. */
static int emit(struct patterns *patterns, bool seen)
{
	int64_t now = tally_now(patterns->ctx);
	struct tally_batch *batch = TAKE(patterns->gone);
	if (!batch)
		batch = tally_batch_new(patterns->ctx, &patterns_table);
	bool fine = batch != NULL;
	for (uint32_t i = 0; fine && i < patterns->tree.n_patterns; i++) {
		struct pattern_facts *facts = patterns->tree.patterns[i]->data;
		if (!facts->changed && !(seen && facts->seen))
			continue;
		fine = add_row(patterns, batch, patterns->tree.patterns[i], now, false);
		facts->changed = facts->seen = false;
	}
	if (fine && batch->n_rows)
		return tally_emit(patterns->ctx, batch, NULL, NULL);
	if (batch)
		tally_batch_drop(patterns->ctx, batch);
	return fine ? 0 : -ENOMEM;
}

/* ---- The file ---------------------------------------------------------------------- */

static void save(struct patterns *patterns, int64_t now)
{
	struct tally_ctx *ctx = patterns->ctx;
	struct tally_batch *batch = tally_batch_new(ctx, &patterns_kept_table);
	auto_free void *bytes = NULL;
	size_t len = 0;
	int r = batch ? 0 : -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < patterns->tree.n_patterns; i++)
		r = add_row(patterns, batch, patterns->tree.patterns[i], tally_now(ctx), false)
			    ? 0
			    : -ENOMEM;
	if (r == 0)
		r = tally_batch_encode(ctx, batch, &bytes, &len);
	if (r == 0)
		r = state_file_write(ctx, bytes, len);
	if (r < 0 && !patterns->failing)
		tally_log(ctx, TALLY_WARNING,
			  "cannot save the patterns of log lines, so after a restart they are "
			  "found anew: %s",
			  strerror(-r));
	if (batch)
		tally_batch_drop(ctx, batch);
	patterns->failing = r < 0;
	patterns->file_written = now;
	patterns->file_due = INT64_MAX;
	patterns->has_new = false;
}

/* The more there are, the longer the file, and the less often it is written. */
static int64_t new_interval(const struct patterns *patterns)
{
	int64_t interval = patterns->tree.n_patterns * file_new_each;
	if (interval < file_new_interval)
		return file_new_interval;
	return interval < file_interval ? interval : file_interval;
}

void patterns_save_new(struct patterns *patterns, int64_t now)
{
	if (patterns->has_new && now >= patterns->file_written + new_interval(patterns))
		save(patterns, now);
}

static char *copy_cell(const struct tally_cell *cell)
{
	return cell->set ? strndup(cell->text, cell->len) : NULL;
}

static struct pattern_facts *make_facts(char *service, char *level, char *example)
{
	struct pattern_facts *facts = calloc(1, sizeof(*facts));
	if (facts && service && example) {
		*facts = (struct pattern_facts){service, level, example, 0, 0, true, true};
		return facts;
	}
	free(facts);
	free(service);
	free(level);
	free(example);
	return NULL;
}

/* What does not fit, or is not as it was written, is left out. */
static void restore(struct patterns *patterns, const struct tally_cell *row)
{
	const struct tally_cell *text = &row[PATTERNS_TEMPLATE], *id = &row[PATTERNS_ID];
	struct pattern was = {.n_words = 0};
	if (!text->set || !id->set || !row[PATTERNS_SERVICE].set)
		return;
	auto_free char *words = malloc(text->len + 2), *number = copy_cell(id);
	if (!words || !number)
		return;
	memcpy(words, text->text, text->len);
	memcpy(words + text->len, " ", 2);
	was.text = words;
	was.n_bytes = text->len + 1;
	was.id = strtoull(number, NULL, 16);
	was.service = hash_bytes(0, row[PATTERNS_SERVICE].text, row[PATTERNS_SERVICE].len);
	for (uint32_t i = 0; i < PATTERN_WAYS; i++)
		was.ways[i] = (uint64_t)row[KEPT_WAYS + i].i | 1;
	struct pattern_facts *facts =
		make_facts(copy_cell(&row[PATTERNS_SERVICE]), copy_cell(&row[PATTERNS_LEVEL]),
			   copy_cell(&row[PATTERNS_EXAMPLE]));
	struct pattern *pattern = facts ? pattern_tree_restore(&patterns->tree, &was) : NULL;
	if (!pattern) {
		free_facts(facts);
		return;
	}
	facts->first_seen = row[PATTERNS_FIRST_SEEN].i;
	facts->last_seen = row[PATTERNS_LAST_SEEN].i;
	pattern->data = facts;
}

static void load(struct patterns *patterns)
{
	struct tally_batch *batch;
	if (state_file_read(patterns->ctx, &patterns_kept_table, &batch) < 0)
		return;
	for (uint32_t i = 0; i < batch->n_rows; i++)
		restore(patterns, batch->cells + (size_t)i * KEPT_COLUMNS);
	tally_batch_drop(patterns->ctx, batch);
}

/* ---- Lines ------------------------------------------------------------------------- */

static void set_due(int64_t *due, int64_t at)
{
	*due = clock_earlier(*due, at);
}

/* ---- Making room ------------------------------------------------------------------- */

static const int64_t forget_interval = CLOCK_MINUTE, forget_age = 30 * CLOCK_DAY;
enum { FORGET_PART = 4 };

/* Which are to go: those that had no line from `before` on. */
struct forgetting {
	int64_t before;
	uint64_t service; /* of that one only; 0: of all */
};

static bool is_kept(const struct pattern *pattern, const void *arg)
{
	const struct forgetting *forgetting = arg;
	const struct pattern_facts *facts = pattern->data;
	if (forgetting->service && forgetting->service != pattern->service)
		return true;
	return !facts || facts->last_seen >= forgetting->before;
}

static int compare_times(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return (a > b) - (a < b);
}

/* The time before which a quarter of all was seen last.  INT64_MIN: no memory. */
static int64_t oldest_part(const struct patterns *patterns)
{
	uint32_t n = patterns->tree.n_patterns;
	auto_free int64_t *times = calloc(n + 1, sizeof(*times));
	if (!times)
		return INT64_MIN;
	for (uint32_t i = 0; i < n; i++) {
		const struct pattern_facts *facts = patterns->tree.patterns[i]->data;
		times[i] = facts ? facts->last_seen : INT64_MAX;
	}
	qsort(times, n, sizeof(*times), compare_times);
	return times[n / FORGET_PART];
}

static void add_gone(struct patterns *patterns, const struct forgetting *forgetting)
{
	int64_t now = tally_now(patterns->ctx);
	for (uint32_t i = 0; i < patterns->tree.n_patterns; i++) {
		const struct pattern *pattern = patterns->tree.patterns[i];
		if (is_kept(pattern, forgetting))
			continue;
		if (!patterns->gone)
			patterns->gone = tally_batch_new(patterns->ctx, &patterns_table);
		if (!patterns->gone || !add_row(patterns, patterns->gone, pattern, now, true))
			return;
	}
}

/* If all is full, the quarter that was not seen for longest goes; if one service is, what it has
 * not said for a month.  Once a minute.  Whether there is room now. */
static bool forget(struct patterns *patterns, uint64_t service, int64_t time)
{
	int64_t now = tally_monotonic(patterns->ctx);
	uint32_t before = patterns->tree.n_patterns;
	struct forgetting forgetting = {time - forget_age, service};
	if (patterns->forgotten && now - patterns->forgotten < forget_interval)
		return false;
	patterns->forgotten = now;
	if (before == patterns->tree.max)
		forgetting = (struct forgetting){oldest_part(patterns), 0};
	add_gone(patterns, &forgetting);
	set_due(&patterns->changed_due, now + emit_interval);
	return pattern_tree_forget(&patterns->tree, is_kept, &forgetting, free_facts) == 0 &&
	       patterns->tree.n_patterns < before;
}

/* ---- Each line --------------------------------------------------------------------- */

static bool begin(struct pattern *pattern, const struct pattern_line *line)
{
	size_t len = utf8_bound(line->text, line->len, EXAMPLE_BYTES);
	struct pattern_facts *facts =
		make_facts(strdup(line->service), line->level ? strdup(line->level) : NULL,
			   strndup(line->text, len));
	if (!facts)
		return false;
	facts->first_seen = facts->last_seen = line->time;
	pattern->data = facts;
	return true;
}

enum pattern_result patterns_take(struct patterns *patterns, const struct pattern_line *line,
				  char ret_id[PATTERN_ID_SIZE])
{
	struct pattern_words words;
	bool changed;
	pattern_words_read(line->text, line->len, &words);
	uint64_t service = hash_text(0, line->service);
	struct pattern *pattern = pattern_tree_add(&patterns->tree, service, &words, &changed);
	if (!pattern && words.n && forget(patterns, service, line->time))
		pattern = pattern_tree_add(&patterns->tree, service, &words, &changed);
	bool is_new = pattern && !pattern->data;
	if (!pattern || (is_new && !begin(pattern, line)))
		return words.n ? PATTERN_FULL : PATTERN_NONE;
	struct pattern_facts *facts = pattern->data;
	int64_t now = changed || !facts->seen ? tally_monotonic(patterns->ctx) : 0;
	if (changed) {
		set_due(&patterns->changed_due, now + emit_interval);
		set_due(&patterns->file_due,
			now + (is_new ? new_interval(patterns) : file_interval));
	}
	if (!facts->seen)
		set_due(&patterns->seen_due, now + seen_interval);
	patterns->has_new |= is_new;
	facts->changed |= changed;
	facts->seen = true;
	if (line->time > facts->last_seen)
		facts->last_seen = line->time;
	format_id(pattern, ret_id);
	return PATTERN_FOUND;
}

/* ---- Time -------------------------------------------------------------------------- */

int64_t patterns_due(const struct patterns *patterns)
{
	return clock_earlier(patterns->changed_due,
			     clock_earlier(patterns->seen_due, patterns->file_due));
}

int patterns_flush(struct patterns *patterns, int64_t now, bool all)
{
	bool seen = all || now >= patterns->seen_due;
	int r = 0;
	if (seen && patterns->seen_due != INT64_MAX)
		set_due(&patterns->file_due, patterns->file_written + file_seen_interval);
	/* First, so that after a crash no later row contradicts those handed over below. */
	if (patterns->file_due != INT64_MAX && (all || now >= patterns->file_due))
		save(patterns, now);
	if (seen || now >= patterns->changed_due) {
		patterns->changed_due = INT64_MAX;
		if (seen)
			patterns->seen_due = INT64_MAX;
		r = emit(patterns, seen);
	}
	return r;
}

uint32_t patterns_count(const struct patterns *patterns)
{
	return patterns->tree.n_patterns;
}

int patterns_open(struct tally_ctx *ctx, uint32_t max, struct patterns **ret)
{
	struct patterns *patterns = calloc(1, sizeof(*patterns));
	if (!patterns)
		return -ENOMEM;
	patterns->ctx = ctx;
	patterns->changed_due = patterns->seen_due = patterns->file_due = INT64_MAX;
	if (pattern_tree_init(&patterns->tree, max) < 0) {
		patterns_close(patterns);
		return -ENOMEM;
	}
	load(patterns);
	/* A crash may have come between the file and the rows. */
	if (patterns->tree.n_patterns > 0)
		set_due(&patterns->changed_due, tally_monotonic(ctx) + emit_interval);
	*ret = patterns;
	return 0;
}

void patterns_close(struct patterns *patterns)
{
	if (!patterns)
		return;
	pattern_tree_done(&patterns->tree, free_facts);
	if (patterns->gone)
		tally_batch_drop(patterns->ctx, patterns->gone);
	free(patterns);
}
