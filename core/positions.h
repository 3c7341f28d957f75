/*
 * Where inputs may resume when their buffer is not durable: a position counts once every output
 * has settled the rows it came with, and only over the longest unbroken prefix.  Kept in
 * state_dir/positions (written anew and renamed, at most once a second and at the end).  With
 * a durable buffer the buffer itself keeps them and none of this is used.  Any thread.
 */
#ifndef TALLYD_CORE_POSITIONS_H
#define TALLYD_CORE_POSITIONS_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct positions;

/* path: the file, which need not exist.  A damaged file is set aside and told in error
 * (-EBADMSG), and *ret is an empty table all the same. */
int positions_create(const char *path, struct positions **ret, struct error *error);
void positions_destroy(struct positions *positions);

/* A pushed entry of a journal carried this position. */
int positions_pending(struct positions *positions, const void *journal, uint64_t sequence,
		      const char *source, const char *position);
/* All of that journal's readers have settled up to here. */
void positions_acknowledge(struct positions *positions, const void *journal,
			   uint64_t up_to_sequence);

int positions_get(struct positions *positions, const char *source, char *ret, size_t size);
int positions_save(struct positions *positions, struct error *error);

#endif
