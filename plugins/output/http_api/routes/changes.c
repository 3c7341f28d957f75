/*
 * /api/v1/changes: what changed about services.  On a worker's thread; list_endpoint.c does the
 * list, change_effects.c adds what was found of each, effect.c compares when it is asked for.
 */
#include "routes/change_effects.h"
#include "routes/endpoint.h"
#include "routes/list_endpoint.h"

static const struct list_filter change_filters[] = {
	{"service", "service", TALLY_GLOB},
	{"kind", "kind", TALLY_EQUALS},
	{"host", "host", TALLY_EQUALS},
	{"project", "project", TALLY_EQUALS},
	{.param = NULL},
};
static const struct list changes_of_services = {"container_changes", change_filters};

int changes_list(struct context *context)
{
	static const struct list_made effect = {"effect", change_effects_make};
	return list_answer_with(context, &changes_of_services, &effect);
}
