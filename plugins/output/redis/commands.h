/*
 * Commands for Redis, one after the other in a bounded buffer, as its protocol has them: the
 * number of words, then each with its length, so that no byte in a word means anything.
 */
#ifndef TALLYD_REDIS_COMMANDS_H
#define TALLYD_REDIS_COMMANDS_H

#include "base/json_writer.h"

struct commands {
	struct json_writer bytes; /* bytes.error: what was added last is not all there */
	uint32_t n;               /* commands, and so replies */
};

void commands_init(struct commands *commands, size_t max);
void commands_done(struct commands *commands);
void commands_clear(struct commands *commands); /* keeps the memory */

/* So many words follow. */
void commands_begin(struct commands *commands, uint32_t n_words);
void commands_add(struct commands *commands, const void *word, size_t len);
void commands_add_text(struct commands *commands, const char *word);
void commands_add_number(struct commands *commands, int64_t number);

#endif
