/*
 * before= and after=: the lines of the same container around each line of a page, as grep -B and -A
 * show them.
 */
#ifndef TALLYD_HTTP_LOG_CONTEXT_H
#define TALLYD_HTTP_LOG_CONTEXT_H

#include "routes/table_page.h"

/* Lines of a page for which context is looked up at most: two queries each. */
enum { LOG_CONTEXT_MAX_LINES = 1000 };

/* Whether the request asks for context; -EINVAL: it does, and of too many lines, or sorted ones. */
int log_context_is_wanted(const struct table_page *page);
/* Puts the lines of the page and those around them into page->lines.  0, or a problem. */
int log_context_read(struct table_page *page);

#endif
