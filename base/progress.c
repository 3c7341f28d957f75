/*
 * Whoever does the work calls progress_set() as often as it likes, on its own thread; the clock is
 * asked each time and the screen at most ten times a second.  The line never wraps: a bar that did
 * could not be drawn over again.  Nothing can fail; what cannot be written is lost.
 */
#include "base/progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

static const int64_t progress_patience = CLOCK_SECOND / 2; /* shorter work shows nothing */
static const int64_t progress_redraw = CLOCK_SECOND / 10;
static const int64_t progress_lines = 10 * CLOCK_SECOND;

enum {
	PROGRESS_LINE_SIZE = 512,
	PROGRESS_COLUMNS = 80,
	PROGRESS_BAR_MOST = 40,
	PROGRESS_BAR_LEAST = 8,
};

/* ---- Numbers as people read them ---- */

/* Exact below 10,000; above, three or four digits are what anybody takes in. */
static void progress_count(const char *unit, int64_t n, char *ret, size_t size)
{
	bool bytes = strcmp(unit, "bytes") == 0;
	static const char *const decimal[] = {"", "k", "M", "G", "T"};
	static const char *const binary[] = {" B", " KiB", " MiB", " GiB", " TiB"};
	double value = (double)n, step = bytes ? 1024 : 1000;
	size_t power = 0;
	if (n < 10000) {
		snprintf(ret, size, "%" PRId64 "%s", n, bytes ? binary[0] : "");
		return;
	}
	for (; value >= step && power < 4; power++)
		value /= step;
	snprintf(ret, size, "%.1f%s", value, bytes ? binary[power] : decimal[power]);
}

static void progress_duration(int64_t ns, char *ret, size_t size)
{
	int64_t seconds = ns / CLOCK_SECOND;
	if (seconds < 60)
		snprintf(ret, size, "%" PRId64 " s", seconds);
	else if (seconds < 3600)
		snprintf(ret, size, "%" PRId64 " min %" PRId64 " s", seconds / 60, seconds % 60);
	else
		snprintf(ret, size, "%" PRId64 " h %" PRId64 " min", seconds / 3600,
			 seconds / 60 % 60);
}

/* At the speed so far; "" while that is a guess. */
static void progress_left(const struct progress *progress, char *ret, size_t size)
{
	int64_t took = progress->now - progress->begun, did = progress->done - progress->first;
	char left[32];
	*ret = '\0';
	if (did <= 0 || took < progress_patience || progress->done >= progress->total)
		return;
	double ns = (double)took / (double)did * (double)(progress->total - progress->done);
	progress_duration((int64_t)ns, left, sizeof(left));
	snprintf(ret, size, ", about %s left", left);
}

/* 100 only when all of it is done. */
static int progress_percent(const struct progress *progress)
{
	if (progress->done >= progress->total)
		return 100;
	return (int)(100.0 * (double)progress->done / (double)progress->total);
}

/* What is said behind the bar, and by a plain line: "45 %, 1.2M of 2.7M rows, about 12 s left". */
static void progress_words(const struct progress *progress, char *ret, size_t size)
{
	char done[32], total[32], left[64];
	progress_count(progress->unit, progress->done, done, sizeof(done));
	const char *unit = strcmp(progress->unit, "bytes") == 0 ? "" : progress->unit;
	const char *blank = *unit ? " " : "";
	if (!progress->total) {
		progress_duration(progress->now - progress->begun, left, sizeof(left));
		snprintf(ret, size, "%s%s%s in %s", done, blank, unit, left);
		return;
	}
	progress_count(progress->unit, progress->total, total, sizeof(total));
	progress_left(progress, left, sizeof(left));
	snprintf(ret, size, "%d %%, %s of %s%s%s%s", progress_percent(progress), done, total, blank,
		 unit, left);
}

/* ---- Lines ---- */

/* The bar takes what the words leave; where that is too little there is none. */
void progress_format(const struct progress *progress, size_t columns, char *ret, size_t size)
{
	char words[PROGRESS_LINE_SIZE / 2], bar[PROGRESS_BAR_MOST + 1];
	progress_words(progress, words, sizeof(words));
	size_t fixed = strlen(progress->what) + strlen(words) + strlen(" [] ");
	if (progress->total && columns >= fixed + PROGRESS_BAR_LEAST) {
		size_t len = columns - fixed;
		len = len < PROGRESS_BAR_MOST ? len : PROGRESS_BAR_MOST;
		size_t full = (size_t)progress_percent(progress) * len / 100;
		memset(bar, '#', full);
		memset(bar + full, '.', len - full);
		bar[len] = '\0';
		snprintf(ret, size, "%s [%s] %s", progress->what, bar, words);
	} else {
		snprintf(ret, size, "%s: %s", progress->what, words);
	}
	if (columns < size)
		ret[columns] = '\0';
}

/* One column less than there is: some terminals wrap after the last. */
static size_t progress_columns(const struct progress *progress)
{
	struct winsize window;
	if (ioctl(fileno(progress->file), TIOCGWINSZ, &window) < 0 || window.ws_col < 2)
		return PROGRESS_COLUMNS - 1;
	return window.ws_col - 1u;
}

static void progress_show(struct progress *progress)
{
	char line[PROGRESS_LINE_SIZE];
	progress->shown = progress->now;
	progress->told = true;
	progress->drawn = progress->terminal;
	if (progress->terminal) {
		progress_format(progress, progress_columns(progress), line, sizeof(line));
		fprintf(progress->file, "\r%s\033[K", line);
	} else {
		progress_words(progress, line, sizeof(line));
		fprintf(progress->file, "%s: %s\n", progress->what, line);
	}
	fflush(progress->file);
}

/* ---- The work ---- */

void progress_begin_at(struct progress *progress, FILE *file, bool terminal, int64_t now)
{
	progress->file = file;
	progress->terminal = terminal;
	progress->begun = progress->shown = progress->now = now;
}

/* A dumb terminal (an editor's, a build log's) knows no sequences. */
void progress_begin(struct progress *progress, const char *what, const char *unit, int64_t total)
{
	const char *term = getenv("TERM");
	bool terminal = isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
	*progress = (struct progress){.what = what, .unit = unit, .total = total};
	progress_begin_at(progress, stderr, terminal, clock_monotonic());
}

void progress_tick(struct progress *progress, int64_t done, int64_t now)
{
	int64_t wait = progress->terminal ? progress_redraw : progress_lines;
	if (progress->terminal && !progress->told)
		wait = progress_patience;
	progress->done = done;
	progress->now = now;
	if (now - progress->shown >= wait)
		progress_show(progress);
}

void progress_set(struct progress *progress, int64_t done)
{
	progress_tick(progress, done, clock_monotonic());
}

void progress_resume(struct progress *progress, int64_t done)
{
	progress->first = progress->done = done;
}

void progress_pause(struct progress *progress)
{
	if (!progress->drawn)
		return;
	fputs("\r\033[K", progress->file);
	fflush(progress->file);
	progress->drawn = false;
}

void progress_end_at(struct progress *progress, int64_t now)
{
	char done[32], took[32];
	bool bytes = strcmp(progress->unit, "bytes") == 0;
	progress->now = now;
	progress_pause(progress);
	if (!progress->told)
		return;
	progress_count(progress->unit, progress->done - progress->first, done, sizeof(done));
	progress_duration(now - progress->begun, took, sizeof(took));
	fprintf(progress->file, "%s: %s%s%s in %s\n", progress->what, done, bytes ? "" : " ",
		bytes ? "" : progress->unit, took);
	fflush(progress->file);
}

void progress_end(struct progress *progress)
{
	progress_end_at(progress, clock_monotonic());
}
