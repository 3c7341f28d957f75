/*
 * An input for tallyd in C++20: how long this machine has been up.  The instance is a class; the
 * functions that the ABI wants only forward to it.  No exception may leave a function that the
 * daemon calls, so they are caught there.
 */
#include <cerrno>
#include <cstddef>
#include <exception>
#include <fstream>
#include <iterator>
#include <new>
#include <string>

#include <tallyd/host.h>

namespace {

/* The config struct is filled by the daemon, by offset: standard layout, and no std::string. */
struct config {
	const char *path;
};

enum { COLUMN_TIME, COLUMN_HOST, COLUMN_UPTIME };
const struct tally_column columns[] = {
	{.name = "time", .help = "when it was read", .type = TALLY_TIME},
	{.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "uptime", .unit = "seconds", .help = "since the boot", .type = TALLY_REAL},
};
const struct tally_table uptime_table = {
	.name = "machine_uptime",
	.help = "How long the machine has been up.",
	.columns = columns,
	.n_columns = std::size(columns),
	.kind = TALLY_SERIES,
	.revision = 1,
};
const struct tally_table *const tables[] = {&uptime_table, nullptr};

const struct tally_option options[] = {
	{.name = "path",
	 .fallback = "/proc/uptime",
	 .help = "the file to read, in the format of /proc/uptime",
	 .type = TALLY_OPT_STRING,
	 .offset = offsetof(struct config, path)},
	{.name = nullptr},
};

class uptime {
      public:
	uptime(struct tally_ctx *ctx, const struct config *config) : ctx(ctx), config(config)
	{
	}

	int gather()
	{
		double seconds;
		std::ifstream file(config->path);
		if (!(file >> seconds))
			return tally_fail(ctx, EIO, "%s: no number in it", config->path);
		struct tally_batch *batch = tally_batch_new(ctx, &uptime_table);
		struct tally_cell *row = batch ? tally_batch_row(ctx, batch) : nullptr;
		if (!row) {
			tally_batch_drop(ctx, batch);
			return tally_fail(ctx, ENOMEM, "no memory for a row");
		}
		const std::string host = tally_hostname(ctx);
		tally_put_int(row, COLUMN_TIME, tally_now(ctx));
		tally_put_text(ctx, batch, row, COLUMN_HOST, host.data(), host.size());
		tally_put_real(row, COLUMN_UPTIME, seconds);
		return tally_emit(ctx, batch, nullptr, nullptr); /* it is no longer ours */
	}

	struct tally_ctx *ctx;

      private:
	const struct config *config;
};

int gather(void *self)
{
	auto *instance = static_cast<uptime *>(self);
	try {
		return instance->gather();
	} catch (const std::exception &e) {
		return tally_fail(instance->ctx, ENOMEM, "%s", e.what());
	}
}

int create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	*ret_self = new (std::nothrow) uptime(ctx, static_cast<const struct config *>(config));
	return *ret_self ? 0 : tally_fail(ctx, ENOMEM, "no memory");
}

void destroy(void *self)
{
	delete static_cast<uptime *>(self);
}

const struct tally_input input = {
	.size = sizeof(input), .interval = 10'000'000'000, .gather = gather};

} // namespace

TALLY_PLUGIN(.name = "machine_uptime", .version = "1.0.0",
	     .help = "How long this machine has been up.", .options = options,
	     .config_size = sizeof(struct config), .tables = tables, .create = create,
	     .destroy = destroy, .input = &input)
