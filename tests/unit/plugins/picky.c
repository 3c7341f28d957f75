/* A service that does not take every configuration that its declarations allow. */
#include <errno.h>
#include <tallyd/host.h>

struct picky_config {
	int64_t shoes;
	struct tally_store *store;
};

static const struct tally_option picky_options[] = {
	{"shoes", "2", "0..100", "How many", TALLY_OPT_INT, 0, offsetof(struct picky_config, shoes),
	 NULL},
	{"store", "sink", NULL, "Whom to ask", TALLY_OPT_STORE, 0,
	 offsetof(struct picky_config, store), NULL},
	{.name = NULL},
};

static int picky_create(struct tally_ctx *ctx, const void *arg, void **ret_self)
{
	static char made;
	const struct picky_config *config = arg;
	if (!config->store)
		return tally_fail(ctx, EINVAL, "without a store");
	if (config->shoes == 13)
		return tally_fail(ctx, EINVAL, "this brings bad luck");
	if (config->shoes % 2)
		return tally_fail(ctx, EINVAL, "shoes: %d are no pairs", (int)config->shoes);
	*ret_self = &made;
	return 0;
}

static void picky_destroy(void *self)
{
	(void)self;
}

TALLY_PLUGIN(.name = "picky", .version = "1.0", .help = "Wears pairs", .options = picky_options,
	     .config_size = sizeof(struct picky_config), .create = picky_create,
	     .destroy = picky_destroy)
