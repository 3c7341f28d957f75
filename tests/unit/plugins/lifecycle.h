/* The four functions that every plugin has, for plugins that only declare things. */
#ifndef TALLYD_TESTS_LIFECYCLE_H
#define TALLYD_TESTS_LIFECYCLE_H

#include <tallyd/plugin.h>

static int nothing_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	(void)ctx;
	(void)config;
	*ret_self = NULL;
	return 0;
}

static int nothing_start(void *self)
{
	(void)self;
	return 0;
}

static void nothing_stop(void *self)
{
	(void)self;
}

#define NOTHING_LIFECYCLE                                                                          \
	.create = nothing_create, .start = nothing_start, .stop = nothing_stop,                    \
	.destroy = nothing_stop

#endif
