/*
 * Everything that is wrong with a configuration, so that one `tallyd check` shows all of it and
 * not only the first thing.  Used by one thread.
 */
#ifndef TALLYD_CORE_PROBLEMS_H
#define TALLYD_CORE_PROBLEMS_H

#include <stddef.h>

struct problems {
	char **texts; /* each a whole line without its newline */
	size_t n;
	size_t lost; /* more, that there was no memory to keep */
};

void problems_init(struct problems *problems);
void problems_done(struct problems *problems);

/* file NULL: nowhere in particular; line 0: the whole file.  Makes "file:line: text". */
__attribute__((format(printf, 4, 5))) void problems_add(struct problems *problems, const char *file,
							unsigned line, const char *fmt, ...);

/* How many there are, the lost ones too. */
static inline size_t problems_count(const struct problems *problems)
{
	return problems->n + problems->lost;
}

#endif
