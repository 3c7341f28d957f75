/* A service that asks a store, for the tests of configuration. */
#include "lifecycle.h"

struct asker_config {
	struct tally_store *store;
};

static const struct tally_option asker_options[] = {
	{"store", "sink", NULL, "Whom to ask", TALLY_OPT_STORE, 0,
	 offsetof(struct asker_config, store), NULL},
	{.name = NULL},
};

TALLY_PLUGIN(.name = "asker", .version = "1.0", .help = "Asks a store", .options = asker_options,
	     .config_size = sizeof(struct asker_config), NOTHING_LIFECYCLE)
