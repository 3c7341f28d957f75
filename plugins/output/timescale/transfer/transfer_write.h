/* `tallyd db copy` into a database. */
#ifndef TALLYD_TIMESCALE_TRANSFER_WRITE_H
#define TALLYD_TIMESCALE_TRANSFER_WRITE_H

#include "store.h"

/* From what the other end of the socket sends; 1: not all could be kept.  The store's maintenance
 * has the connection, which is open. */
int transfer_write_database(struct store *store, int fd);

#endif
