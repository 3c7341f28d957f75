/*
 * A message is known by its source's text and its format's address: formats are literals of
 * plugins that stay in memory, and an address is only ever compared.  One without a format, from a
 * plugin that formats for itself, is known by its text.
 */
#include "process/log_limit.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/hash.h"

static const int64_t log_limit_window = CLOCK_MINUTE;

static bool log_limit_over(const struct log_limit_entry *entry, int64_t now)
{
	return now - entry->since >= log_limit_window;
}

/* The entry of that key, or else the one to use for it.  128 compares are nothing beside a write.
 */
static struct log_limit_entry *log_limit_find(struct log_limit *limit, uint64_t key)
{
	struct log_limit_entry *best = &limit->entries[0];
	for (int i = 0; i < LOG_LIMIT_ENTRIES; i++) {
		struct log_limit_entry *entry = &limit->entries[i];
		if (entry->key == key)
			return entry;
		if (best->key && (!entry->key || entry->since < best->since))
			best = entry;
	}
	return best;
}

/* The count of what was held back goes to whoever opens the next window, also when the entry is
 * taken over by another message: it must not be lost. */
bool log_limit_admit(struct log_limit *limit, const struct log_limit_message *message, int64_t now,
		     struct log_limit_suppressed *ret_told)
{
	uint64_t source = hash_text(0, message->source);
	uint64_t key = message->fmt ? hash_word(source, (uintptr_t)message->fmt)
				    : hash_text(source, message->text);
	key = key ? key : 1; /* 0 marks a free entry */
	struct log_limit_entry *entry = log_limit_find(limit, key);
	ret_told->n = 0;
	if (entry->key != key || log_limit_over(entry, now)) {
		*ret_told = entry->kept_back;
		*entry = (struct log_limit_entry){.key = key, .since = now};
	}
	if (entry->said < LOG_LIMIT_BURST) {
		entry->said++;
		return true;
	}
	struct log_limit_suppressed *kept = &entry->kept_back;
	kept->n++;
	kept->level = message->level;
	snprintf(kept->source, sizeof(kept->source), "%s", message->source);
	snprintf(kept->text, sizeof(kept->text), "%s", message->text);
	return false;
}

/* One entry per call, so that the caller can write between two without holding the lock. */
bool log_limit_expire(struct log_limit *limit, int64_t now, struct log_limit_suppressed *ret_told)
{
	for (int i = 0; i < LOG_LIMIT_ENTRIES; i++) {
		struct log_limit_entry *entry = &limit->entries[i];
		if (!entry->kept_back.n || !log_limit_over(entry, now))
			continue;
		*ret_told = entry->kept_back;
		*entry = (struct log_limit_entry){0};
		return true;
	}
	return false;
}
