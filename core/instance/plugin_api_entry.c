/*
 * The way in from a plugin.  A call enters its instance first, so that a thread which outlives the
 * instance is turned away (plugin_api_gone.c), and leaves it at the end; a ctx is the first member
 * of its api.  Stopping is here too, since calls that wait end with it.  Any thread; nothing fails
 * but entering what is gone.
 */
#include "instance/plugin_api_parts.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "plugin/reason.h"
#include "process/log.h"

struct api *plugin_api_of(const struct tally_ctx *ctx)
{
	return (struct api *)(uintptr_t)ctx;
}

/* Left as the reason of the call and not logged here: the plugin returns it in most cases, and
 * then it is logged once, by whoever called the plugin. */
int plugin_api_refuse(const char *what)
{
	struct error error;
	int r = error_set(&error, EINVAL, "plugin bug: %s", what);
	reason_restore(&error);
	return r;
}

struct api *plugin_api_enter(const struct tally_ctx *ctx)
{
	struct api *api = plugin_api_of(ctx);
	if (plugin_api_gate_enter(&api->gate))
		return api;
	log_message(TALLY_ERROR, ctx->name,
		    "plugin bug: one of its threads still calls the daemon although the instance "
		    "is gone");
	struct error error;
	error_set(&error, ECANCELED, "the instance is gone");
	reason_restore(&error);
	return NULL;
}

void plugin_api_leave(struct api *api)
{
	plugin_api_gate_leave(&api->gate);
}

/* ---- Stopping ---- */

void plugin_api_stop(struct api *api)
{
	if (!atomic_exchange(&api->stopping, true))
		eventfd_write(api->stop_fd, 1);
}

bool plugin_api_stopping(const struct api *api)
{
	return atomic_load(&api->stopping);
}

void plugin_api_resume(struct api *api)
{
	eventfd_t stops;
	atomic_store(&api->stopping, false);
	eventfd_read(api->stop_fd, &stops);
}

/* On the descriptor and not on a condition, since plugins poll the same one beside their
 * sockets. */
bool plugin_api_sleep(struct api *api, int64_t ns)
{
	struct pollfd stop = {.fd = api->stop_fd, .events = POLLIN};
	int64_t deadline = clock_monotonic() + ns;
	while (!plugin_api_stopping(api)) {
		int64_t left = deadline - clock_monotonic();
		if (left <= 0)
			return false;
		struct timespec timeout = clock_timespec(left);
		ppoll(&stop, 1, &timeout, NULL);
	}
	return true;
}
