/* Rows as they were written: filtered, ordered, page by page. */
#ifndef TALLYD_TIMESCALE_SCAN_H
#define TALLYD_TIMESCALE_SCAN_H

#include "pg_connection.h"
#include "store_answer.h"

int scan_run(struct pg_connection *pg, const struct question *question, struct answer *answer);

#endif
