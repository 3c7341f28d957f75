/*
 * Tokens and their scopes: a file of lines `token scope…`, read again when it changes.  A scope is
 * a kind of endpoint, as `endpoint` in the metrics (containers, stats, logs, …), or `read` for all;
 * to follow a stream of logs takes `logs stream`. Empty lines and those that begin with # are
 * skipped.  HTTP thread, except for opening.
 */
#ifndef TALLYD_HTTP_TOKENS_H
#define TALLYD_HTTP_TOKENS_H

#include <stdbool.h>
#include <tallyd/host.h>

#include "http_api.h"

enum { TOKENS_MAX = 64, TOKENS_MIN_LENGTH = 20, TOKENS_MAX_LENGTH = 128 };

struct tokens;

/* What tally_fail() returned: no such file, others may read it, or a line is wrong. */
int tokens_open(struct tally_ctx *ctx, const char *path, struct tokens **ret);
void tokens_close(struct tokens *tokens); /* NULL is fine */

/* What a token is good for. */
struct token_grant {
	unsigned place;  /* of the token in the file, from 0; below TOKENS_MAX */
	unsigned scopes; /* a bit per enum http_class */
};

/* Grows when other tokens or scopes were read than before: what was made of a token ends then.
 * Looks at the file, at most once a second. */
unsigned tokens_generation(struct tokens *tokens);

/* false: there is no such token.  Takes as long whichever token it is, and whether any. */
bool tokens_find(const struct tokens *tokens, const char *text, size_t len,
		 struct token_grant *ret);

#endif
