#include "base/globs.h"

#include <fnmatch.h>
#include <stddef.h>

bool globs_match(const char *const *patterns, const char *text)
{
	bool pass = true; /* as long as nothing is asked for by name */
	bool decided = false;
	for (; patterns && *patterns; patterns++) {
		bool refusal = **patterns == '!';
		if (!refusal && !decided)
			pass = false;
		if (fnmatch(*patterns + refusal, text, 0) == 0) {
			pass = !refusal;
			decided = true;
		}
	}
	return pass;
}
