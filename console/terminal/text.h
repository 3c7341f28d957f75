/*
 * Foreign text (names, labels, lines of logs) made fit for a terminal: whoever chose it must not be
 * able to move the cursor, change colours, set a title, or reverse what stands beside it.
 *
 * Shown are letters, digits, signs and blanks of valid UTF-8 that the locale says the width of.
 * A control character becomes its picture (ESC is ␛), what is not valid or reorders text becomes
 * U+FFFD, and of what takes no room only three accents after a letter stay.  Any thread, after
 * text_init().
 */
#ifndef TALLYD_CONSOLE_TEXT_H
#define TALLYD_CONSOLE_TEXT_H

#include <stddef.h>

#include "base/strbuf.h"

#define TEXT_UNBOUNDED SIZE_MAX

/* Takes the locale of the environment; one of UTF-8 for widths if that names none. */
void text_init(void);

/* Appends text, cut with … if it is wider than so many columns.  Returns the columns it took. */
size_t text_show(struct strbuf *out, const char *text, size_t len, size_t columns);

/* The same of a line of a log: a tab goes on at the next multiple of 8, and colours are left out.
 * An end of line within is shown as a picture: callers split before. */
size_t text_show_line(struct strbuf *out, const char *text, size_t len, size_t columns);

/* Columns of text that is safe already. */
size_t text_width(const char *text);

/* Appends JSON as it is, but for DEL and U+0080 to U+009F, which some terminals obey: as \u009b. */
void text_show_json(struct strbuf *out, const char *json, size_t len);

#endif
