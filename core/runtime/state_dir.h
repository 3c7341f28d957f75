/*
 * The folder where this daemon keeps what must survive it.  One daemon at a time: a lock file in it
 * is held for as long as the process lives.  Main thread: at the start, and every second to check
 * that the folder is still there.
 */
#ifndef TALLYD_CORE_STATE_DIR_H
#define TALLYD_CORE_STATE_DIR_H

#include "base/error.h"
#include "base/file_place.h"

enum { STATE_PRODUCER_SIZE = 33 }; /* 128 bits in hex */

struct state_dir {
	int lock;
	char producer[STATE_PRODUCER_SIZE]; /* drawn once, kept for ever */
	struct file_place folder, lock_file, producer_file;
};

/* Makes the folder (0700, parents too), takes the lock, reads or draws the producer id.  -EBUSY:
 * another daemon has it, and error says which. */
int state_dir_open(const char *path, struct state_dir *ret, struct error *error);
/* Could it be opened, as far as can be seen without making or changing anything?  Another daemon
 * may have it. */
int state_dir_check(const char *path, struct error *error);
/* Are the folder and its files still there?  Else it makes them again, with the same producer id,
 * and says in `told` what was gone.  Returns 1: it did; -errno, and error says why it could not. */
int state_dir_keep(struct state_dir *state, const char *path, struct error *told,
		   struct error *error);
void state_dir_close(struct state_dir *state);

#endif
