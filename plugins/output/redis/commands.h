/*
 * Redis commands in one bounded buffer, encoded for the wire.  Each word goes with its length, so
 * that it can hold any bytes and needs no escaping.
 */
#ifndef TALLYD_REDIS_COMMANDS_H
#define TALLYD_REDIS_COMMANDS_H

#include "base/json_writer.h"

struct commands {
	struct json_writer bytes; /* bytes.error: the last addition is incomplete */
	uint32_t n;               /* commands, and so replies */
};

void commands_init(struct commands *commands, size_t max);
void commands_done(struct commands *commands);
void commands_clear(struct commands *commands); /* keeps the memory */

/* The caller then adds exactly n_words words. */
void commands_begin(struct commands *commands, uint32_t n_words);
void commands_add(struct commands *commands, const void *word, size_t len);
void commands_add_text(struct commands *commands, const char *word);
void commands_add_number(struct commands *commands, int64_t number);

#endif
