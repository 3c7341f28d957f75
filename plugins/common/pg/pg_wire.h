/* What pg_connection.c offers to the other files of pg/, and to nobody else. */
#ifndef TALLYD_PLUGINS_COMMON_PG_WIRE_H
#define TALLYD_PLUGINS_COMMON_PG_WIRE_H

#include "pg/pg_connection.h"

/* Note what went wrong, and fail with it.  If it was the connection, it is closed. */
int pg_closed(struct pg_connection *pg);
int pg_fail_connection(struct pg_connection *pg);
int pg_fail_result(struct pg_connection *pg, const PGresult *result);
bool pg_is_error(const PGresult *result);

/* pg_connect.c: sets pg->conn, which may have failed, by the deadline; -ETIMEDOUT: the attempt goes
 * on, and the next call waits for it. */
int pg_connect(struct pg_connection *pg, const char *conninfo);
void pg_forget_attempt(struct pg_connection *pg);

/* For a blocking call of libpq's; detached, since it may outlive the connection.  -errno. */
int pg_start_thread(void *(*run)(void *arg), void *arg);

/* When a call that begins now has to end. */
int64_t pg_until(const struct pg_connection *pg);
/* Until all that was sent has left. */
int pg_flush(struct pg_connection *pg, int64_t until);
int pg_receive(struct pg_connection *pg, PGresult **ret);

#endif
