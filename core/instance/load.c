/*
 * Goes on after a problem as long as it can, so that one run tells all that is wrong.
 *
 * Called by daemon.c at the start and by reload.c, on the main thread.  While plugins are loaded
 * the registry is locked for writing: other threads decode batches with the tables it knows.
 */
#include "instance/load.h"

#include <errno.h>

#include "instance/dry_run.h"

/* Reads [tallyd] alone, since it says where the plugins of the other sections are. */
static struct registry *load_make_registry(const struct load *load, const struct config *config)
{
	struct plan_globals globals;
	struct options *options;
	struct problems told_later; /* by plan_create() */
	if (load->plugin_dir)
		return registry_create(load->plugin_dir);
	problems_init(&told_later);
	int r = plan_read_globals(config, &globals, &options, &told_later);
	problems_done(&told_later);
	if (r < 0)
		return registry_create("");
	struct registry *registry = registry_create(globals.plugin_dir);
	options_destroy(options);
	return registry;
}

/* The registry stays between two loads, as plugins stay in memory.  Its lock is held while
 * plugins are loaded, since decoding batches reads it on other threads.  The dry run comes last:
 * it runs plugin code, which needs sound options. */
int load_plan(struct load *load, struct plan **ret, struct problems *problems)
{
	struct config *config = NULL;
	struct plan *plan = NULL;
	(void)config_read(load->config_path, &config, problems);
	if (!config)
		return -EINVAL;
	if (!load->registry)
		load->registry = load_make_registry(load, config);
	if (!load->registry) {
		config_destroy(config);
		problems_add(problems, NULL, 0, "out of memory");
		return -EINVAL;
	}
	if (load->registry_lock)
		pthread_rwlock_wrlock(load->registry_lock);
	int r = plan_create(config, load->registry, load->slot, load->slot_arg, &plan, problems);
	if (load->registry_lock)
		pthread_rwlock_unlock(load->registry_lock);
	const struct dry_run_settings settings = {.registry = load->registry, .rights = true};
	if (r == 0 && !problems_count(problems) && !load->tried &&
	    dry_run_plan(plan, &settings, problems) == -ECANCELED) {
		plan_destroy(plan);
		return -ECANCELED;
	}
	if (r < 0 || problems_count(problems)) {
		if (r == 0)
			plan_destroy(plan);
		return -EINVAL;
	}
	*ret = plan;
	return 0;
}
