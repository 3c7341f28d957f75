/*
 * Where inputs may resume.  Kept in a file of the state directory, for every input; an input whose
 * rows go to one durable journal only resumes from that journal instead (router_position).
 *
 * The rule, per source: a position counts once every journal that got rows with it is done with
 * them (a durable one: has them; another: all its readers have acknowledged them), and once the
 * same is true of every position before it.  So after a crash rows may come again, none is missing.
 * Rows that were given up while stopping end it for their source: nothing after them counts until
 * its input asks where to resume.
 *
 * Any thread.  Its lock is a leaf: may be taken with any other held.
 */
#ifndef TALLYD_CORE_POSITIONS_H
#define TALLYD_CORE_POSITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Longer ones are not kept; of too many sources the one not used for longest is forgotten. */
enum { POSITIONS_MAX_SOURCES = 4096, POSITIONS_MAX_NAME = 255, POSITIONS_MAX_TEXT = 1023 };

struct positions;
struct position_mark;

/* path: the file, which need not exist.  A damaged file is set aside as path.damaged and reported
 * in error (-EBADMSG), and *ret is an empty table all the same. */
int positions_create(const char *path, struct positions **ret, struct error *error);
void positions_destroy(struct positions *positions);

/* Rows that bring this position are about to be pushed.  NULL: it cannot be kept. */
struct position_mark *positions_open(struct positions *positions, const char *source,
				     const char *position);
/* The entry of that sequence brought it there.  In the order of a journal's sequences. */
void positions_hold(struct positions *positions, struct position_mark *mark, const void *journal,
		    uint64_t sequence);
/* Every journal has been asked; complete: none failed to take the rows.  mark may be NULL. */
void positions_close(struct positions *positions, struct position_mark *mark, bool complete);

/* All of that journal's readers have acknowledged up to here. */
void positions_acknowledge(struct positions *positions, const void *journal,
			   uint64_t up_to_sequence);
/* It is gone, with whatever it still held. */
void positions_forget(struct positions *positions, const void *journal);

/* The newest that counts.  -ENOENT: none; -ERANGE: it does not fit.  Its input may ask while it
 * goes on, so this ends nothing: what was lost still counts as lost. */
int positions_get(struct positions *positions, const char *source, char *ret, size_t size);
/* The newest whose rows, and all before them, are at least on their way: where an input goes on
 * that is started anew while the daemon lives.  It does begin there: what was lost comes again.
 * -ENOENT: nothing is on its way, it begins at positions_get(). */
int positions_get_pending(struct positions *positions, const char *source, char *ret, size_t size);
/* Has it lost rows in this life of the daemon: some journals have what others have not? */
bool positions_incomplete(struct positions *positions, const char *source);
/* Has somebody removed or replaced the file since it was read or written?  Then it is written anew
 * by the next positions_save(). */
bool positions_taken_away(struct positions *positions);
/* Writes the file anew, if anything has changed; call it now and then, and at the end. */
int positions_save(struct positions *positions, struct error *error);

#endif
