/*
 * A configuration that has been checked to the end: every section matched with its plugin, every
 * option parsed, every reference bound to another instance of the plan.  Making one never
 * connects to anything.  `check` stops here; `run` starts it; a reload compares two.
 */
#ifndef TALLYD_CORE_PLAN_H
#define TALLYD_CORE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tallyd/plugin.h>

#include "config/config.h"
#include "pipeline/journal.h"
#include "config/options.h"
#include "plugin/registry.h"

enum plan_kind { PLAN_INPUT, PLAN_BUFFER, PLAN_OUTPUT };

/* [tallyd] */
struct plan_globals {
	const char *host;       /* default: the machine's name */
	bool host_is_made_up;   /* nobody set it, and it is a container's id */
	const char *plugin_dir; /* colon-separated */
	const char *state_dir;
	int64_t log_level; /* index in error|warning|notice|info|debug */
	int64_t drain_timeout;
};

/* Options common to all instances of a kind; only those of its own kind are set. */
struct plan_common {
	bool enabled;
	int64_t interval, jitter;        /* inputs that gather */
	const char *buffer;              /* outputs that write: the buffer's name, batch */
	const char *const *tables;       /* outputs that write: globs */
	struct journal_settings journal; /* buffers */
};

struct plan_instance {
	const char *name; /* input.docker_stats, output.sqlite:archive */
	enum plan_kind kind;
	const struct config_section *section;
	const struct tally_plugin *plugin;
	struct plan_common common;
	void *config; /* plugin->config_size bytes, filled; STORE and CACHE options hold ref slots
		       */
	struct options *options;
	const struct plan_instance *buffer; /* outputs that write; NULL: no rows come to it */
	struct plan *owner;                 /* the plan it is of; NULL: none, in tests */
};

struct plan {
	struct config *config;
	struct plan_globals globals;
	struct options *globals_options;
	struct plan_instance *instances; /* enabled ones, in the order of their sections */
	size_t n_instances;
};

/*
 * What a STORE or CACHE option is bound to: a slot that stands for the instance of that name for as
 * long as the daemon runs, whichever incarnation is running.  binding_slot() gives it;
 * with NULL for it options stay NULL.
 */
typedef void *plan_slot_fn(void *arg, enum tally_option_type type, const char *instance_name);

/* Takes over config, also on failure; registry outlives the plan.  Every problem is found and
 * added; returns -EINVAL if any. */
int plan_create(struct config *config, struct registry *registry, plan_slot_fn *slot, void *arg,
		struct plan **ret, struct problems *problems);
/* Gives back the reference that plan_create() gave, or plan_keep(); the last one frees it.  Any
 * thread. */
void plan_destroy(struct plan *plan);
struct plan *plan_keep(struct plan *plan); /* NULL is fine */

const struct plan_instance *plan_find(const struct plan *plan, const char *name);
/* The store that a STORE option of the instance names; NULL: none. */
const struct plan_instance *plan_store_of(const struct plan *plan,
					  const struct plan_instance *instance);
/* Would restarting `a` as `b` change nothing? */
bool plan_instance_equal(const struct plan_instance *a, const struct plan_instance *b);

/* Reads [tallyd] alone, to know where plugins are before loading any.  What ret points to lives
 * as long as *ret_options. */
int plan_read_globals(const struct config *config, struct plan_globals *ret,
		      struct options **ret_options, struct problems *problems);

extern const struct tally_option plan_global_options[];

/* "input", "buffer", "output" */
const char *plan_kind_name(enum plan_kind kind);
/* Can a plugin stand in such a section? */
bool plan_kind_fits(enum plan_kind kind, const struct tally_plugin *plugin);

/* Every option that such a section takes, at most PLAN_TABLES tables of them, the plugin's own
 * last.  common and config are what their offsets are in; NULL to only look. */
enum { PLAN_TABLES = 3 };
size_t plan_targets(enum plan_kind kind, const struct tally_plugin *plugin,
		    struct plan_common *common, void *config,
		    struct options_target ret[PLAN_TABLES]);
/* An option of the plugin's own whose name is the core's in such a section; NULL: none. */
const char *plan_taken_option(enum plan_kind kind, const struct tally_plugin *plugin);
/* The default of one of them, as it would be written: those of `interval`, which is put into
 * scratch, and of `tables` are the plugin's. */
enum { PLAN_FALLBACK_SIZE = 32 };
const char *plan_fallback(enum plan_kind kind, const struct tally_plugin *plugin,
			  const struct tally_option *option, char scratch[PLAN_FALLBACK_SIZE]);

#endif
