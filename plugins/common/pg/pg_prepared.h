/*
 * Which statements a connection has prepared, by their text.  There is room for as many as a
 * store's usual queries need; the least recently used one makes room.
 */
#ifndef TALLYD_PLUGINS_COMMON_PG_PREPARED_H
#define TALLYD_PLUGINS_COMMON_PG_PREPARED_H

#include <stdbool.h>
#include <stdint.h>

enum { PG_PREPARED_MAX = 32, PG_PREPARED_NAME = 40 };

struct pg_prepared {
	uint64_t clock;
	struct {
		char *sql; /* NULL: free */
		char name[PG_PREPARED_NAME];
		uint64_t asked; /* by clock */
		bool there;     /* the server said so */
	} all[PG_PREPARED_MAX];
};

/* The one with this text, or else a free one, or else the oldest. */
int pg_prepared_find(const struct pg_prepared *prepared, const char *sql);
/* Takes the place for another statement, under a name that is nobody else's, also where several
 * connections share a session.  -ENOMEM */
int pg_prepared_name(struct pg_prepared *prepared, int at, const char *sql);
/* Leaves out those that the server has not got. */
void pg_prepared_settle(struct pg_prepared *prepared);
/* NULL is fine. */
void pg_prepared_free(struct pg_prepared *prepared);

#endif
