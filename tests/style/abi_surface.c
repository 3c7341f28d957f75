/*
 * Nothing runs this: it makes every type of the plugin ABI appear in one object file, so that
 * abidw can record their layout.
 */
#include <tallyd/host.h>
#include <tallyd/plugin.h>
#include <tallyd/query.h>

struct tally_abi_surface {
	struct tally_plugin plugin;
	struct tally_host host;
	struct tally_ctx ctx;
	struct tally_query query;
	struct tally_batch batch;
	struct tally_sample sample;
	struct tally_blob blob;
	struct tally_command command;
	enum tally_level level;
	enum tally_type type;
	enum tally_role role;
	enum tally_kind kind;
	enum tally_option_type option_type;
	enum tally_option_flag option_flag;
	enum tally_aggregate aggregate;
	enum tally_match match;
};

__attribute__((visibility("default"))) struct tally_abi_surface tally_abi_surface;
