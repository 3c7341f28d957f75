/*
 * Signals as a file descriptor.  signals_open() blocks them in the main thread before any other
 * exists, so that every thread inherits it and no code ever runs in a handler.
 */
#ifndef TALLYD_CORE_SIGNALS_H
#define TALLYD_CORE_SIGNALS_H

#include <stdint.h>

#include "util/error.h"

/* Blocks TERM, INT, HUP and USR1, ignores PIPE; returns a signalfd. */
int signals_open(struct error *error);
/* The next signal's number; 0: none came before the deadline (monotonic ns). */
int signals_wait(int fd, int64_t deadline);

#endif
