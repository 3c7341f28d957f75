/* A buffer that keeps nothing, for the tests of configuration. */
#include "lifecycle.h"

#include <errno.h>
#include <tallyd/buffer.h>

struct shelf_config {
	int64_t capacity;
};

static const struct tally_option shelf_options[] = {
	{"capacity", "64Mi", "64Ki..", "The most it holds", TALLY_OPT_SIZE, 0,
	 offsetof(struct shelf_config, capacity), NULL},
	{.name = NULL},
};

static int shelf_open_reader(void *self, const char *name, uint32_t *ret, uint64_t *ret_rows)
{
	(void)self;
	(void)name;
	*ret = 0;
	*ret_rows = 0;
	return 0;
}

static int shelf_forget_reader(void *self, const char *name)
{
	(void)self;
	(void)name;
	return 0;
}

static int shelf_push(void *self, const struct tally_batch *batch, const char *source,
		      const char *position, uint64_t *ret_sequence)
{
	(void)self;
	(void)batch;
	(void)source;
	(void)position;
	(void)ret_sequence;
	return -ENOSPC;
}

static int shelf_fetch(void *self, uint32_t reader, bool rewind, uint32_t max_rows,
		       struct tally_entry *ret, uint32_t max_entries, uint32_t *ret_n)
{
	(void)self;
	(void)reader;
	(void)rewind;
	(void)max_rows;
	(void)ret;
	(void)max_entries;
	*ret_n = 0;
	return 0;
}

static int shelf_ack(void *self, uint32_t reader, uint64_t up_to)
{
	(void)self;
	(void)reader;
	(void)up_to;
	return 0;
}

static int shelf_drop_oldest(void *self, uint64_t after, struct tally_entry *ret)
{
	(void)self;
	(void)after;
	(void)ret;
	return -ENOENT;
}

static void shelf_usage(void *self, struct tally_usage *ret)
{
	(void)self;
	*ret = (struct tally_usage){0};
}

static const struct tally_buffer shelf_buffer = {
	.size = sizeof(shelf_buffer),
	.open_reader = shelf_open_reader,
	.forget_reader = shelf_forget_reader,
	.push = shelf_push,
	.fetch = shelf_fetch,
	.ack = shelf_ack,
	.drop_oldest = shelf_drop_oldest,
	.usage = shelf_usage,
};

TALLY_PLUGIN(.name = "shelf", .version = "1.0", .help = "Keeps nothing", .options = shelf_options,
	     .config_size = sizeof(struct shelf_config), NOTHING_LIFECYCLE, .buffer = &shelf_buffer)
