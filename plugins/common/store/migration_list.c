/*
 * The records have to be the list's beginning, without a gap: what is left of the list is then what
 * has to be applied.  Anything else is refused, since the schema is then not the one that this
 * program knows.  The stores call this when they start, and for tallyd db.
 */
#include "store/migration_list.h"

#include <errno.h>
#include <string.h>

int migration_check(struct migration_check *check, int version, const char *checksum)
{
	const struct migration *due = check->due, *found = due;
	while (found->version && found->version != version)
		found++;
	if (!found->version)
		return tally_fail(check->ctx, EPROTO,
				  "%s has migration %d, which is not known here: a newer tallyd "
				  "wrote the database; update this one",
				  check->record, version);
	if (found != due)
		return tally_fail(check->ctx, EPROTO,
				  "%s records %s, but not %s before it: restore the deleted row",
				  check->record, found->name, due->name);
	if (strcmp(found->checksum, checksum) != 0)
		return tally_fail(check->ctx, EPROTO,
				  "%s: migration %s differs from the one applied", check->record,
				  found->name);
	check->due++;
	return 0;
}

int migration_count(const struct migration *list)
{
	int n = 0;
	while (list[n].version)
		n++;
	return n;
}
