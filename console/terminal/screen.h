/*
 * The terminal: taken over by screen_open(), given back by screen_close() and however else the
 * process ends.  One screen, main thread.
 */
#ifndef TALLYD_CONSOLE_SCREEN_H
#define TALLYD_CONSOLE_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

#include "terminal/line.h"

enum screen_key {
	KEY_NONE_ = 0x110000, /* after the last character */
	KEY_UP_,
	KEY_DOWN_,
	KEY_LEFT_,
	KEY_RIGHT_,
	KEY_PAGE_UP_,
	KEY_PAGE_DOWN_,
	KEY_HOME_,
	KEY_END_,
	KEY_ENTER_,
	KEY_ESCAPE_,
	KEY_ERASE_,
	KEY_RESIZED_,
	KEY_REDRAW_
};

/* False: this terminal cannot do it (why is in ret, if it is known). */
bool screen_open(bool colours, const char **ret_why);
void screen_close(void);

int screen_fd(void); /* to wait for keys at */
size_t screen_width(void);
size_t screen_height(void);
/* A character, or one of the above; KEY_NONE_: there is none. */
unsigned screen_key(void);

void screen_begin(void);
/* A line at that row; it is cut and filled up to the width. */
void screen_draw(size_t row, const struct line *line);
void screen_end(void);

/* A signal that ends the program has come; which one. 0: none. */
int screen_signal(void);

#endif
