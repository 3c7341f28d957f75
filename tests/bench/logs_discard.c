/* An output that takes all rows and keeps none: the core counts them. */
#include <string.h>
#include <tallyd/host.h>

static int discard_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	(void)config;
	*ret_self = ctx;
	return 0;
}

static void discard_destroy(void *self)
{
	(void)self;
}

static int discard_prepare(void *self, const struct tally_table *table)
{
	(void)self;
	(void)table;
	return 0;
}

static int discard_write(void *self, const struct tally_entry *entries, uint32_t n,
			 uint8_t *verdicts)
{
	(void)self;
	(void)entries;
	memset(verdicts, TALLY_DONE, n);
	return 0;
}

static const struct tally_output discard_output = {
	.size = sizeof(struct tally_output), .prepare = discard_prepare, .write = discard_write};

TALLY_PLUGIN(.name = "discard", .version = "1", .help = "Takes all rows and keeps none",
	     .create = discard_create, .destroy = discard_destroy, .output = &discard_output)
