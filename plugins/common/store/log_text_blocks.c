/*
 * A block takes the newest minutes that together have about LOG_TEXT_LINES lines; of a minute with
 * more it takes as much as should have so many, as if they came evenly.  Where they did not, there
 * may be too much in it; then it is made smaller, and its lines are read once more.
 */
#include "store/log_text_blocks.h"

#include <errno.h>
#include <stddef.h>

#include "base/clock.h"

void log_text_blocks_done(struct log_text_blocks *blocks)
{
	for (uint32_t i = 0; i < LOG_TEXT_BLOCKS; i++)
		log_text_destroy(blocks->texts[i]);
}

/* ---- Where they begin ------------------------------------------------------------ */

static int64_t log_text_whole_ms(int64_t time)
{
	return time - time % CLOCK_MS;
}

static struct log_text_block *log_text_blocks_last(struct log_text_blocks *blocks)
{
	return &blocks->blocks[blocks->n - 1];
}

static struct log_text_block *log_text_blocks_append(struct log_text_blocks *blocks, int64_t to)
{
	blocks->n++;
	struct log_text_block *block = log_text_blocks_last(blocks);
	*block = (struct log_text_block){.begin = to, .to = to};
	return block;
}

void log_text_blocks_init(struct log_text_blocks *blocks, int64_t from, int64_t to)
{
	blocks->from = from;
	blocks->n = 0;
	log_text_blocks_append(blocks, to);
}

/* Of time with more lines than there is room for: as much as should have so many. */
static void log_text_block_cut(struct log_text_block *block, int64_t begin, int64_t lines)
{
	int64_t wanted = LOG_TEXT_LINES - block->lines;
	int64_t width = (int64_t)((double)(block->begin - begin) * (double)wanted / (double)lines);
	int64_t cut_at = log_text_whole_ms(block->begin - width);
	block->begin = cut_at < block->begin ? cut_at : block->begin - CLOCK_MS;
	block->lines = LOG_TEXT_LINES;
	block->full = true;
}

/* Of a minute: what is after begin, and before what the blocks have. */
static void log_text_block_count(struct log_text_block *block, int64_t begin, int64_t minute,
				 int64_t lines)
{
	int64_t end = minute + CLOCK_MINUTE < block->to ? minute + CLOCK_MINUTE : block->to;
	/* Of a minute that is not all here, a part. */
	lines = (int64_t)((double)lines * (double)(end - begin) / (double)CLOCK_MINUTE) + 1;
	if (block->lines + lines <= LOG_TEXT_LINES * 3 / 2) {
		block->lines += lines;
		block->begin = begin;
		block->full = block->lines >= LOG_TEXT_LINES;
		return;
	}
	/* What is newer has no lines: the gap belongs to the block. */
	block->begin = end;
	if (block->lines >= LOG_TEXT_LINES / 2)
		block->full = true;
	else
		log_text_block_cut(block, begin, lines);
}

void log_text_blocks_count(struct log_text_blocks *blocks, int64_t minute, int64_t lines)
{
	struct log_text_block *block = log_text_blocks_last(blocks);
	int64_t begin = minute > blocks->from ? minute : blocks->from;
	while (block->begin > begin && !log_text_blocks_are_full(blocks)) {
		if (block->full)
			block = log_text_blocks_append(blocks, block->begin);
		log_text_block_count(block, begin, minute, lines);
	}
}

void log_text_blocks_counted(struct log_text_blocks *blocks, bool wait)
{
	struct log_text_block *block = log_text_blocks_last(blocks);
	if (block->full)
		return;
	block->begin = blocks->from;
	if (blocks->n == 1 && wait)
		blocks->n = 0;
}

/* ---- Their lines ----------------------------------------------------------------- */

int log_text_blocks_clear(struct log_text_blocks *blocks)
{
	for (uint32_t i = 0; i < blocks->n; i++) {
		if (blocks->texts[i])
			log_text_clear(blocks->texts[i]);
		else
			blocks->texts[i] = log_text_create();
		if (!blocks->texts[i])
			return -ENOMEM;
	}
	return 0;
}

static bool log_text_block_can_shrink(const struct log_text_block *block)
{
	return block->to - block->begin > CLOCK_MS;
}

static bool log_text_block_is_too_much(const struct log_text_blocks *blocks, uint32_t i)
{
	return log_text_is_too_much(blocks->texts[i]) &&
	       log_text_block_can_shrink(&blocks->blocks[i]);
}

bool log_text_blocks_can_shrink(const struct log_text_blocks *blocks)
{
	for (uint32_t i = 0; i < blocks->n; i++)
		if (!log_text_block_can_shrink(&blocks->blocks[i]))
			return false;
	return true;
}

bool log_text_blocks_add(struct log_text_blocks *blocks, int64_t time, const char *line, size_t len)
{
	uint32_t i = 0;
	while (i < blocks->n - 1 && time < blocks->blocks[i].begin)
		i++;
	log_text_add(blocks->texts[i], line, len);
	return !log_text_block_is_too_much(blocks, i);
}

void log_text_blocks_shrink(struct log_text_blocks *blocks)
{
	uint32_t i = 0;
	while (i < blocks->n - 1 && !log_text_block_is_too_much(blocks, i))
		i++;
	if (i > 0) {
		/* Those before it are as they should be. */
		blocks->n = i;
		return;
	}
	struct log_text_block *block = &blocks->blocks[0];
	blocks->n = 1;
	block->begin = log_text_whole_ms(block->to - (block->to - block->begin) / 4);
	if (block->begin >= block->to)
		block->begin = block->to - CLOCK_MS;
}
