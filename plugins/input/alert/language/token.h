/*
 * Cuts the text of a rule into words, numbers, quoted texts and signs, and knows where each stands.
 * Any thread; one token stays in hand.
 */
#ifndef TALLYD_ALERT_TOKEN_H
#define TALLYD_ALERT_TOKEN_H

#include <stdbool.h>

#include "base/error.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_NUMBER, TOKEN_TEXT, TOKEN_SIGN };

enum { TOKEN_SIZE = 1001, TOKENS_MAX_TEXT = 2000 };

struct tokens {
	const char *start, *at; /* at: behind the token in hand */
	enum token_kind kind;
	unsigned column;       /* of the token in hand, counted in bytes from 1 */
	char text[TOKEN_SIZE]; /* of the token in hand, without its quotes */
};

/* text outlives it.  Both: 0, or -EINVAL with what is wrong and where. */
int tokens_init(struct tokens *tokens, const char *text, struct error *error);
int tokens_next(struct tokens *tokens, struct error *error);

/* Is the token in hand this word or sign? */
bool tokens_is(const struct tokens *tokens, const char *text);

/* "at 5, \"cpu\": …", or at the end. */
__attribute__((format(printf, 3, 4))) int tokens_fail(const struct tokens *tokens,
						      struct error *error, const char *fmt, ...);

#endif
