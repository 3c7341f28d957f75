/*
 * RESP, the protocol of Redis (https://redis.io/docs/latest/develop/reference/protocol-spec/): a
 * command is an array of bulk strings, `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`.  hiredis could write
 * it too, but allocates each command; here a batch of rows becomes one buffer and one send().
 * Callers add without checking and look at bytes.error once: it stays set after the first addition
 * that did not fit (-E2BIG) or found no memory (-ENOMEM).  No thread of its own, no lock.
 */
#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void commands_init(struct commands *commands, size_t max)
{
	json_writer_init(&commands->bytes, max);
	commands->n = 0;
}

void commands_done(struct commands *commands)
{
	json_writer_done(&commands->bytes);
}

void commands_clear(struct commands *commands)
{
	commands->bytes.len = 0;
	commands->n = 0;
}

static void add_length(struct commands *commands, char mark, size_t length)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%c%zu\r\n", mark, length);
	json_write_raw(&commands->bytes, text, (size_t)len);
}

void commands_begin(struct commands *commands, uint32_t n_words)
{
	add_length(commands, '*', n_words);
	commands->n++;
}

void commands_add(struct commands *commands, const void *word, size_t len)
{
	add_length(commands, '$', len);
	json_write_raw(&commands->bytes, word, len);
	json_write_raw(&commands->bytes, "\r\n", 2);
}

void commands_add_text(struct commands *commands, const char *word)
{
	commands_add(commands, word, strlen(word));
}

void commands_add_number(struct commands *commands, int64_t number)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%" PRId64, number);
	commands_add(commands, text, (size_t)len);
}
