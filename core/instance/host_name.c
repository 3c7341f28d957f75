/*
 * See host_name.h.  The inputs' threads call it by way of plugin_api_others.c.  Nothing can fail.
 */
#include "instance/host_name.h"

#include <stddef.h>

#include "instance/plugin_api_gone.h"

const char *host_name_tell(struct host_name *host_name, const char *name)
{
	const char *before = NULL, *kept = plugin_api_for_ever(name);
	return atomic_compare_exchange_strong(&host_name->told, &before, kept) ? kept : before;
}
