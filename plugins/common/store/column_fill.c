/*
 * Most columns of older rows are unknown and stay NULL.  One that is only another way of saying
 * what the row has already is filled, since no input writes those rows again: a container that was
 * removed before an upgrade is as much of its service as one removed after it.
 *
 * The stores call it when a declaration has grown; the expressions are theirs to run, one for each
 * dialect where the dialects differ.
 */
#include "store/column_fill.h"

#include <stddef.h>
#include <string.h>

/* As docker_service.c has it, without the label that a configuration may name. */
#define SERVICE_OF(one_off, swarm)                                                                 \
	"coalesce(case when " one_off                                                              \
	" = 'True' then null else coalesce(compose_project || '/', '') || compose_service end, "   \
	"" swarm ", name)"

static const struct {
	const char *table, *column;
	const char *expressions[COLUMN_FILL_DIALECTS];
} column_fills[] = {
	{"container_info",
	 "service",
	 {SERVICE_OF("labels ->> '$.\"com.docker.compose.oneoff\"'",
		     "labels ->> '$.\"com.docker.swarm.service.name\"'"),
	  SERVICE_OF("labels ->> 'com.docker.compose.oneoff'",
		     "labels ->> 'com.docker.swarm.service.name'")}},
};

const char *column_fill(const char *table, const char *column, enum column_fill_dialect dialect)
{
	for (size_t i = 0; i < sizeof(column_fills) / sizeof(*column_fills); i++)
		if (strcmp(column_fills[i].table, table) == 0 &&
		    strcmp(column_fills[i].column, column) == 0)
			return column_fills[i].expressions[dialect];
	return NULL;
}
