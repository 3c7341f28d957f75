/*
 * See log_message.h.  Called by ingest.c for each line, on the input's thread.  Without a pattern
 * (rule->joins) a line is passed on as it is, without a copy.
 */
#include "logs/log_message.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static const int64_t late_ns = 250 * CLOCK_MS; /* a line may be read after it was written */

enum { MESSAGE_KEPT_TEXT = 32768, MESSAGE_REACH = 1024 };

/* ---- One message ---- */

static void message_clear(struct log_message *message)
{
	message->len = message->cut = 0;
	message->n = 0;
	if (message->size <= MESSAGE_KEPT_TEXT)
		return;
	free(message->text);
	message->text = NULL;
	message->size = 0;
}

static bool message_add(struct log_message *message, const struct log_line *line)
{
	size_t wanted = message->len + 1 + line->len;
	size_t size = message->size ? message->size : 1024;
	while (size < wanted)
		size *= 2;
	if (size > message->size) {
		char *grown = realloc(message->text, size);
		if (!grown)
			return false;
		message->text = grown;
		message->size = size;
	}
	if (message->n++ > 0)
		message->text[message->len++] = '\n';
	if (line->len > 0)
		memcpy(message->text + message->len, line->text, line->len);
	message->len += line->len;
	message->cut = line->cut;
	message->newest = line->time;
	return true;
}

/* From now on this line is what is not accepted yet. */
static void message_begin(struct log_message *message, const struct log_line *line)
{
	message->time = line->time;
	message->sequence = line->sequence;
	message->before = line->before;
}

static struct log_line message_line(const struct log_message *message, enum log_stream stream)
{
	return (struct log_line){.time = message->time,
				 .sequence = message->sequence,
				 .text = message->text,
				 .len = message->len,
				 .cut = message->cut,
				 .stream = stream};
}

/* ---- Where one ends ---- */

/* A copy with a NUL: regexec() may search for the end, REG_STARTEND or not. */
static bool fits(const struct log_rule *rule, const struct log_line *line)
{
	size_t len = line->len < MESSAGE_REACH ? line->len : MESSAGE_REACH;
	regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)len};
	char text[MESSAGE_REACH + 1];
	if (len > 0)
		memcpy(text, line->text, len);
	text[len] = '\0';
	return regexec(&rule->start, text, 1, &range, REG_STARTEND) == 0;
}

/* ---- All of a container ---- */

enum log_outcome log_messages_line(struct log_messages *messages, const struct log_line *line,
				   log_line_fn *each, void *arg)
{
	const struct log_rule *rule = messages->rule;
	struct log_message *message = &messages->open[line->stream];
	if (!rule->joins)
		return each(arg, line);
	if (message->n == 0) {
		message_begin(message, line);
	} else if (line->time - message->newest > rule->gap || message->n >= rule->max_lines ||
		   message->len + 1 + line->len > rule->max || fits(rule, line)) {
		struct log_line whole = message_line(message, line->stream);
		/* Before: the position it is handed over with lies behind it. */
		message_begin(message, line);
		enum log_outcome outcome = each(arg, &whole);
		message_clear(message);
		if (outcome != LOG_MORE)
			return outcome;
	}
	message->due = messages->now + rule->gap + late_ns;
	return message_add(message, line) ? LOG_MORE : LOG_LOST;
}

enum log_outcome log_messages_end(struct log_messages *messages, int64_t due, log_line_fn *each,
				  void *arg)
{
	enum log_outcome outcome = LOG_MORE;
	for (int i = 0; i < LOG_STREAMS && outcome == LOG_MORE; i++) {
		struct log_message *message = &messages->open[i];
		if (message->n == 0 || message->due > due)
			continue;
		struct log_line whole = message_line(message, (enum log_stream)i);
		message->n = 0;
		outcome = each(arg, &whole);
		message_clear(message);
	}
	return outcome;
}

int64_t log_messages_due(const struct log_messages *messages)
{
	int64_t due = INT64_MAX;
	for (int i = 0; i < LOG_STREAMS; i++)
		if (messages->open[i].n > 0 && messages->open[i].due < due)
			due = messages->open[i].due;
	return due;
}

void log_messages_hold(const struct log_messages *messages, struct log_resume *resume)
{
	for (int i = 0; i < LOG_STREAMS; i++) {
		const struct log_message *message = &messages->open[i];
		if (message->n > 0)
			log_resume_hold(resume, (enum log_stream)i, message->before, message->time);
	}
}

void log_messages_forget(struct log_messages *messages)
{
	for (int i = 0; i < LOG_STREAMS; i++) {
		free(messages->open[i].text);
		messages->open[i] = (struct log_message){.n = 0};
	}
}
