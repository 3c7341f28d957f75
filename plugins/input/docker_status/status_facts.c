/*
 * The inspect document as tables of members and slots for json_map.c.  status_scan.c calls it for
 * each answer on the instance's thread.  What is not listed here is skipped without being decoded.
 */
#include "status_facts.h"

#include "base/json_map.h"

static const struct json_member probe[] = {
	{.key = "ExitCode", .rule = JSON_MAP_INT, .slot = FACT_HEALTH_EXIT_CODE},
	{.key = "Output", .rule = JSON_MAP_TEXT, .slot = FACT_HEALTH_OUTPUT},
	{0},
};

/* The log has the last five checks, oldest first; each fills the same slots, so the newest stays.
 */
static const struct json_member health[] = {
	{.key = "Status", .rule = JSON_MAP_TEXT, .slot = FACT_HEALTH},
	{.key = "Log", .rule = JSON_MAP_ITEMS, .inside = probe},
	{0},
};

/* FinishedAt of a container that never ended is 0001-01-01T00:00:00Z: no nanoseconds exist for
 * that, and the slot stays unset. */
static const struct json_member state[] = {
	{.key = "Status", .rule = JSON_MAP_TEXT, .slot = FACT_STATE},
	{.key = "OOMKilled", .rule = JSON_MAP_BOOL, .slot = FACT_OOM_KILLED},
	{.key = "ExitCode", .rule = JSON_MAP_INT, .slot = FACT_EXIT_CODE},
	{.key = "StartedAt", .rule = JSON_MAP_TIME, .slot = FACT_STARTED_AT},
	{.key = "FinishedAt", .rule = JSON_MAP_TIME, .slot = FACT_FINISHED_AT},
	{.key = "Health", .rule = JSON_MAP_INSIDE, .inside = health},
	{0},
};

static const struct json_member host_config[] = {
	{.key = "NanoCpus", .rule = JSON_MAP_INT, .slot = FACT_NANO_CPUS},
	{.key = "CpuQuota", .rule = JSON_MAP_INT, .slot = FACT_CPU_QUOTA},
	{.key = "CpuPeriod", .rule = JSON_MAP_INT, .slot = FACT_CPU_PERIOD},
	{.key = "Memory", .rule = JSON_MAP_INT, .slot = FACT_MEMORY},
	{.key = "PidsLimit", .rule = JSON_MAP_INT, .slot = FACT_PIDS_LIMIT},
	{0},
};

static const struct json_member config[] = {
	{.key = "Image", .rule = JSON_MAP_TEXT, .slot = FACT_IMAGE},
	{0},
};

static const struct json_member document[] = {
	{.key = "Created", .rule = JSON_MAP_TIME, .slot = FACT_CREATED},
	{.key = "RestartCount", .rule = JSON_MAP_INT, .slot = FACT_RESTART_COUNT},
	{.key = "State", .rule = JSON_MAP_INSIDE, .inside = state},
	{.key = "HostConfig", .rule = JSON_MAP_INSIDE, .inside = host_config},
	{.key = "Config", .rule = JSON_MAP_INSIDE, .inside = config},
	{0},
};

const char *status_facts_read(char *text, size_t len, struct status_facts *ret, size_t *ret_offset)
{
	struct status_facts facts = {0};
	const struct json_slots slots = {facts.ints, facts.texts};
	const char *problem = json_map_document(text, len, document, &slots, ret_offset);
	if (!problem)
		*ret = facts;
	return problem;
}
