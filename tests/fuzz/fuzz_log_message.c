/*
 * Lines joined to messages by a pattern: the first line of the input is the pattern, of each other
 * the first byte says its stream and how much later it was written.  Whatever they are, no byte is
 * lost: the messages are the lines of each stream in their order.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "logs/log_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_PATTERN = 64, MAX_INPUT = 4096, MAX_TEXT = 100, MAX_LINES = 7 };

static const int64_t unit_ns = 10000000;

struct joined {
	char text[MAX_INPUT];
	size_t len;
};

static enum log_outcome on_message(void *arg, const struct log_line *line)
{
	struct joined *joined = arg;
	struct joined *to = &joined[line->stream];
	if (line->len > MAX_TEXT || to->len + line->len + 1 > MAX_INPUT)
		abort();
	if (line->len)
		memcpy(to->text + to->len, line->text, line->len);
	to->len += line->len;
	to->text[to->len++] = '\n';
	return LOG_MORE;
}

static bool compile(const uint8_t *data, size_t len, regex_t *ret)
{
	char pattern[MAX_PATTERN + 1];
	/* Repeats of repeats take the C library for ever; a pattern is the operator's own. */
	if (len > MAX_PATTERN || memchr(data, '{', len) || memchr(data, '\\', len))
		return false;
	memcpy(pattern, data, len);
	pattern[len] = '\0';
	return regcomp(ret, pattern, REG_EXTENDED | REG_NOSUB) == 0;
}

/* In memory of its own, so that a sanitizer sees its end. */
static void feed_line(struct log_messages *messages, const uint8_t *bytes, size_t len, int64_t time,
		      struct joined *joined)
{
	char *text = malloc(len ? len : 1);
	if (!text)
		abort();
	memcpy(text, bytes, len);
	const struct log_line line = {
		.time = time, .text = text, .len = len, .stream = bytes[-1] & 1};
	if (log_messages_line(messages, &line, on_message, joined) != LOG_MORE)
		abort();
	free(text);
}

static void join_all(const struct log_rule *rule, const uint8_t *data, size_t size,
		     struct joined *joined)
{
	struct log_messages messages = {.rule = rule};
	int64_t time = 1;
	for (size_t at = 0; at < size;) {
		const uint8_t *newline = memchr(data + at, '\n', size - at);
		size_t len = newline ? (size_t)(newline - data) - at : size - at;
		if (len > 0 && len <= MAX_TEXT) {
			time += (data[at] >> 1) * unit_ns;
			feed_line(&messages, data + at + 1, len - 1, time, joined);
		}
		at += len + 1;
	}
	log_messages_end(&messages, INT64_MAX, on_message, joined);
	log_messages_forget(&messages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct joined joined[LOG_STREAMS], apart[LOG_STREAMS];
	const uint8_t *newline = size < MAX_INPUT ? memchr(data, '\n', size) : NULL;
	struct log_rule rule = {.gap = 50 * unit_ns, .max = MAX_TEXT, .max_lines = MAX_LINES};
	if (!newline || !compile(data, (size_t)(newline - data), &rule.start))
		return 0;
	size_t begin = (size_t)(newline - data) + 1;
	memset(joined, 0, sizeof(joined));
	memset(apart, 0, sizeof(apart));
	join_all(&rule, data + begin, size - begin, apart);
	rule.joins = true;
	join_all(&rule, data + begin, size - begin, joined);
	regfree(&rule.start);
	for (int i = 0; i < LOG_STREAMS; i++)
		if (joined[i].len != apart[i].len ||
		    memcmp(joined[i].text, apart[i].text, apart[i].len) != 0)
			abort();
	return 0;
}
