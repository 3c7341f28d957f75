/*
 * A connection's table of prepared statements, searched from the front: 32 texts to compare cost
 * far less than a plan.  pg_pipeline.c uses it on the connection's thread.  It fails only without
 * memory.
 *
 * Names hold the pid and a number that is used once: behind a pooler several connections may share
 * a session, and statements are the session's.
 */
#include "pg/pg_prepared.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int pg_prepared_find(const struct pg_prepared *prepared, const char *sql)
{
	int found = 0;
	for (int i = 0; i < PG_PREPARED_MAX; i++) {
		if (prepared->all[i].sql && strcmp(prepared->all[i].sql, sql) == 0)
			return i;
		/* A free place was never used, so it is the oldest of all. */
		if (prepared->all[i].asked < prepared->all[found].asked)
			found = i;
	}
	return found;
}

int pg_prepared_name(struct pg_prepared *prepared, int at, const char *sql)
{
	static atomic_uint names; /* connections of several threads count */
	prepared->all[at].there = false;
	free(prepared->all[at].sql);
	prepared->all[at].sql = strdup(sql);
	snprintf(prepared->all[at].name, sizeof(prepared->all[at].name), "tally_%d_%u",
		 (int)getpid(), atomic_fetch_add(&names, 1));
	return prepared->all[at].sql ? 0 : -ENOMEM;
}

void pg_prepared_settle(struct pg_prepared *prepared)
{
	for (int i = 0; i < PG_PREPARED_MAX; i++) {
		if (prepared->all[i].there)
			continue;
		free(prepared->all[i].sql);
		prepared->all[i].sql = NULL;
		prepared->all[i].asked = 0;
	}
}

void pg_prepared_free(struct pg_prepared *prepared)
{
	for (int i = 0; prepared && i < PG_PREPARED_MAX; i++)
		free(prepared->all[i].sql);
	free(prepared);
}
