/*
 * What a database holds, as transfer.h asks for it; also of one that is being written, to compare.
 */
#ifndef TALLYD_TIMESCALE_TRANSFER_READ_H
#define TALLYD_TIMESCALE_TRANSFER_READ_H

#include "pg/pg_connection.h"
#include "transfer/transfer.h"

struct transfer_database {
	struct pg_connection *pg;
	struct catalog *catalog;
};

/* database must outlive it. */
struct transfer_reader transfer_read_database(struct transfer_database *database);

#endif
