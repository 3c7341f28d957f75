/*
 * The file of a store while it is open.  Every use of it is between store_enter() and
 * store_leave(), on any thread; opening and closing is the core's thread's alone, when nobody has
 * entered.
 */
#ifndef TALLYD_SQLITE_STORE_LIFE_H
#define TALLYD_SQLITE_STORE_LIFE_H

#include <stdbool.h>
#include <tallyd/host.h>

struct store;

/* Keeps every other tallyd off the file of that path until the descriptor is closed; -errno. */
int store_lock_file(struct tally_ctx *ctx, const char *path);

/* Whatever fails is undone by store_close(). */
int store_open(struct store *store);
/* For queries only, beside the daemon that has the file; changes nothing. */
int store_open_reading(struct store *store);
void store_close(struct store *store);

/* Every call is between these two.  A file that is no longer in its place is opened again first;
 * < 0, and not entered: that failed. */
int store_enter(struct store *store);
/* For a query: a log or a lock that is gone is for those that write, who come soon. */
int store_enter_reading(struct store *store);
void store_leave(struct store *store);
/* For maintenance, between its steps: whether somebody waits to open the file again. */
bool store_makes_way(const struct store *store);
/* Tables that were to be created in a file that was never opened. */
void store_forget_kept(struct store *store);

#endif
