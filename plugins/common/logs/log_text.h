/* Makes text of any program fit for every store: valid UTF-8 without NUL.  Called by log_rows.c. */
#ifndef TALLYD_LOG_TEXT_H
#define TALLYD_LOG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

bool log_text_is_clean(const char *text, size_t len);

/* Each byte that is not part of a character, and each NUL, becomes U+FFFD: 3 × len bytes at most.
 * cut: a character that lacks its end is left out instead.  Returns the length. */
size_t log_text_clean(const char *text, size_t len, bool cut, char *ret);

#endif
