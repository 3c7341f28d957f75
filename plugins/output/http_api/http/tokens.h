/*
 * Tokens and their scopes: a file of lines `token scope…`, read again when it changes.  A scope is
 * a kind of endpoint, as `endpoint` in the metrics (containers, stats, logs, …), or `read` for all;
 * to follow a stream of logs takes `logs stream`. Empty lines and those that begin with # are
 * skipped.  HTTP thread, except for opening.
 */
#ifndef TALLYD_HTTP_TOKENS_H
#define TALLYD_HTTP_TOKENS_H

#include <tallyd/host.h>

#include "http_api.h"

enum { TOKENS_MAX = 64, TOKENS_MIN_LENGTH = 20, TOKENS_MAX_LENGTH = 128 };

struct tokens;

/* What tally_fail() returned: no such file, others may read it, or a line is wrong. */
int tokens_open(struct tally_ctx *ctx, const char *path, struct tokens **ret);
void tokens_close(struct tokens *tokens); /* NULL is fine */

enum tokens_verdict { TOKENS_GOOD, TOKENS_MISSING, TOKENS_UNKNOWN, TOKENS_NOT_ENOUGH };

/* scopes: a bit per enum http_class, all of which it must have; 0: any token will do.
 * authorization: the value of that header, or NULL.  Takes as long whichever token it is, and
 * whether any. */
enum tokens_verdict tokens_check(struct tokens *tokens, const char *authorization, unsigned scopes);

#endif
