/*
 * Rows of one table with all the memory they point to: an arena for what was copied, a list of
 * foreign blocks that were adopted, and a count of references.  Built by one thread, immutable
 * once emitted, then readable from any thread.  Fan-out to many outputs is a pointer each.
 */
#ifndef TALLYD_CORE_BATCH_H
#define TALLYD_CORE_BATCH_H

#include <stdbool.h>
#include <tallyd/plugin.h>

struct pin;

/* One reference, the caller's.  NULL: no memory. */
struct tally_batch *batch_create(const struct tally_table *table);
/* The same, which keeps a reference to the pin (NULL: none) until it goes. */
struct tally_batch *batch_create_pinned(const struct tally_table *table, struct pin *pin);

/* From now on it is immutable; it keeps that pin, too.  -EINVAL: it is already. */
int batch_seal(struct tally_batch *batch, struct pin *pin);

/* As the tally_batch_*() wrappers in host.h say.  A call on a batch that was emitted, or freed a
 * short while ago, is refused and logged. */
struct tally_cell *batch_row(struct tally_batch *batch);
const char *batch_copy(struct tally_batch *batch, const char *text, size_t len);
int batch_adopt(struct tally_batch *batch, void *memory, size_t size, void (*free_fn)(void *));
void batch_keep(const struct tally_batch *batch);
void batch_drop(const struct tally_batch *batch); /* NULL is fine */
size_t batch_bytes(const struct tally_batch *batch);

#endif
