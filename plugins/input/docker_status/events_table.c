/*
 * The declaration of container_events.  Names, types and order are a contract with stores and
 * clients; help texts go into the generated reference.  Time, container and action are the key: a
 * store that gets an event twice, as after a reconnect, keeps one row.
 */
#include "events_table.h"

#define COLUMN(n, t, r, h)                                                                         \
	{                                                                                          \
		.name = n, .help = h, .type = TALLY_##t, .role = TALLY_##r                         \
	}

/* The action is a tag, since two events of one container may have the same time. */
static const struct tally_column events_columns[EVENTS_COLUMNS] = {
	[EVENTS_TIME] = COLUMN("time", TIME, FIELD, "when it happened, by the engine's clock"),
	[EVENTS_HOST] =
		COLUMN("host", TEXT, TAG, "the machine the engine runs on, as the daemon calls it"),
	[EVENTS_CONTAINER_ID] = COLUMN("container_id", TEXT, TAG, "64 hex digits"),
	[EVENTS_ACTION] = COLUMN("action", TEXT, TAG,
				 "create, start, restart, stop, kill, die, oom, pause, unpause, "
				 "rename, update, health_status, destroy"),
	[EVENTS_NAME] = COLUMN("name", TEXT, FIELD, "of the container, after a rename the new one"),
	[EVENTS_IMAGE] = COLUMN("image", TEXT, FIELD,
				"the image's name, as it was given when the container was created"),
	[EVENTS_EXIT_CODE] = COLUMN("exit_code", INT, FIELD, "of die"),
	[EVENTS_SIGNAL] = COLUMN("signal", INT, FIELD, "of kill: its number"),
	[EVENTS_OOM] =
		COLUMN("oom", BOOL, FIELD,
		       "of oom: true; of die: whether this run had an oom event that the daemon "
		       "has seen"),
	[EVENTS_HEALTH] =
		COLUMN("health", TEXT, FIELD, "of health_status: starting, healthy, unhealthy"),
	[EVENTS_ATTRIBUTES] =
		COLUMN("attributes", JSON, FIELD,
		       "further attributes of the event, such as oldName of rename, and those of "
		       "an unexpected type, such as an exitCode that is not a number; labels are "
		       "in container_info"),
	[EVENTS_SERVICE] = COLUMN("service", TEXT, FIELD, "as in container_info"),
};

const struct tally_table events_table = {
	.name = "container_events",
	.help = "Events of containers",
	.columns = events_columns,
	.n_columns = EVENTS_COLUMNS,
	.kind = TALLY_SERIES,
	.revision = 2,
	.flags = TALLY_KEPT_LONG,
};
