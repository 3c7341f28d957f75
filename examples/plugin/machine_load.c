/*
 * An input for tallyd: the load of this machine.  Every interval it reads /proc/loadavg and emits
 * one row of the table it declares.  If the file cannot be read or is not what proc(5) says,
 * gather() tells why, the core logs and counts that, and calls again an interval later.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/host.h>

/* What it emits: columns[0] is the time, the tags say whose row it is. */
enum { COLUMN_TIME, COLUMN_HOST, COLUMN_LOAD1, COLUMN_LOAD5, COLUMN_LOAD15 };

static const struct tally_column columns[] = {
	[COLUMN_TIME] = {.name = "time", .type = TALLY_TIME, .help = "when it was read"},
	[COLUMN_HOST] = {.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	[COLUMN_LOAD1] = {.name = "load1", .type = TALLY_REAL, .help = "over 1 minute"},
	[COLUMN_LOAD5] = {.name = "load5", .type = TALLY_REAL, .help = "over 5 minutes"},
	[COLUMN_LOAD15] = {.name = "load15", .type = TALLY_REAL, .help = "over 15 minutes"},
};
static const struct tally_table machine_load_table = {
	.name = "machine_load",
	.help = "Load averages of the machine.",
	.columns = columns,
	.n_columns = sizeof(columns) / sizeof(columns[0]),
	.kind = TALLY_SERIES,
	.revision = 1,
};
static const struct tally_table *const tables[] = {&machine_load_table, NULL};

/* What can be set in its section, beside what every input takes. */
struct machine_load_config {
	const char *path;
};
static const struct tally_option options[] = {
	{.name = "path",
	 .type = TALLY_OPT_STRING,
	 .fallback = "/proc/loadavg",
	 .help = "the file to read, in the format of /proc/loadavg",
	 .offset = offsetof(struct machine_load_config, path)},
	{.name = NULL},
};

struct machine_load {
	struct tally_ctx *ctx;
	const struct machine_load_config *config;
};

static int machine_load_read(const struct machine_load *load, double ret[3])
{
	const char *path = load->config->path;
	FILE *file = fopen(path, "re");
	if (!file)
		return tally_fail(load->ctx, errno, "%s: %s", path, strerror(errno));
	int n = fscanf(file, "%lf %lf %lf", &ret[0], &ret[1], &ret[2]);
	fclose(file);
	return n == 3 ? 0 : tally_fail(load->ctx, EBADMSG, "%s: not a load average", path);
}

/* Cells that are not put stay NULL.  The batch copies the text. */
static int machine_load_add_row(struct tally_ctx *ctx, struct tally_batch *batch,
				const double averages[3])
{
	struct tally_cell *row = tally_batch_row(ctx, batch);
	if (!row)
		return tally_fail(ctx, ENOMEM, "no memory for a row");
	tally_put_int(row, COLUMN_TIME, tally_now(ctx));
	if (tally_put_text(ctx, batch, row, COLUMN_HOST, tally_hostname(ctx),
			   strlen(tally_hostname(ctx))) < 0)
		return tally_fail(ctx, ENOMEM, "no memory for a row");
	tally_put_real(row, COLUMN_LOAD1, averages[0]);
	tally_put_real(row, COLUMN_LOAD5, averages[1]);
	tally_put_real(row, COLUMN_LOAD15, averages[2]);
	return 0;
}

static int machine_load_gather(void *self)
{
	struct machine_load *load = self;
	double averages[3];
	int r = machine_load_read(load, averages);
	if (r < 0)
		return r;
	struct tally_batch *batch = tally_batch_new(load->ctx, &machine_load_table);
	if (!batch)
		return tally_fail(load->ctx, ENOMEM, "no memory for a batch");
	r = machine_load_add_row(load->ctx, batch, averages);
	if (r == 0)
		return tally_emit(load->ctx, batch, NULL, NULL); /* it is no longer ours */
	tally_batch_drop(load->ctx, batch);
	return r;
}

static int machine_load_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	struct machine_load *load = malloc(sizeof(*load));
	if (!load)
		return tally_fail(ctx, ENOMEM, "no memory");
	*load = (struct machine_load){.ctx = ctx, .config = config};
	*ret_self = load;
	return 0;
}

static const struct tally_input input = {
	.size = sizeof(input), .interval = INT64_C(10000000000), .gather = machine_load_gather};

TALLY_PLUGIN(.name = "machine_load", .version = "1.0.0", .help = "The load of this machine.",
	     .options = options, .config_size = sizeof(struct machine_load_config),
	     .tables = tables, .create = machine_load_create, .destroy = free, .input = &input)
