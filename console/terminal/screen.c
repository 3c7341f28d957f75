/*
 * ncurses, wide: it knows terminals, draws only what has changed, and knows the keys that send
 * several bytes.  All that is drawn is safe by then (text.h).
 *
 * The terminal is restored by endwin(): on the way out, and after TERM, INT, HUP or QUIT, which
 * only set a flag that the loop looks at.  After a fault (SIGSEGV and its like, abort()) nothing of
 * ours may run but write() and tcsetattr(), so the settings from before and the bytes that lead
 * back are kept for that; then the signal does what it does.  SIGKILL restores nothing; `reset`
 * does.
 */
#include "terminal/screen.h"

/* Before term.h, which defines such words as columns. */
#include "terminal/text.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

static struct {
	SCREEN *screen;
	FILE *keys;
	bool colours, open;
	struct termios before;
	char leave[128]; /* bytes that lead back to the shell's screen */
	size_t leave_len;
	volatile sig_atomic_t signal;
} screen;

int screen_signal(void)
{
	return screen.signal;
}

/* ---- However it ends ---------------------------------------------------------------- */

static void screen_on_signal(int number)
{
	screen.signal = number;
}

static void screen_on_fault(int number)
{
	if (screen.open) {
		ssize_t n = write(STDOUT_FILENO, screen.leave, screen.leave_len);
		(void)n;
		tcsetattr(STDOUT_FILENO, TCSANOW, &screen.before);
	}
	signal(number, SIG_DFL);
	raise(number);
}

static void screen_keep(const char *name)
{
	const char *text = tigetstr(name);
	if (!text || text == (const char *)-1)
		return;
	size_t len = strlen(text);
	if (screen.leave_len + len > sizeof(screen.leave))
		return;
	memcpy(screen.leave + screen.leave_len, text, len);
	screen.leave_len += len;
}

static void screen_catch(void)
{
	static const int ends[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	struct sigaction action = {.sa_handler = screen_on_signal};
	struct sigaction fault = {.sa_handler = screen_on_fault, .sa_flags = SA_RESETHAND};
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		sigaction(ends[i], &action, NULL);
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		sigaction(faults[i], &fault, NULL);
}

/* ---- Open and close ------------------------------------------------------------------- */

static void screen_colours(void)
{
	static const short few[STYLES] = {[STYLE_LOOK] = COLOR_YELLOW,
					  [STYLE_ACT] = COLOR_RED,
					  [STYLE_GOOD] = COLOR_CYAN,
					  [STYLE_ALSO] = COLOR_MAGENTA};
	/* Amber, red, and the first two colours of the dashboard's series, of the 256. */
	static const short many[STYLES] = {
		[STYLE_LOOK] = 214, [STYLE_ACT] = 203, [STYLE_GOOD] = 74, [STYLE_ALSO] = 179};
	screen.colours = screen.colours && has_colors();
	if (!screen.colours)
		return;
	start_color();
	use_default_colors();
	for (int i = 0; i < STYLES; i++)
		if (few[i])
			init_pair((short)(i + 1), COLORS >= 256 ? many[i] : few[i], -1);
}

bool screen_open(bool colours, const char **ret_why)
{
	const char *term = getenv("TERM");
	*ret_why = "the kind of terminal is not known (TERM)";
	if (!term || !*term)
		return false;
	if (isatty(STDIN_FILENO))
		screen.keys = fdopen(dup(STDIN_FILENO), "r");
	else
		screen.keys = fopen("/dev/tty", "re");
	*ret_why = "there is no keyboard";
	if (!screen.keys || tcgetattr(STDOUT_FILENO, &screen.before) < 0)
		return false;
	screen_catch();
	set_escdelay(25);
	screen.colours = colours;
	*ret_why = "the terminal cannot place the cursor (TERM)";
	screen.screen = newterm(NULL, stdout, screen.keys);
	if (!screen.screen)
		return false;
	set_term(screen.screen);
	screen_keep("sgr0");
	screen_keep("cnorm");
	screen_keep("rmkx");
	screen_keep("rmcup");
	screen.open = true;
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	screen_colours();
	return true;
}

void screen_close(void)
{
	if (!screen.open)
		return;
	endwin();
	screen.open = false;
	delscreen(screen.screen);
	fclose(screen.keys);
}

/* ---- Keys ------------------------------------------------------------------------------- */

int screen_fd(void)
{
	return fileno(screen.keys);
}

size_t screen_width(void)
{
	return COLS > 0 ? (size_t)COLS : 0;
}

size_t screen_height(void)
{
	return LINES > 0 ? (size_t)LINES : 0;
}

static unsigned screen_function_key(wint_t key)
{
	static const struct {
		wint_t from;
		unsigned to;
	} keys[] = {
		{KEY_UP, KEY_UP_},           {KEY_DOWN, KEY_DOWN_},     {KEY_LEFT, KEY_LEFT_},
		{KEY_RIGHT, KEY_RIGHT_},     {KEY_PPAGE, KEY_PAGE_UP_}, {KEY_NPAGE, KEY_PAGE_DOWN_},
		{KEY_HOME, KEY_HOME_},       {KEY_END, KEY_END_},       {KEY_ENTER, KEY_ENTER_},
		{KEY_BACKSPACE, KEY_ERASE_}, {KEY_DC, KEY_ERASE_},      {KEY_RESIZE, KEY_RESIZED_}};
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (keys[i].from == key)
			return keys[i].to;
	return KEY_NONE_;
}

unsigned screen_key(void)
{
	wint_t key;
	int kind = get_wch(&key);
	if (kind == ERR)
		return KEY_NONE_;
	if (kind == KEY_CODE_YES)
		return screen_function_key(key);
	switch (key) {
	case 27:
		return KEY_ESCAPE_;
	case '\r':
	case '\n':
		return KEY_ENTER_;
	case 8:
	case 127:
		return KEY_ERASE_;
	case 12: /* control L */
		clearok(stdscr, TRUE);
		return KEY_REDRAW_;
	default:
		return (unsigned)key;
	}
}

/* ---- Drawing ------------------------------------------------------------------------------ */

static attr_t screen_attributes(enum style style)
{
	static const attr_t plain[STYLES] = {[STYLE_DIM] = A_DIM,
					     [STYLE_LOOK] = A_BOLD,
					     [STYLE_ACT] = A_BOLD,
					     [STYLE_HEAD] = A_BOLD,
					     [STYLE_BAR] = A_DIM};
	bool coloured = style == STYLE_LOOK || style == STYLE_ACT || style == STYLE_GOOD ||
			style == STYLE_ALSO;
	if (screen.colours && coloured)
		return (attr_t)COLOR_PAIR(style + 1);
	return plain[style];
}

void screen_begin(void)
{
	erase();
}

void screen_draw(size_t row, const struct line *line)
{
	size_t from = 0, left = screen_width();
	struct strbuf cut = {0};
	if (row >= screen_height() || !line->text.data)
		return;
	move((int)row, 0);
	for (unsigned i = 0; i < line->n; i++) {
		const struct line_piece *piece = &line->pieces[i];
		attr_t attributes = screen_attributes(piece->style);
		attrset(line->here ? attributes | A_REVERSE : attributes);
		if (left > 0) {
			strbuf_clear(&cut);
			left -= text_show(&cut, line->text.data + from, piece->end - from, left);
			addnstr(cut.data ? cut.data : "", (int)cut.len);
		}
		from = piece->end;
	}
	strbuf_done(&cut);
	for (; line->here && left > 0; left--)
		addch(' ' | A_REVERSE);
	attrset(A_NORMAL);
}

void screen_end(void)
{
	refresh();
}
