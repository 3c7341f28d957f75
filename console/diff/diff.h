/* What the files of `tallyd diff` share. */
#ifndef TALLYD_CONSOLE_DIFF_H
#define TALLYD_CONSOLE_DIFF_H

#include "base/strbuf.h"
#include "diff/effect.h"

enum { DIFF_CHANGES = 16, DIFF_KINDS = 16, DIFF_COLUMNS = 80 };

/* A change, what took effect together with it, and what happened to the service since. */
struct diff {
	struct change changes[DIFF_CHANGES]; /* the first is the one whose effect is asked for */
	unsigned n;
	struct {
		struct json_text kind;
		unsigned n;
	} since[DIFF_KINDS]; /* restarts and the like */
	unsigned n_since;
	struct effect effect;
	const char *window; /* as given, or the default */
	bool colours;
};

/* Appends lines of at most DIFF_COLUMNS columns, safe for a terminal. */
void diff_print(const struct diff *diff, struct strbuf *out);

#endif
