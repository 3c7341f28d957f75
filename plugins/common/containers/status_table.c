/*
 * The declaration of container_info.  Names, types and order are a contract with stores and
 * clients; help texts go into the generated reference.  A table of state: the newest row of a
 * container replaces the one before, and gone_at ends it.
 */
#include "containers/status_table.h"

#define COLUMN(n, u, t, r, h)                                                                      \
	{                                                                                          \
		.name = n, .unit = u, .help = h, .type = TALLY_##t, .role = TALLY_##r              \
	}

static const struct tally_column status_columns[STATUS_COLUMNS] = {
	[STATUS_TIME] = COLUMN("time", NULL, TIME, FIELD, "when the engine was asked"),
	[STATUS_HOST] = COLUMN("host", NULL, TEXT, TAG,
			       "the machine the engine runs on, as the daemon calls it"),
	[STATUS_CONTAINER_ID] = COLUMN("container_id", NULL, TEXT, TAG, "64 hex digits"),
	[STATUS_NAME] = COLUMN("name", NULL, TEXT, FIELD, "without the slash in front"),
	[STATUS_IMAGE] = COLUMN("image", NULL, TEXT, FIELD,
				"the image's name, as it was given when the container was created"),
	[STATUS_IMAGE_ID] =
		COLUMN("image_id", NULL, TEXT, FIELD, "the image that the name pointed to then"),
	[STATUS_STATE] = COLUMN("state", NULL, TEXT, FIELD,
				"created, running, paused, restarting, removing, exited, dead; "
				"removed: it is gone"),
	[STATUS_STATUS] = COLUMN("status", NULL, TEXT, FIELD, "in the engine's words"),
	[STATUS_HEALTH] =
		COLUMN("health", NULL, TEXT, FIELD,
		       "starting, healthy, unhealthy; NULL: no health check, or not running"),
	[STATUS_EXIT_CODE] = COLUMN("exit_code", NULL, INT, FIELD,
				    "of the last run; NULL while running and before the first"),
	[STATUS_OOM_KILLED] =
		COLUMN("oom_killed", NULL, BOOL, FIELD,
		       "the engine saw an out-of-memory kill in the last run; it may miss some"),
	[STATUS_RESTART_COUNT] =
		COLUMN("restart_count", NULL, INT, FIELD, "restarts by its restart policy"),
	[STATUS_CREATED] = COLUMN("created", NULL, TIME, FIELD, "when it was created"),
	[STATUS_STARTED_AT] = COLUMN("started_at", NULL, TIME, FIELD, "when the last run started"),
	[STATUS_FINISHED_AT] =
		COLUMN("finished_at", NULL, TIME, FIELD, "when the last completed run ended"),
	[STATUS_COMMAND] = COLUMN("command", NULL, TEXT, FIELD, "with its arguments"),
	[STATUS_PORTS] = COLUMN("ports", NULL, JSON, FIELD, "as the engine lists them"),
	[STATUS_LABELS] = COLUMN("labels", NULL, JSON, FIELD, "an object of strings"),
	[STATUS_COMPOSE_PROJECT] = COLUMN("compose_project", NULL, TEXT, FIELD, "from its labels"),
	[STATUS_COMPOSE_SERVICE] = COLUMN("compose_service", NULL, TEXT, FIELD, "from its labels"),
	[STATUS_CPU_LIMIT_CORES] = COLUMN("cpu_limit_cores", NULL, REAL, FIELD, "NULL: no limit"),
	[STATUS_MEM_LIMIT_BYTES] = COLUMN("mem_limit_bytes", "bytes", INT, FIELD, "NULL: no limit"),
	[STATUS_PIDS_LIMIT] = COLUMN("pids_limit", NULL, INT, FIELD, "NULL: no limit"),
	[STATUS_GONE_AT] =
		COLUMN("gone_at", NULL, TIME, GONE,
		       "when it was removed, by its event, else when it was first missing"),
	[STATUS_HEALTH_OUTPUT] =
		COLUMN("health_output", NULL, TEXT, FIELD,
		       "a line of the last health check's output: of a failed check "
		       "the one that says why, else the first"),
	[STATUS_SERVICE] = COLUMN("service", NULL, TEXT, FIELD,
				  "what outlives the container: by its labels (service_label; "
				  "PROJECT/SERVICE of Compose; of a swarm), else the name it runs "
				  "or last ran under"),
};

const struct tally_table status_table = {
	.name = "container_info",
	.help = "Configuration, state and health of each container, its newest row",
	.columns = status_columns,
	.n_columns = STATUS_COLUMNS,
	.kind = TALLY_STATE,
	.revision = 3,
};
