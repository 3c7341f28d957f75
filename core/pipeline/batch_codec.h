/*
 * A batch as bytes, for journals on disk: little-endian, self-describing (the table's name, kind
 * and columns go along), with a checksum.  Decoding takes every byte as hostile.
 */
#ifndef TALLYD_CORE_BATCH_CODEC_H
#define TALLYD_CORE_BATCH_CODEC_H

#include <stddef.h>
#include <tallyd/plugin.h>

#include "base/error.h"

/* *ret is malloc'd. */
int batch_encode(const struct tally_batch *batch, void **ret, size_t *ret_len);

/*
 * find: the declared table of that name, or NULL.  A declared table with the same columns, or
 * with more of them behind, is used as it is (the missing are NULL); else the batch gets a table
 * of its own.  -EBADMSG: damaged.
 */
typedef const struct tally_table *batch_find_table_fn(void *arg, const char *name);
int batch_decode(const void *bytes, size_t len, batch_find_table_fn *find, void *arg,
		 struct tally_batch **ret, struct error *error);

#endif
