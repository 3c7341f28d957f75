/* An input with an option of each simple type, for the tests of configuration. */
#include "lifecycle.h"

struct probe_config {
	const char *endpoint;
	const char *token;
	const char *const *include;
	int64_t timeout, limit, port, mode;
	bool verify;
};
#define PROBE(field) offsetof(struct probe_config, field)

static const struct tally_option probe_options[] = {
	{"endpoint", "unix:///run/probe.sock", NULL, "Where to ask", TALLY_OPT_STRING, 0,
	 PROBE(endpoint), NULL},
	{"token", NULL, NULL, "Who asks", TALLY_OPT_STRING, TALLY_OPT_SECRET, PROBE(token), NULL},
	{"include", NULL, NULL, "Names to ask for", TALLY_OPT_LIST, 0, PROBE(include), NULL},
	{"timeout", "3s", "100ms..1min", "How long to wait", TALLY_OPT_DURATION, 0, PROBE(timeout),
	 NULL},
	{"limit", "1Mi", "..1Gi", "The largest answer", TALLY_OPT_SIZE, 0, PROBE(limit), NULL},
	{"port", "7", "1..65535", "Which port to ask at", TALLY_OPT_INT, 0, PROBE(port), NULL},
	{"mode", "fast", "fast|careful|off", "How to ask", TALLY_OPT_CHOICE, 0, PROBE(mode), NULL},
	{"verify", "yes", NULL, "Ask twice", TALLY_OPT_BOOL, 0, PROBE(verify), NULL},
	{.name = NULL},
};

static const struct tally_column probe_columns[] = {
	{"time", NULL, "When", TALLY_TIME, TALLY_FIELD, 0},
	{"host", NULL, "Where", TALLY_TEXT, TALLY_TAG, 0},
	{"depth", "bytes", "How deep", TALLY_INT, TALLY_FIELD, 0},
};
static const struct tally_table probe_table = {
	.name = "probe_depths",
	.help = "What was found",
	.columns = probe_columns,
	.n_columns = 3,
	.kind = TALLY_SERIES,
};
static const struct tally_table *const probe_tables[] = {&probe_table, NULL};

static const struct tally_metric probe_metrics[] = {
	{"answer", "ns", "Time spent waiting for answers", "call=\"ask\"", TALLY_METRIC_COUNTER, 0},
	{.name = NULL},
};

static int probe_gather(void *self)
{
	(void)self;
	return 0;
}

static const struct tally_input probe_input = {
	.size = sizeof(probe_input), .interval = INT64_C(5000000000), .gather = probe_gather};

TALLY_PLUGIN(.name = "probe", .version = "1.2", .help = "Finds out how deep it is",
	     .options = probe_options, .config_size = sizeof(struct probe_config),
	     .tables = probe_tables, .metrics = probe_metrics, NOTHING_LIFECYCLE,
	     .input = &probe_input)
