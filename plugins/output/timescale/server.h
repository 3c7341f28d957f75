/* What kind of server it is.  Found out at every start and by nobody assumed. */
#ifndef TALLYD_TIMESCALE_SERVER_H
#define TALLYD_TIMESCALE_SERVER_H

#include "pg_connection.h"

enum server_mode {
	SERVER_PLAIN,  /* PostgreSQL: daily partitions */
	SERVER_APACHE, /* TimescaleDB's Apache edition: hypertables */
	SERVER_TSL,    /* TimescaleDB: also compression */
};

struct server {
	enum server_mode mode;
	int version;        /* as server_version_num */
	char timescale[32]; /* its version; "" if it is not there */
};

extern const char *const server_modes[];

/* -EPROTO: too old, or not in UTF-8. */
int server_find_out(struct pg_connection *pg, struct server *ret);
/* Creates the extension if the server has it and we may; it is no error if not. */
void server_offer_extension(struct pg_connection *pg);

#endif
