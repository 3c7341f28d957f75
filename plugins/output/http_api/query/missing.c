/*
 * The core shows in tallyd_state_dir_missing, plugins in tallyd_…_file_missing, that a file of
 * theirs is not in its place: what is done meanwhile would not be there after a restart.  For
 * /readyz, on a worker's thread.  By the metric's name, so that a plugin of a third party takes
 * part by naming its metric so.
 */
#include "query/missing.h"

#include <stdio.h>
#include <string.h>

struct missing {
	char text[512];
	size_t len;
};

static bool missing_is_shown_by(const char *name)
{
	static const char end[] = "_file_missing";
	size_t len = strlen(name);
	return strcmp(name, "tallyd_state_dir_missing") == 0 ||
	       (len >= sizeof(end) && strcmp(name + len - (sizeof(end) - 1), end) == 0);
}

static int missing_find(void *arg, const struct tally_sample *sample)
{
	struct missing *missing = arg;
	if (sample->value == 0 || !missing_is_shown_by(sample->name) ||
	    missing->len >= sizeof(missing->text))
		return 0;
	missing->len += (size_t)snprintf(
		missing->text + missing->len, sizeof(missing->text) - missing->len, "%s%s%s%s%s",
		missing->len ? "; " : "", sample->name, sample->labels[0] ? "{" : "",
		sample->labels, sample->labels[0] ? "}" : "");
	return 0;
}

int missing_check(struct context *context)
{
	struct missing missing = {0};
	if (tally_samples(context->ctx, missing_find, &missing) < 0)
		return response_unavailable(context->builder, "out of memory");
	return missing.len
		       ? response_unavailable(context->builder,
					      "files of the daemon are missing, see its log: %s",
					      missing.text)
		       : 0;
}
