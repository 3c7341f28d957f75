/*
 * `tallyd top`: the dashboard's table of containers in a terminal.
 *
 * One thread: it waits for a key or an answer, whichever comes first, and draws at most five times
 * a second.  Where no terminal is (a pipe, --once, TERM=dumb), the table is printed once.
 */
#include "top/top.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "console.h"
#include "terminal/screen.h"

static const int64_t top_frame = 200 * CLOCK_MS;
static const int64_t top_sort_every = 5 * CLOCK_SECOND;

struct top_options {
	struct target_options target;
	struct table_view view;
	bool once, json;
};

/* ---- The command line ----------------------------------------------------------------- */

static bool top_sort_by(const char *name, struct table_view *view)
{
	static const char *const names[TABLE_COLUMNS] = {"name",  "state",   "health", "cpu",
							 "mem",   "net",     "disk",   "up",
							 "image", "project", "host",   "note"};
	for (int i = 0; i < TABLE_COLUMNS; i++)
		if (strcmp(names[i], name) == 0) {
			view->sort = i;
			view->down = table_is_number(i);
			return true;
		}
	fprintf(stderr, "tallyd top: there is no column %s to sort by; try tallyd top --help\n",
		name);
	return false;
}

static int top_option(void *arg, int option, char *value)
{
	struct top_options *options = arg;
	switch (option) {
	case '1':
		options->once = true;
		return CONSOLE_OK;
	case 'j':
		options->json = true;
		return CONSOLE_OK;
	case 'F':
		options->view.tree = false;
		return CONSOLE_OK;
	case 'f':
		snprintf(options->view.filter, sizeof(options->view.filter), "%s", value);
		return CONSOLE_OK;
	default:
		return top_sort_by(value, &options->view) ? CONSOLE_OK : CONSOLE_USAGE;
	}
}

/* ---- The order --------------------------------------------------------------------------------
 */

/* The order is made anew every five seconds, so that rows do not jump; what rows say, each time.
 * False: no memory. */
static bool top_order(struct top *top)
{
	int64_t now = clock_monotonic();
	top->view.now = clock_now();
	if (top->sort_due || now - top->sorted_at >= top_sort_every) {
		table_hold(&top->feed.model, &top->view);
		top->sorted_at = now;
		top->sort_due = false;
	}
	return top_arrange(top);
}

/* ---- Live -------------------------------------------------------------------------------- */

static void top_keys(struct top *top, struct client *client)
{
	for (unsigned key = screen_key(); key != KEY_NONE_; key = screen_key()) {
		top_key(top, client, key);
		top->feed.changed = true;
		/* The next key may be about what this one has changed. */
		if (top->sort_due)
			top_order(top);
	}
}

static void top_loop(struct top *top, struct client *client)
{
	int64_t drawn = 0, second = 0;
	while (!top->quit && !screen_signal()) {
		feed_tick(&top->feed);
		if (top->detail)
			detail_tick(top->detail);
		client_wait(client, screen_fd(), 100);
		top_keys(top, client);
		int64_t now = clock_monotonic();
		bool changed = top->feed.changed || (top->detail && top->detail->changed);
		/* Ages count up by themselves. */
		if ((!changed || now - drawn < top_frame) && now - second < CLOCK_SECOND)
			continue;
		top->feed.changed = false;
		if (top->detail)
			top->detail->changed = false;
		if (top_order(top))
			top_draw(top);
		drawn = second = now;
	}
}

static int top_live(struct client *client, const struct target *target,
		    const struct top_options *options)
{
	struct top *top = calloc(1, sizeof(*top));
	if (!top)
		return CONSOLE_FAILED;
	top->url = target->url;
	top->view = options->view;
	feed_begin(&top->feed, client);
	top_loop(top, client);
	screen_close();
	detail_destroy(top->detail);
	table_done(&top->table);
	feed_done(&top->feed);
	free(top);
	return CONSOLE_OK;
}

static int top_run(struct client *client, const struct target *target, void *arg)
{
	const struct top_options *options = arg;
	const char *why = NULL;
	const char *term = getenv("TERM");
	bool dumb = term && strcmp(term, "dumb") == 0;
	bool once = options->once || options->json || dumb || !isatty(STDOUT_FILENO);
	if (!once && screen_open(console_colours(), &why))
		return top_live(client, target, options);
	if (!once)
		fprintf(stderr, "tallyd top: %s; this is the table once\n", why);
	return top_once(client, &options->view, options->json);
}

int console_top(const char *config_path, int argc, char *const *argv)
{
	static const struct option known[] = {
		{"once", no_argument, NULL, '1'},         {"json", no_argument, NULL, 'j'},
		{"filter", required_argument, NULL, 'f'}, {"sort", required_argument, NULL, 's'},
		{"flat", no_argument, NULL, 'F'},         CONSOLE_OPTIONS};
	struct top_options options = {.target.config_path = config_path, .view.tree = true};
	int r = console_read_options(argc, argv, known, top_option, &options, &options.target);
	if (r == CONSOLE_OK)
		r = console_ask(&options.target, top_run, &options);
	/* As the shell expects of a program that a signal has ended. */
	if (screen_signal()) {
		signal(screen_signal(), SIG_DFL);
		raise(screen_signal());
	}
	return r;
}
