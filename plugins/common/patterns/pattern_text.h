/*
 * A log line as words of which what changes from line to line is blanked: numbers, addresses,
 * times, identifiers.  "took 12ms for 10.0.0.7:80" becomes "took", "<*>", "for", "<*>".
 *
 * Of a JSON object, the message in it.  Escape sequences (colours) are left out.  Pure functions;
 * called by pattern_miner.c for each line.
 */
#ifndef TALLYD_PATTERN_TEXT_H
#define TALLYD_PATTERN_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PATTERN_WORDS = 40,   /* that count; as many bytes: */
	PATTERN_WORD = 1024,  /* of a word of a line */
	PATTERN_BYTES = 2048, /* of all words, blanked */
};

#define PATTERN_BLANK "<*>"

struct pattern_words {
	uint32_t n;
	uint32_t at[PATTERN_WORDS + 1]; /* where each begins in text; the last: where all end */
	uint64_t hash[PATTERN_WORDS];
	uint64_t
		key[PATTERN_WORDS]; /* of what is before its =; bit 0: <*> alone follows; 0: none */
	char text[PATTERN_BYTES];   /* with a space behind each word */
};

void pattern_words_read(const char *line, size_t len, struct pattern_words *ret);

/* Takes words that were joined by single spaces, as `text` has them. */
void pattern_words_split(const char *text, size_t len, struct pattern_words *ret);

/* Appends a word.  false: there is no room. */
bool pattern_words_add(struct pattern_words *words, const char *word, size_t len);

static inline bool pattern_same_key(uint64_t a, uint64_t b)
{
	return a > 1 && (a | 1) == (b | 1);
}

static inline const char *pattern_word(const struct pattern_words *words, uint32_t i, size_t *ret)
{
	*ret = words->at[i + 1] - words->at[i] - 1;
	return words->text + words->at[i];
}

#endif
