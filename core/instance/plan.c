/*
 * First every section finds its plugin, so that options may refer to instances that stand below
 * them; then the options of each are parsed and their references looked up; then outputs find
 * their buffers.  A section that failed one step is left out of the next, the others go on.
 */
#include "instance/plan.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/suggest.h"
#include "base/text.h"
#include "process/container.h"

enum { PLAN_HOST_SIZE = 256, PLAN_DIRS_SIZE = 4096 };

struct plan_memory {
	struct plan plan; /* first: what is handed out */
	atomic_uint references;
	struct arena arena;
	struct problems *problems;
	struct registry *registry;
	plan_slot_fn *slot;
	void *slot_arg;
	bool out_of_memory;
};

/* ---- [tallyd] ---------------------------------------------------------------- */

/* Parsed apart from the rest, since plugin_dir must be known before any other section can be
 * understood. */
int plan_read_globals(const struct config *config, struct plan_globals *ret,
		      struct options **ret_options, struct problems *problems)
{
	struct plan_globals globals = {0};
	struct options_target target = {plan_global_options, &globals};
	struct options *options;
	char host[PLAN_HOST_SIZE] = "", dirs[PLAN_DIRS_SIZE];
	int r = options_parse(config_find(config, "tallyd"), &target, 1, NULL, NULL, &options,
			      problems);
	if (r < 0)
		return r;
	/* Defaults that depend on the machine and so cannot stand in the table of options. */
	if (gethostname(host, sizeof(host) - 1) < 0 || !*host)
		snprintf(host, sizeof(host), "localhost");
	registry_default_dirs(dirs, sizeof(dirs));
	globals.host_is_made_up = !globals.host && container_made_name(host, "");
	globals.host = options_default(options, "host", host);
	globals.plugin_dir = options_default(options, "plugin_dir", dirs);
	if (!globals.host || !globals.plugin_dir) {
		options_destroy(options);
		problems_add(problems, NULL, 0, "out of memory");
		return -EINVAL;
	}
	*ret = globals;
	*ret_options = options;
	return 0;
}

/* ---- Sections find their plugins --------------------------------------------- */

/* Whatever does not read as a clear no is looked at more closely later. */
static bool plan_is_enabled(const struct config_section *section)
{
	bool enabled = true;
	for (size_t i = 0; i < section->n_entries; i++) {
		const struct config_entry *entry = &section->entries[i];
		if (strcmp(entry->key, "enabled") == 0 && entry->value)
			(void)text_parse_bool(entry->value, &enabled);
	}
	return enabled;
}

/* Says how to write it: the plugin exists, so the kind is what was mistaken. */
static void plan_wrong_kind(const struct plan_memory *memory, const struct config_section *section,
			    const struct tally_plugin *plugin)
{
	enum plan_kind kind = PLAN_INPUT;
	while (kind < PLAN_OUTPUT && !plan_kind_fits(kind, plugin))
		kind++;
	problems_add(memory->problems, section->file, section->line,
		     "[%s] %s is %s %s: write [%s.%s%s%s]", section->name, plugin->name,
		     kind == PLAN_BUFFER ? "a" : "an", plan_kind_name(kind), plan_kind_name(kind),
		     plugin->name, section->label ? ":" : "", section->label ? section->label : "");
}

/* The plugin is loaded here; everything behind this needs its declaration. */
static void plan_add_section(struct plan_memory *memory, const struct config_section *section)
{
	const struct tally_plugin *plugin;
	struct error error;
	enum plan_kind kind = PLAN_INPUT;
	while (kind < PLAN_OUTPUT && strcmp(plan_kind_name(kind), section->kind) != 0)
		kind++;
	if (registry_plugin(memory->registry, section->plugin, &plugin, &error) < 0) {
		problems_add(memory->problems, section->file, section->line, "[%s] %s",
			     section->name, error.text);
		return;
	}
	if (!plan_kind_fits(kind, plugin)) {
		plan_wrong_kind(memory, section, plugin);
		return;
	}
	const char *taken = plan_taken_option(kind, plugin);
	if (taken) {
		problems_add(memory->problems, section->file, section->line,
			     "[%s] the plugin declares the option %s, which the core reserves",
			     section->name, taken);
		return;
	}
	memory->plan.instances[memory->plan.n_instances++] =
		(struct plan_instance){.name = section->name,
				       .kind = kind,
				       .section = section,
				       .plugin = plugin,
				       .owner = &memory->plan};
}

/* Rules come last: they name tables that other inputs declare when they are created. */
static void plan_add_sections(struct plan_memory *memory, bool rules)
{
	const struct config *config = memory->plan.config;
	for (size_t i = 0; i < config->n_sections; i++) {
		const struct config_section *section = &config->sections[i];
		if (section->plugin && config_is_rule(section) == rules && plan_is_enabled(section))
			plan_add_section(memory, section);
	}
}

/* ---- References -------------------------------------------------------------- */

/* An instance by what stands behind its kind. */
static struct plan_instance *plan_find_part(const struct plan *plan, enum plan_kind kind,
					    const char *part)
{
	for (size_t i = 0; i < plan->n_instances; i++) {
		struct plan_instance *instance = &plan->instances[i];
		const char *dot = strchr(instance->name, '.');
		if (instance->kind == kind && strcmp(dot + 1, part) == 0)
			return instance;
	}
	return NULL;
}

/* Is the section there, but not in the plan? */
static const struct config_section *plan_find_section(const struct plan *plan, enum plan_kind kind,
						      const char *part)
{
	for (size_t i = 0; i < plan->config->n_sections; i++) {
		const struct config_section *section = &plan->config->sections[i];
		const char *dot = strchr(section->name, '.');
		if (dot && strcmp(section->kind, plan_kind_name(kind)) == 0 &&
		    strcmp(dot + 1, part) == 0)
			return section;
	}
	return NULL;
}

/* Without inputs no rows come, and so none wait. */
static bool plan_has_inputs(const struct plan *plan)
{
	const char *kind = plan_kind_name(PLAN_INPUT);
	for (size_t i = 0; i < plan->config->n_sections; i++) {
		const struct config_section *section = &plan->config->sections[i];
		if (strcmp(section->kind, kind) == 0 && plan_is_enabled(section))
			return true;
	}
	return false;
}

typedef bool plan_wanted_fn(const struct tally_plugin *plugin);

static bool plan_is_store(const struct tally_plugin *plugin)
{
	return plugin->store;
}

static bool plan_is_cache(const struct tally_plugin *plugin)
{
	return plugin->cache;
}

static bool plan_is_buffer(const struct tally_plugin *plugin)
{
	return plugin->buffer;
}

/* The instance whose name is most like it, by what stands behind its kind. */
static const char *plan_suggest(const struct plan *plan, enum plan_kind kind, const char *part,
				plan_wanted_fn *wanted)
{
	const char **names = calloc(plan->n_instances + 1, sizeof(*names));
	size_t n = 0;
	for (size_t i = 0; names && i < plan->n_instances; i++) {
		const struct plan_instance *instance = &plan->instances[i];
		if (instance->kind == kind && wanted(instance->plugin))
			names[n++] = strchr(instance->name, '.') + 1;
	}
	const char *hint = names ? suggest(part, names, n) : NULL;
	free(names);
	return hint;
}

/* -EAGAIN: the section is there and has a problem of its own, which is reported with it; a second
 * one about the reference would only distract. */
static int plan_no_instance(const struct plan *plan, enum plan_kind kind, const char *part,
			    plan_wanted_fn *wanted, struct error *error)
{
	const char *kind_name = plan_kind_name(kind);
	const struct config_section *section = plan_find_section(plan, kind, part);
	if (section && plan_is_enabled(section))
		return -EAGAIN;
	if (section)
		return error_set(error, ENOENT, "[%s.%s] at %s:%u is not enabled", kind_name, part,
				 section->file, section->line);
	const char *hint = plan_suggest(plan, kind, part, wanted);
	if (hint)
		return error_set(error, ENOENT, "there is no [%s.%s] (did you mean %s?)", kind_name,
				 part, hint);
	return error_set(error, ENOENT, "there is no [%s.%s]; add it or name another", kind_name,
			 part);
}

/* "*" is the first that there is, if there is one; "" is none. */
static struct plan_instance *plan_find_wanted(const struct plan *plan, const char *name,
					      plan_wanted_fn *wanted)
{
	if (strcmp(name, "*") != 0)
		return *name ? plan_find_part(plan, PLAN_OUTPUT, name) : NULL;
	for (size_t i = 0; i < plan->n_instances; i++)
		if (wanted(plan->instances[i].plugin))
			return &plan->instances[i];
	return NULL;
}

const struct plan_instance *plan_store_of(const struct plan *plan,
					  const struct plan_instance *instance)
{
	for (size_t i = 0; instance->options && i < instance->options->n; i++) {
		const struct options_value *value = &instance->options->values[i];
		if (value->option->type == TALLY_OPT_STORE && value->text)
			return plan_find_wanted(plan, value->text, plan_is_store);
	}
	return NULL;
}

/* Binds STORE, CACHE and CACHES options. */
static int plan_bind(void *arg, const struct tally_option *option, const char *name, void **ret,
		     struct error *error)
{
	struct plan_memory *memory = arg;
	bool store = option->type == TALLY_OPT_STORE;
	plan_wanted_fn *wanted = store ? plan_is_store : plan_is_cache;
	struct plan_instance *found = plan_find_wanted(&memory->plan, name, wanted);
	if (!found && (!*name || strcmp(name, "*") == 0))
		return 0;
	if (!found) {
		int r = plan_no_instance(&memory->plan, PLAN_OUTPUT, name, wanted, error);
		return r == -EAGAIN ? 0 : r;
	}
	if (!wanted(found->plugin))
		return error_set(error, EINVAL, "[%s] is not a %s", found->name,
				 store ? "store: it cannot answer queries" : "cache");
	if (!memory->slot)
		return 0;
	void *slot =
		memory->slot(memory->slot_arg, (enum tally_option_type)option->type, found->name);
	if (!slot)
		return error_set(error, ENOMEM, "out of memory");
	*ret = slot;
	return 0;
}

/* A missing buffer is a mistake only if rows can come: an output that is queried needs none, and
 * the default name must not force a section on everybody. */
static void plan_bind_buffer(struct plan_memory *memory, struct plan_instance *instance)
{
	const char *name = instance->common.buffer;
	if (instance->kind != PLAN_OUTPUT || !instance->plugin->output || !instance->options)
		return;
	struct error error;
	instance->buffer = plan_find_part(&memory->plan, PLAN_BUFFER, name);
	if (instance->buffer)
		return;
	const struct options_value *value = options_find(instance->options, "buffer");
	if (!value->file && !plan_has_inputs(&memory->plan))
		return;
	if (plan_no_instance(&memory->plan, PLAN_BUFFER, name, plan_is_buffer, &error) == -EAGAIN)
		return;
	const struct config_section *section = instance->section;
	problems_add(memory->problems, value->file ? value->file : section->file,
		     value->file ? value->line : section->line, "%s: buffer = %s: %s",
		     instance->name, name, error.text);
}

/* ---- Options ----------------------------------------------------------------- */

/* The common options with their defaults for this plugin. */
static const struct tally_option *plan_with_defaults(struct arena *arena,
						     const struct plan_instance *instance,
						     const struct tally_option *options)
{
	size_t n = 1;
	while (options[n - 1].name)
		n++;
	struct tally_option *copy = arena_alloc(arena, n * sizeof(*copy));
	if (!copy)
		return NULL;
	memcpy(copy, options, n * sizeof(*copy));
	for (size_t i = 0; copy[i].name; i++) {
		char scratch[PLAN_FALLBACK_SIZE];
		const char *fallback =
			plan_fallback(instance->kind, instance->plugin, &copy[i], scratch);
		copy[i].fallback = fallback == scratch ? arena_text(arena, scratch) : fallback;
		if (fallback && !copy[i].fallback)
			return NULL;
	}
	return copy;
}

/* One byte more than the plugin's config has, so that a plugin without options gets an address
 * too. */
static void plan_parse_options(struct plan_memory *memory, struct plan_instance *instance)
{
	struct options_target targets[PLAN_TABLES];
	const struct tally_plugin *plugin = instance->plugin;
	instance->config = arena_alloc(&memory->arena, plugin->config_size + 1);
	size_t n =
		plan_targets(instance->kind, plugin, &instance->common, instance->config, targets);
	targets[0].options = plan_with_defaults(&memory->arena, instance, targets[0].options);
	if (!instance->config || !targets[0].options) {
		memory->out_of_memory = true;
		return;
	}
	if (options_parse(instance->section, targets, n, plan_bind, memory, &instance->options,
			  memory->problems) < 0)
		instance->options = NULL;
}

/* ---- The whole --------------------------------------------------------------- */

/* In three rounds, because references may name sections that come later: find plugins, parse
 * options, bind buffers. */
static int plan_fill(struct plan_memory *memory)
{
	struct plan *plan = &memory->plan;
	size_t before = problems_count(memory->problems);
	plan->instances = arena_alloc(&memory->arena,
				      (plan->config->n_sections + 1) * sizeof(*plan->instances));
	memory->out_of_memory = !plan->instances;
	if (plan_read_globals(plan->config, &plan->globals, &plan->globals_options,
			      memory->problems) < 0)
		plan->globals_options = NULL;
	if (plan->instances) {
		plan_add_sections(memory, false);
		plan_add_sections(memory, true);
	}
	for (size_t i = 0; i < plan->n_instances; i++)
		plan_parse_options(memory, &plan->instances[i]);
	for (size_t i = 0; i < plan->n_instances; i++)
		plan_bind_buffer(memory, &plan->instances[i]);
	if (memory->out_of_memory)
		problems_add(memory->problems, NULL, 0, "out of memory");
	return problems_count(memory->problems) > before ? -EINVAL : 0;
}

/* Takes the configuration over even when it fails, so that callers have nothing to undo. */
int plan_create(struct config *config, struct registry *registry, plan_slot_fn *slot, void *arg,
		struct plan **ret, struct problems *problems)
{
	struct plan_memory *memory = calloc(1, sizeof(*memory));
	if (!memory) {
		config_destroy(config);
		problems_add(problems, NULL, 0, "out of memory");
		return -EINVAL;
	}
	atomic_init(&memory->references, 1);
	memory->plan.config = config;
	memory->registry = registry;
	memory->problems = problems;
	memory->slot = slot;
	memory->slot_arg = arg;
	int r = plan_fill(memory);
	if (r < 0)
		plan_destroy(&memory->plan);
	else
		*ret = &memory->plan;
	return r;
}

struct plan *plan_keep(struct plan *plan)
{
	struct plan_memory *memory = (struct plan_memory *)plan;
	if (plan)
		atomic_fetch_add_explicit(&memory->references, 1, memory_order_relaxed);
	return plan;
}

/* By references, since batches may point into a plan long after a reload has replaced it
 * (pin.h). */
void plan_destroy(struct plan *plan)
{
	struct plan_memory *memory = (struct plan_memory *)plan;
	if (!plan || atomic_fetch_sub_explicit(&memory->references, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < plan->n_instances; i++)
		options_destroy(plan->instances[i].options);
	options_destroy(plan->globals_options);
	config_destroy(plan->config);
	arena_done(&memory->arena);
	free(memory);
}

const struct plan_instance *plan_find(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_instances; i++) {
		if (strcmp(plan->instances[i].name, name) == 0)
			return &plan->instances[i];
	}
	return NULL;
}

bool plan_instance_equal(const struct plan_instance *a, const struct plan_instance *b)
{
	return strcmp(a->name, b->name) == 0 && a->plugin == b->plugin &&
	       !a->buffer == !b->buffer && options_equal(a->options, b->options);
}
