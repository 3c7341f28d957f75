/*
 * The core asks for each batch that passes an output, and plugins for what they were told to leave
 * out; lists have a handful of patterns, so they are gone through from the front.  Any thread,
 * nothing can fail.
 */
#include "base/globs.h"

#include <stddef.h>

#include "base/text_match.h"

bool globs_match(const char *const *patterns, const char *text)
{
	bool pass = true; /* as long as nothing is asked for by name */
	bool decided = false;
	for (; patterns && *patterns; patterns++) {
		bool refusal = **patterns == '!';
		/* A pattern in front that asks for something by name refuses the rest. */
		if (!refusal && !decided)
			pass = false;
		if (text_fits(text, *patterns + refusal)) {
			pass = !refusal;
			decided = true;
		}
	}
	return pass;
}
