/*
 * Grams become places: 20 bits of a hash, the upper five of which choose the slice.  While a block
 * is made, a bitmap has a bit for each place there is; then each slice is shrunk to four bits per
 * place that is taken, so that a fifth of them are set.  Short grams, of which there are few and of
 * which a search may have only one, have several places each.
 *
 * Lines repeat each other, so a line is looked at in windows of eight bytes, which overlap: one
 * that was there a while ago has nothing new, and is a single comparison.
 *
 * The grams of five bytes are what tells numbers and identifiers apart: a thousand lines have
 * all pairs and triples of digits.  A number has no others, and few of them: five digits have a
 * second place, or one in fifty numbers would share one with what is in each block.  Blocks that
 * were made before there was one are known by their salt.  Pure functions over memory of the
 * caller's, any thread.
 */
#include "store/log_text.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
	LOG_TEXT_LONG = 5,        /* bytes of the longest grams */
	LOG_TEXT_PLACE_BITS = 15, /* of a slice */
	LOG_TEXT_PLACES = 1 << LOG_TEXT_PLACE_BITS,
	LOG_TEXT_PER_PLACE = 4, /* bits */
	LOG_TEXT_LEAST = 8,     /* bytes of a slice */
	LOG_TEXT_LONG_TESTS = 10,
	LOG_TEXT_MOST_BYTES = 1 << 20,
	/* Each gram begins in the first half of a window and is whole in it. */
	LOG_TEXT_WINDOW = 8,
	LOG_TEXT_STEP = LOG_TEXT_WINDOW + 1 - LOG_TEXT_LONG,
	LOG_TEXT_SEEN_BITS = 12,
};
#define LOG_TEXT_KNUTH UINT64_C(0x9e3779b97f4a7c15)

struct log_text {
	size_t lines, bytes;
	uint64_t slices[LOG_TEXT_SLICES][LOG_TEXT_PLACES / 64];
	bool pairs[1 << 16]; /* of two bytes: it is in it, so as to do it once */
	/* The last ones of each hash: a line has most of its text from the lines before. */
	uint64_t windows[1 << LOG_TEXT_SEEN_BITS];
	uint32_t triples[1 << LOG_TEXT_SEEN_BITS]; /* + 1 */
};

/* Places of a gram of so many bytes. */
static const uint8_t log_text_places[LOG_TEXT_LONG + 1] = {0, 4, 4, 2, 0, 1};

uint32_t log_text_column(const struct stored_table *logs)
{
	int column = catalog_column(&logs->table, "message");
	if (logs->table.kind != TALLY_LOG || column <= 0 ||
	    logs->table.columns[column].type != TALLY_TEXT ||
	    logs->table.columns[column].role != TALLY_FIELD)
		return 0;
	return (uint32_t)column;
}

/* ---- Grams ----------------------------------------------------------------------- */

/* As searches fold: letters of ASCII only (base/text_match.h). */
static uint8_t log_text_fold(char c)
{
	return (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* gram: its bytes, the last one lowest.  Multiplicative hashing (Knuth, The Art of Computer
 * Programming, 6.4): its upper bits are good, and it is next to nothing beside reading a line. */
static inline uint64_t log_text_hash(uint64_t gram, uint32_t bytes)
{
	return (gram | (uint64_t)bytes << 56) * LOG_TEXT_KNUTH;
}

/* The 20 bits of a place: the uppermost, those some bits below, … */
static inline uint32_t log_text_bits(uint64_t hash, uint32_t nth)
{
	uint32_t bits =
		(uint32_t)(hash >> (64 - LOG_TEXT_PLACE_BITS - LOG_TEXT_SLICE_BITS - nth * 7));
	return bits & (LOG_TEXT_SLICES * LOG_TEXT_PLACES - 1);
}

static struct log_text_test log_text_place(uint64_t hash, uint32_t nth)
{
	uint32_t bits = log_text_bits(hash, nth);
	return (struct log_text_test){.slice = (uint16_t)(bits >> LOG_TEXT_PLACE_BITS),
				      .place = (uint16_t)(bits & (LOG_TEXT_PLACES - 1))};
}

static inline uint64_t log_text_mask(uint32_t bytes)
{
	return (UINT64_C(1) << 8 * bytes) - 1;
}

/* Whether all bytes of a long gram are digits: 0x30 to 0x39. */
static inline bool log_text_is_number(uint64_t gram)
{
	const uint64_t each = UINT64_C(0x0101010101);
	return (gram & each * 0xf0) == each * 0x30 &&
	       ((gram + each * 0x06) & each * 0xf0) == each * 0x30;
}

/* ---- Asking ---------------------------------------------------------------------- */

static void log_text_ask_gram(struct log_text_asked *asked, const struct tally_cell *text,
			      uint32_t at, uint32_t bytes, uint32_t places)
{
	uint64_t gram = 0;
	for (uint32_t i = 0; i < bytes; i++)
		gram = gram << 8 | log_text_fold(text->text[at + i]);
	uint64_t hash = log_text_hash(gram, bytes);
	bool number = bytes == LOG_TEXT_LONG && log_text_is_number(gram);
	for (uint32_t i = 0; i < places + number && asked->n < LOG_TEXT_TESTS; i++) {
		asked->tests[asked->n] = log_text_place(hash, i);
		asked->tests[asked->n++].second = i >= places;
	}
}

/* At most so many grams of a text, spread over it. */
static void log_text_ask_grams(struct log_text_asked *asked, const struct tally_cell *text,
			       uint32_t bytes, uint32_t places, uint32_t most)
{
	uint32_t there = text->len - bytes + 1, n = there < most ? there : most;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = n > 1 ? (uint64_t)i * (there - 1) / (n - 1) : 0;
		log_text_ask_gram(asked, text, (uint32_t)at, bytes, places);
	}
}

static void log_text_ask_text(struct log_text_asked *asked, const struct tally_cell *text)
{
	if (!text->set || text->len == 0)
		return;
	if (text->len >= LOG_TEXT_LONG) {
		log_text_ask_grams(asked, text, LOG_TEXT_LONG, 1, LOG_TEXT_LONG_TESTS);
		log_text_ask_grams(asked, text, 3, 1, LOG_TEXT_TESTS);
	} else {
		uint32_t bytes = text->len > 3 ? 3 : text->len;
		log_text_ask_grams(asked, text, bytes, log_text_places[bytes], LOG_TEXT_TESTS);
	}
}

void log_text_ask(const struct bound_query *bound, struct log_text_asked *ret)
{
	uint32_t column = log_text_column(bound->stored);
	ret->n = 0;
	for (uint32_t i = 0; column && i < bound->query->n_filters; i++) {
		const struct tally_filter *filter = &bound->query->filters[i];
		if (bound->filter[i] == column && filter->match == TALLY_CONTAINS)
			log_text_ask_text(ret, &filter->value);
	}
}

/* The place, salted, as a part of 2^32; of that many bits. */
static inline uint32_t log_text_bit(uint32_t place, uint32_t salt, size_t len)
{
	uint32_t salted = place * (salt << (32 - LOG_TEXT_PLACE_BITS));
	return (uint32_t)((uint64_t)salted * (len * 8) >> 32);
}

bool log_text_has(const struct log_text_test *test, uint32_t salt, const void *bits, size_t len)
{
	const uint8_t *bytes = bits;
	uint32_t bit = log_text_bit(test->place, salt, len);
	/* Without bits nothing is known, so everything may be there. */
	return len == 0 || (test->second && !(salt & LOG_TEXT_TWICE)) ||
	       bytes[bit / 8] >> bit % 8 & 1;
}

/* ---- Making ----------------------------------------------------------------------- */

uint32_t log_text_salt(int64_t from)
{
	return (uint32_t)(log_text_hash((uint64_t)(from / CLOCK_MS), 0) >> 48) | 1 | LOG_TEXT_TWICE;
}

void log_text_destroy(struct log_text *text)
{
	free(text);
}

void log_text_cleanup(struct log_text **text)
{
	log_text_destroy(*text);
}

static inline uint32_t log_text_window_at(uint64_t window)
{
	return (uint32_t)(window * LOG_TEXT_KNUTH >> (64 - LOG_TEXT_SEEN_BITS));
}

void log_text_clear(struct log_text *text)
{
	memset(text, 0, sizeof(*text));
	/* Nothing was seen yet, also not eight times NUL: a window whose place is elsewhere. */
	text->windows[log_text_window_at(0)] = 1;
}

struct log_text *log_text_create(void)
{
	struct log_text *text = malloc(sizeof(*text));
	if (text)
		log_text_clear(text);
	return text;
}

/* Slices lie one behind the other, so the bits of a place are the number of its bit. */
static inline void log_text_mark(struct log_text *text, uint64_t hash, uint32_t nth)
{
	uint64_t *all = &text->slices[0][0];
	uint32_t bits = log_text_bits(hash, nth);
	all[bits / 64] |= UINT64_C(1) << bits % 64;
}

static inline void log_text_set(struct log_text *text, uint64_t gram, uint32_t bytes)
{
	uint64_t hash = log_text_hash(gram & log_text_mask(bytes), bytes);
	for (uint32_t i = 0; i < log_text_places[bytes]; i++)
		log_text_mark(text, hash, i);
}

/* The second place of a long gram. */
static inline void log_text_set_number(struct log_text *text, uint64_t gram)
{
	log_text_mark(text, log_text_hash(gram & log_text_mask(LOG_TEXT_LONG), LOG_TEXT_LONG), 1);
}

/* Those of a window, of which most have none. */
static void log_text_set_numbers(struct log_text *text, uint64_t window)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	/* Not zero: no digit. */
	uint64_t other = ((window & each * 0xf0) ^ each * 0x30) |
			 (((window & each * 0x0f) + each * 0x06) & each * 0xf0);
	for (uint32_t i = 0; i < LOG_TEXT_STEP; i++)
		if ((other << 8 * i >> 24) == 0)
			log_text_set_number(text, window << 8 * i >> 24);
}

/* Most pairs have been there before, and with them their bytes. */
static inline void log_text_set_pair(struct log_text *text, uint64_t gram)
{
	bool *seen = &text->pairs[gram & 0xffff];
	if (*seen)
		return;
	*seen = true;
	log_text_set(text, gram >> 8, 1);
	log_text_set(text, gram, 1);
	log_text_set(text, gram, 2);
}

/* And the pair that it begins with.  Triples are few too, but too many to have a place each: the
 * last ones are kept. */
static inline void log_text_set_triple(struct log_text *text, uint64_t gram)
{
	gram &= log_text_mask(3);
	uint64_t hash = log_text_hash(gram, 3);
	uint32_t *seen = &text->triples[hash >> (64 - LOG_TEXT_SEEN_BITS)];
	if (*seen == gram + 1)
		return;
	*seen = (uint32_t)gram + 1;
	log_text_set_pair(text, gram >> 8);
	for (uint32_t i = 0; i < log_text_places[3]; i++)
		log_text_mark(text, hash, i);
}

/* All letters of a window at once: a byte below 0x80 is a capital one if adding to it carries for
 * 'A' and does not for what comes after 'Z'. */
static inline uint64_t log_text_fold_window(uint64_t window)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	uint64_t low = window & each * 0x7f;
	uint64_t capital =
		(low + each * (0x80 - 'A')) & ~(low + each * (0x7f - 'Z')) & ~window & each * 0x80;
	return window | capital >> 2;
}

/* The grams that begin in the first half of a window. */
static inline void log_text_set_window(struct log_text *text, uint64_t window)
{
	window = be64toh(log_text_fold_window(window)); /* the first byte uppermost */
	/* All long ones have the two bytes in the middle. */
	uint64_t middle = window >> 24;
	if ((middle & 0xf0f0) == 0x3030 && ((middle + 0x0606) & 0xf0f0) == 0x3030)
		log_text_set_numbers(text, window);
#pragma GCC unroll 4
	for (uint32_t i = 0; i < LOG_TEXT_STEP; i++, window <<= 8) {
		log_text_set_triple(text, window >> 40);
		log_text_set(text, window >> 24, LOG_TEXT_LONG);
	}
}

/* All grams of less than a window. */
static void log_text_set_end(struct log_text *text, const char *end, size_t len)
{
	uint64_t gram = 0;
	if (len == 1)
		log_text_set(text, log_text_fold(*end), 1);
	for (size_t i = 0; i < len; i++) {
		gram = gram << 8 | log_text_fold(end[i]);
		if (i >= 2)
			log_text_set_triple(text, gram);
		if (i >= LOG_TEXT_LONG - 1) {
			log_text_set(text, gram, LOG_TEXT_LONG);
			if (log_text_is_number(gram & log_text_mask(LOG_TEXT_LONG)))
				log_text_set_number(text, gram);
		}
	}
	if (len >= 2)
		log_text_set_pair(text, gram);
}

void log_text_add(struct log_text *text, const char *line, size_t len)
{
	size_t at = 0;
	text->lines++;
	text->bytes += len;
	for (; len - at >= LOG_TEXT_WINDOW; at += LOG_TEXT_STEP) {
		uint64_t window;
		memcpy(&window, line + at, sizeof(window));
		uint64_t *seen = &text->windows[log_text_window_at(window)];
		if (*seen == window)
			continue;
		*seen = window;
		log_text_set_window(text, window);
	}
	log_text_set_end(text, line + at, len - at);
}

bool log_text_is_too_much(const struct log_text *text)
{
	return text->lines > LOG_TEXT_MOST_LINES || text->bytes > LOG_TEXT_MOST_BYTES;
}

/* Bits of a slice, added up in four sums of a word, each of which has room for a quarter of them;
 * so the compiler can do several words at once, also where the processor is not known. */
static size_t log_text_taken(const uint64_t slice[LOG_TEXT_PLACES / 64])
{
	const uint64_t each = UINT64_C(0x0101010101010101), wide = UINT64_C(0x00ff00ff00ff00ff);
	uint64_t sums = 0;
	for (uint32_t i = 0; i < LOG_TEXT_PLACES / 64; i++) {
		uint64_t bits = slice[i] - (slice[i] >> 1 & each * 0x55);
		bits = (bits & each * 0x33) + (bits >> 2 & each * 0x33);
		bits = (bits + (bits >> 4)) & each * 0x0f;
		sums += (bits & wide) + (bits >> 8 & wide);
	}
	return (sums & 0xffff) + (sums >> 16 & 0xffff) + (sums >> 32 & 0xffff) + (sums >> 48);
}

size_t log_text_slice(const struct log_text *text, uint32_t slice, uint32_t salt,
		      uint8_t ret[LOG_TEXT_SLICE_BYTES])
{
	const uint64_t *all = text->slices[slice];
	size_t len = log_text_taken(all) * LOG_TEXT_PER_PLACE / 8 + LOG_TEXT_LEAST;
	if (len > LOG_TEXT_SLICE_BYTES)
		len = LOG_TEXT_SLICE_BYTES;
	memset(ret, 0, len);
	for (uint32_t i = 0; i < LOG_TEXT_PLACES / 64; i++) {
		for (uint64_t left = all[i]; left; left &= left - 1) {
			uint32_t place = i * 64 + (uint32_t)__builtin_ctzll(left);
			uint32_t bit = log_text_bit(place, salt, len);
			ret[bit / 8] |= (uint8_t)(1 << bit % 8);
		}
	}
	return len;
}
