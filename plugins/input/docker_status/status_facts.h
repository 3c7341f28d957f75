/*
 * The members of GET /containers/ID/json that are read.  Of the environment changes_spec.c takes
 * the names, and hashes of the values.
 */
#ifndef TALLYD_STATUS_FACTS_H
#define TALLYD_STATUS_FACTS_H

#include "base/json_reader.h"

enum status_fact {
	FACT_CREATED,
	FACT_STARTED_AT,
	FACT_FINISHED_AT,
	FACT_EXIT_CODE,
	FACT_OOM_KILLED,
	FACT_RESTART_COUNT,
	FACT_NANO_CPUS,
	FACT_CPU_QUOTA,
	FACT_CPU_PERIOD,
	FACT_MEMORY,
	FACT_PIDS_LIMIT,
	FACT_HEALTH_EXIT_CODE, /* of the last check */
	FACT_INTS
};

enum status_word { FACT_IMAGE, FACT_STATE, FACT_HEALTH, FACT_HEALTH_OUTPUT, FACT_TEXTS };

struct status_facts {
	struct json_int ints[FACT_INTS];
	struct json_text texts[FACT_TEXTS]; /* point into the parsed text */
};

/* Decodes in place, so text is overwritten.  NULL, or what is wrong and at which byte. */
const char *status_facts_read(char *text, size_t len, struct status_facts *ret, size_t *ret_offset);

#endif
