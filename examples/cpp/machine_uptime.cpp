/*
 * An input for tallyd in C++20: how long this machine has been up.  <tallyd/plugin.hpp> makes the
 * functions of the ABI of those of the class, and catches what they throw.
 */
#include <cstddef>
#include <fstream>
#include <iterator>
#include <string>

#include <tallyd/plugin.hpp>

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
	uptime(tally::context ctx, const struct config &config) : ctx(ctx), config(config)
	{
	}

	int gather()
	{
		double seconds;
		std::ifstream file(config.path);
		if (!(file >> seconds))
			throw tally::failure(EIO, std::string(config.path) + ": no number in it");
		tally::batch batch(ctx, uptime_table);
		batch.add()
			.put(COLUMN_TIME, ctx.now())
			.put(COLUMN_HOST, ctx.hostname())
			.put(COLUMN_UPTIME, seconds);
		return batch.emit(); /* it is no longer ours */
	}

      private:
	tally::context ctx;
	const struct config &config;
};
using calls = tally::calls<uptime, config>;

const struct tally_input input = {
	.size = sizeof(input), .interval = 10'000'000'000, .gather = calls::gather};

} // namespace

TALLY_PLUGIN(.name = "machine_uptime", .version = "1.0.0",
	     .help = "How long this machine has been up.", .options = options,
	     .config_size = sizeof(struct config), .tables = tables, .create = calls::create,
	     .destroy = calls::destroy, .input = &input)
