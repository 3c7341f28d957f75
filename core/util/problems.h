/*
 * Everything that is wrong with a configuration, so that one `tallyd check` tells it all and
 * not only the first thing.  Used by one thread.
 */
#ifndef TALLYD_CORE_UTIL_PROBLEMS_H
#define TALLYD_CORE_UTIL_PROBLEMS_H

#include <stddef.h>

struct problems {
	char **texts; /* each a whole line without its newline */
	size_t n;
};

void problems_init(struct problems *problems);
void problems_done(struct problems *problems);

/* file NULL: nowhere in particular; line 0: the whole file.  Makes "file:line: text". */
__attribute__((format(printf, 4, 5))) void problems_add(struct problems *problems, const char *file,
							unsigned line, const char *fmt, ...);

#endif
