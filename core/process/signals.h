/*
 * Signals as a file descriptor.  signals_open() blocks them in the main thread before any other
 * exists, so that every thread inherits it and no code ever runs in a handler.
 */
#ifndef TALLYD_CORE_SIGNALS_H
#define TALLYD_CORE_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Lets through what is blocked from the start: for commands other than run, and for children. */
void signals_unblock(void);
/* Has the process been asked to stop?  Also before signals_open(). */
bool signals_stop_pending(void);
/* Blocks TERM, INT, HUP and USR1, ignores PIPE; returns a signalfd. */
int signals_open(struct error *error);
/* The next signal's number; 0: none came before the deadline (monotonic ns), or somebody knocks at
 * the socket `other` (-1: there is none). */
int signals_wait(int fd, int other, int64_t deadline);

#endif
