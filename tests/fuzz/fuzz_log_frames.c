/*
 * Everything that reads the bytes of a log: the first byte chooses between frames, a terminal and
 * records of a file, and its highest bit whether lines may be sent twice; the second how the rest
 * comes in pieces.  Whatever the pieces, the lines are the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sources/log_frames.h"
#include "logs/log_level.h"
#include "logs/log_lines.h"
#include "sources/log_raw.h"
#include "logs/log_record.h"
#include "logs/log_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_LINE = 40000, MAX_CLEAN = 4096 };

struct sum {
	struct log_lines lines;
	uint64_t hash, n;
};

static enum log_outcome on_line(void *arg, const struct log_line *line)
{
	struct sum *sum = arg;
	char clean[3 * MAX_CLEAN];
	size_t len = line->len < MAX_CLEAN ? line->len : MAX_CLEAN;
	if (line->len > MAX_LINE)
		abort();
	log_level(line->text, line->len);
	len = log_text_clean(line->text, len, false, clean);
	if (!log_text_is_clean(clean, len))
		abort();
	for (size_t i = 0; i < line->len; i++)
		sum->hash = sum->hash * 31 + (unsigned char)line->text[i];
	sum->hash = sum->hash * 31 + (uint64_t)line->time + (uint64_t)line->sequence;
	sum->n++;
	return LOG_MORE;
}

static enum log_outcome on_part(void *arg, const struct log_part *part)
{
	struct sum *sum = arg;
	return log_lines_part(&sum->lines, part, on_line, sum);
}

static void on_error(void *arg, const char *text, size_t len)
{
	struct sum *sum = arg;
	for (size_t i = 0; i < len; i++)
		sum->hash = sum->hash * 31 + (unsigned char)text[i];
}

/* Each line a record, whatever the pieces. */
static void read_records(const uint8_t *data, size_t size, struct sum *sum)
{
	for (size_t at = 0; at < size;) {
		const uint8_t *newline = memchr(data + at, '\n', size - at);
		size_t len = newline ? (size_t)(newline - data) - at : size - at;
		char *record = malloc(len + 1);
		struct log_part part = {0};
		if (!record)
			abort();
		memcpy(record, data + at, len);
		if (log_record_read(record, len, &part) || log_record_recover(record, len, &part))
			on_part(sum, &part);
		free(record);
		at += len + 1;
	}
}

static void read_all(uint8_t choice, const uint8_t *data, size_t size, size_t piece,
		     struct sum *sum)
{
	struct log_frames frames = {.max = MAX_LINE + 64};
	struct log_raw raw = {.max = MAX_LINE + 300};
	const struct log_frame_calls calls = {on_part, on_error, sum};
	enum log_outcome outcome = LOG_MORE;
	unsigned kind = choice % 3;
	*sum = (struct sum){.lines.max = MAX_LINE, .lines.resends = choice >= 128};
	if (kind == 2)
		read_records(data, size, sum);
	for (size_t at = 0; kind < 2 && at < size && outcome == LOG_MORE; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		char *copy = malloc(n);
		if (!copy)
			abort();
		memcpy(copy, data + at, n);
		if (kind == 0)
			outcome = log_frames_feed(&frames, copy, n, &calls);
		else
			outcome = log_raw_feed(&raw, copy, n, on_part, sum);
		free(copy);
	}
	if (kind == 1 && outcome == LOG_MORE && raw.len > 0)
		log_raw_end(&raw, on_part, sum);
	log_lines_end(&sum->lines, on_line, sum);
	log_frames_done(&frames);
	log_raw_done(&raw);
	log_lines_done(&sum->lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sum whole, pieces;
	if (size < 3)
		return 0;
	read_all(data[0], data + 2, size - 2, size, &whole);
	read_all(data[0], data + 2, size - 2, data[1] + 1U, &pieces);
	if (whole.n != pieces.n || whole.hash != pieces.hash)
		abort();
	return 0;
}
