/*
 * What kind of server it is.  Found out at every start, never assumed.  It decides how new
 * tables are created and what can be done at all; for existing ones see partitioning.h.
 */
#ifndef TALLYD_TIMESCALE_SERVER_H
#define TALLYD_TIMESCALE_SERVER_H

#include "pg/pg_connection.h"

enum server_mode {
	SERVER_PLAIN,  /* PostgreSQL: native partitions */
	SERVER_APACHE, /* TimescaleDB's Apache edition: hypertables */
	SERVER_TSL,    /* TimescaleDB: also compression */
};

struct server {
	enum server_mode mode;
	int version;        /* as server_version_num */
	char timescale[32]; /* its version; "": none */
};

extern const char *const server_modes[];

/* Since 2.18 compress_chunk() also takes what lies uncompressed beside; before, late rows could be
 * doubled (https://github.com/timescale/timescaledb/issues/7672). */
bool server_merges_chunks(const struct server *server);

/* -EPROTO: too old, not in UTF-8, or without the library of an extension that the database has. */
int server_find_out(struct pg_connection *pg, struct server *ret);

/* Whether the server has TimescaleDB and the database does not, and has no tables of ours yet. */
int server_offers_extension(struct pg_connection *pg, bool *ret);
/* Creates the extension if the server offers it; a missing right is logged once (*reported) and is
 * no error. */
int server_offer_extension(struct pg_connection *pg, bool *reported);

/* What the operator should know about tables and server together; "": all is well. */
struct server_remarks {
	char partitions[700]; /* tables in native partitions although it has TimescaleDB */
	char compressed[300]; /* what its present edition can neither read nor write */
};
int server_remark(struct pg_connection *pg, const struct server *server,
		  struct server_remarks *ret);

#endif
