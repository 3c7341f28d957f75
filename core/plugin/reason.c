/* One error per thread.  See reason.h for who clears and who reads it. */
#include "plugin/reason.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static _Thread_local struct error reason;

void reason_clear(void)
{
	reason.code = 0;
	reason.text[0] = '\0';
}

const struct error *reason_last(void)
{
	return &reason;
}

void reason_vset(int code, const char *fmt, va_list ap)
{
	struct error fresh; /* fmt's arguments may point into the old one */
	error_vset(&fresh, code, fmt, ap);
	reason = fresh;
}

void reason_restore(const struct error *kept)
{
	reason = *kept;
}

/* If the code that was returned is not the one that was reported, both are shown: the text may
 * belong to an earlier step that the plugin has survived. */
int reason_explain(int r, struct error *error)
{
	int code = r == INT_MIN ? EIO : -r;
	error_set(error, code, "%s", reason.text[0] ? reason.text : strerror(code));
	return r;
}
