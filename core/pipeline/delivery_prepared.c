/*
 * A list of fingerprints, for delivery.c on its output's thread.  A few dozen tables at most, so it
 * is walked.  The fingerprint covers what an output makes a table from: name, kind, and the columns
 * with type and role.  Two tables with one fingerprint would cost a missing prepare(), which the
 * output's write() then reports; with 64 bits that does not happen by chance.
 */
#include "pipeline/delivery_prepared.h"

#include <stdlib.h>

#include "base/hash.h"

uint64_t delivery_fingerprint(const struct tally_table *table)
{
	uint64_t hash = hash_word(hash_text(0, table->name), table->kind);
	for (uint32_t c = 0; c < table->n_columns; c++) {
		const struct tally_column *column = &table->columns[c];
		hash = hash_text(hash, column->name);
		hash = hash_word(hash_word(hash, column->type), column->role);
	}
	return hash;
}

bool delivery_is_prepared(const struct delivery_prepared *prepared, uint64_t fingerprint)
{
	for (size_t i = 0; i < prepared->n; i++)
		if (prepared->fingerprints[i] == fingerprint)
			return true;
	return false;
}

void delivery_remember_prepared(struct delivery_prepared *prepared, uint64_t fingerprint)
{
	if (delivery_is_prepared(prepared, fingerprint))
		return;
	uint64_t *grown = reallocarray(prepared->fingerprints, prepared->n + 1, sizeof(*grown));
	if (!grown)
		return;
	prepared->fingerprints = grown;
	grown[prepared->n++] = fingerprint;
}
