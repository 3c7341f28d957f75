/*
 * Grams become places: 20 bits of a hash, the upper four of which choose the slice.  While a block
 * is made, a bitmap has a bit for each place there is; then each slice is shrunk to four bits per
 * place that is taken, so that a fifth of them are set.  Short grams, of which there are few and of
 * which a search may have only one, have several places each.
 *
 * The grams of five bytes are what tells numbers and identifiers apart: a thousand lines have
 * all pairs and triples of digits.  Pure functions over memory of the caller's, any thread.
 */
#include "store/log_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
	LOG_TEXT_LONG = 5,        /* bytes of the longest grams */
	LOG_TEXT_PLACE_BITS = 16, /* of a slice */
	LOG_TEXT_PLACES = 1 << LOG_TEXT_PLACE_BITS,
	LOG_TEXT_PER_PLACE = 4, /* bits */
	LOG_TEXT_LEAST = 8,     /* bytes of a slice */
	LOG_TEXT_LONG_TESTS = 10,
	LOG_TEXT_MOST_BYTES = 1 << 20,
};

struct log_text {
	size_t lines, bytes;
	uint64_t slices[LOG_TEXT_SLICES][LOG_TEXT_PLACES / 64];
	uint64_t pairs[(1 << 16) / 64]; /* of two bytes that are in it, so as to do them once */
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
	return (gram | (uint64_t)bytes << 56) * UINT64_C(0x9e3779b97f4a7c15);
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

/* ---- Asking ---------------------------------------------------------------------- */

static void log_text_ask_gram(struct log_text_asked *asked, const struct tally_cell *text,
			      uint32_t at, uint32_t bytes, uint32_t places)
{
	uint64_t gram = 0;
	for (uint32_t i = 0; i < bytes; i++)
		gram = gram << 8 | log_text_fold(text->text[at + i]);
	uint64_t hash = log_text_hash(gram, bytes);
	for (uint32_t i = 0; i < places && asked->n < LOG_TEXT_TESTS; i++)
		asked->tests[asked->n++] = log_text_place(hash, i);
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

static uint32_t log_text_bit(uint32_t place, uint32_t salt, size_t len)
{
	uint32_t salted = place * salt & (LOG_TEXT_PLACES - 1);
	return (uint32_t)(salted * (len * 8) >> LOG_TEXT_PLACE_BITS);
}

bool log_text_has(const struct log_text_test *test, uint32_t salt, const void *bits, size_t len)
{
	const uint8_t *bytes = bits;
	uint32_t bit = log_text_bit(test->place, salt, len);
	/* Without bits nothing is known, so everything may be there. */
	return len == 0 || bytes[bit / 8] >> bit % 8 & 1;
}

/* ---- Making ----------------------------------------------------------------------- */

uint32_t log_text_salt(int64_t from)
{
	return (uint32_t)(log_text_hash((uint64_t)(from / CLOCK_MS), 0) >> 48) | 1;
}

struct log_text *log_text_create(void)
{
	return calloc(1, sizeof(struct log_text));
}

void log_text_destroy(struct log_text *text)
{
	free(text);
}

void log_text_cleanup(struct log_text **text)
{
	log_text_destroy(*text);
}

void log_text_clear(struct log_text *text)
{
	memset(text, 0, sizeof(*text));
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

/* Most pairs have been there before, and with them their bytes. */
static void log_text_set_pair(struct log_text *text, uint64_t gram)
{
	uint64_t *seen = &text->pairs[(gram & 0xffff) / 64], bit = UINT64_C(1) << gram % 64;
	if (*seen & bit)
		return;
	*seen |= bit;
	log_text_set(text, gram >> 8, 1);
	log_text_set(text, gram, 1);
	log_text_set(text, gram, 2);
}

void log_text_add(struct log_text *text, const char *line, size_t len)
{
	uint64_t gram = 0;
	text->lines++;
	text->bytes += len;
	if (len == 1)
		log_text_set(text, log_text_fold(*line), 1);
	for (size_t i = 0; i < len; i++) {
		gram = gram << 8 | log_text_fold(line[i]);
		if (i >= 1)
			log_text_set_pair(text, gram);
		/* Most of the work, so without the loops that the others go through. */
		if (i >= 2) {
			uint64_t hash = log_text_hash(gram & log_text_mask(3), 3);
			log_text_mark(text, hash, 0);
			log_text_mark(text, hash, 1);
		}
		if (i >= LOG_TEXT_LONG - 1)
			log_text_mark(
				text,
				log_text_hash(gram & log_text_mask(LOG_TEXT_LONG), LOG_TEXT_LONG),
				0);
	}
}

bool log_text_is_too_much(const struct log_text *text)
{
	return text->lines > LOG_TEXT_MOST_LINES || text->bytes > LOG_TEXT_MOST_BYTES;
}

size_t log_text_slice(const struct log_text *text, uint32_t slice, uint32_t salt,
		      uint8_t ret[LOG_TEXT_SLICE_BYTES])
{
	const uint64_t *all = text->slices[slice];
	size_t taken = 0;
	for (uint32_t i = 0; i < LOG_TEXT_PLACES / 64; i++)
		taken += (size_t)__builtin_popcountll(all[i]);
	size_t len = taken * LOG_TEXT_PER_PLACE / 8 + LOG_TEXT_LEAST;
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

/* ---- Where a block begins ------------------------------------------------------- */

static int64_t log_text_whole_ms(int64_t time)
{
	return time - time % CLOCK_MS;
}

void log_text_cut_init(struct log_text_cut *cut, int64_t from, int64_t to)
{
	*cut = (struct log_text_cut){.from = from, .to = to, .begin = to};
}

/* Of a minute with more lines than there is room for: as much as should have so many. */
static void log_text_cut_within(struct log_text_cut *cut, int64_t begin, int64_t lines)
{
	int64_t wanted = LOG_TEXT_LINES - cut->lines;
	int64_t width = (int64_t)((double)(cut->begin - begin) * (double)wanted / (double)lines);
	int64_t cut_at = log_text_whole_ms(cut->begin - width);
	cut->begin = cut_at < cut->begin ? cut_at : cut->begin - CLOCK_MS;
	cut->lines = LOG_TEXT_LINES;
	cut->full = true;
}

void log_text_cut_add(struct log_text_cut *cut, int64_t minute, int64_t lines)
{
	int64_t begin = minute > cut->from ? minute : cut->from;
	int64_t end = minute + CLOCK_MINUTE < cut->to ? minute + CLOCK_MINUTE : cut->to;
	if (cut->full || begin >= end)
		return;
	/* Of a minute that is not all here, a part. */
	lines = (int64_t)((double)lines * (double)(end - begin) / (double)CLOCK_MINUTE) + 1;
	/* What is newer has no lines: the gap belongs to the block. */
	if (cut->lines + lines > LOG_TEXT_LINES * 3 / 2) {
		cut->begin = end;
		if (cut->lines >= LOG_TEXT_LINES / 2)
			cut->full = true;
		else
			log_text_cut_within(cut, begin, lines);
		return;
	}
	cut->lines += lines;
	cut->begin = begin;
	cut->full = cut->lines >= LOG_TEXT_LINES;
}

void log_text_cut_end(struct log_text_cut *cut)
{
	if (!cut->full)
		cut->begin = cut->from;
}

bool log_text_cut_can_shrink(const struct log_text_cut *cut)
{
	return cut->to - cut->begin > CLOCK_MS;
}

void log_text_cut_shrink(struct log_text_cut *cut)
{
	cut->begin = log_text_whole_ms(cut->to - (cut->to - cut->begin) / 4);
	if (cut->begin >= cut->to)
		cut->begin = cut->to - CLOCK_MS;
}
