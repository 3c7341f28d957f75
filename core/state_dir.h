/*
 * The folder where this daemon keeps what must survive it.  One daemon at a time: a lock file in it
 * is held for as long as the process lives.  Main thread, at the start.
 */
#ifndef TALLYD_CORE_STATE_DIR_H
#define TALLYD_CORE_STATE_DIR_H

#include "util/error.h"

enum { STATE_WRITER_SIZE = 33 }; /* 128 bits in hex */

struct state_dir {
	int lock;
	char writer[STATE_WRITER_SIZE]; /* drawn once, kept for ever */
};

/* Makes the folder (0700, parents too), takes the lock, reads or draws the writer id.  -EBUSY:
 * another daemon has it, and error says which. */
int state_dir_open(const char *path, struct state_dir *ret, struct error *error);
void state_dir_close(struct state_dir *state);

#endif
