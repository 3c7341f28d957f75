/*
 * schema_ensure(): look into the catalog; if the table is all there, done.  Else, in one
 * transaction: take the table's advisory lock, look again (another daemon may have been faster),
 * create or grow, recreate the views, note it in the catalog.  The writer calls it for each table
 * of a write, on the thread that writes; tallyd db migrate for all that are declared.
 *
 * Usually nothing is sent at all.  That is on purpose: ALTER TABLE by hundreds of agents at write
 * time is known to deadlock (https://github.com/timescale/timescaledb/issues/4149), so it happens
 * once per new column, behind a lock.  -EINVAL rejects the entry; whatever else fails is retried.
 */
#include "schema/schema.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "pg/pg_value.h"
#include "schema/schema_sql.h"

/* ---- Comparing ---------------------------------------------------------------- */

/* What is stored, with what table has beyond that. */
static int schema_merge(struct tally_ctx *ctx, const struct stored_table *old,
			const struct tally_table *table, struct stored_table **ret)
{
	int r = old ? catalog_check_same(ctx, &old->table, table) : catalog_check_names(ctx, table);
	bool grows = old && table->n_columns > old->table.n_columns;
	if (r == 0 && grows)
		r = schema_check(ctx, table);
	if (r < 0)
		return r;
	*ret = catalog_copy(old && !grows ? &old->table : table);
	if (!*ret)
		return tally_fail(ctx, ENOMEM, "no memory");
	(*ret)->table.flags |= table->flags | (old ? old->table.flags : 0);
	return 0;
}

/* A flag alone is no reason to refuse rows where tables may not be changed. */
static bool schema_is_there(const struct schema_where *where, const struct stored_table *old,
			    const struct stored_table *all)
{
	return old && all->table.n_columns == old->table.n_columns &&
	       !(where->make && catalog_lacks_flags(&old->table, &all->table));
}

/* ---- Ensuring ----------------------------------------------------------------- */

static int schema_write(struct pg_connection *pg, const struct schema_where *where,
			const struct stored_table *old, const struct stored_table *stored)
{
	auto_strbuf struct strbuf sql = {0};
	if (old)
		schema_sql_grow(&sql, where, old, stored);
	else
		schema_sql_create(&sql, where, stored);
	if (sql.failed)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	/* A flag alone changes only the catalog. */
	int r = sql.len ? pg_exec(pg, sql.data) : 0;
	if (r < 0 && strcmp(pg->sqlstate, "42P07") == 0) /* of another table: samples_1h */
		return tally_fail(
			pg->ctx, EINVAL,
			"table %s: the schema tally already has something else of a name it needs",
			stored->table.name);
	if (r == 0)
		r = schema_store_table(pg, &stored->table);
	if (r == 0)
		r = schema_views_make(pg, where, stored);
	return r < 0 ? r : 0;
}

/* In a transaction, with the table's lock. */
static int schema_ensure_locked(struct pg_connection *pg, const struct schema_where *where,
				const struct tally_table *table, struct stored_table **ret)
{
	struct stored_table *there = NULL, *all = NULL;
	int r = schema_load_table(pg, table->name, &there);
	if (r == 0)
		r = schema_merge(pg->ctx, there, table, &all);
	if (r == 0 && !schema_is_there(where, there, all))
		r = where->make ? schema_write(pg, where, there, all)
				: tally_fail(pg->ctx, ENOENT,
					     "table %s is missing or incomplete in the database, "
					     "and migrate = check: run tallyd db migrate",
					     table->name);
	catalog_free(there);
	if (r == 0)
		*ret = all;
	else
		catalog_free(all);
	return r;
}

static int schema_ensure_in_database(struct pg_connection *pg, const struct schema_where *where,
				     const struct tally_table *table, struct stored_table **ret)
{
	/* ALTER TABLE takes ACCESS EXCLUSIVE, and everybody queues behind one that waits for it:
	 * rather fail after five seconds and come again. */
	int r = pg_exec(pg, "begin; set local lock_timeout = '5s'");
	if (r == 0 && where->make)
		/* By an advisory lock: IF NOT EXISTS does not keep two sessions apart.  Of six
		 * daemons at once without one, five failed with 23505. */
		r = pg_execf(pg, "select pg_advisory_xact_lock(1952541804, hashtext('%s'))",
			     table->name);
	if (r == 0)
		r = schema_ensure_locked(pg, where, table, ret);
	if (r == 0) {
		r = pg_exec(pg, "commit");
		if (r < 0)
			catalog_free(*ret);
	}
	if (r < 0)
		pg_rollback(pg);
	return r;
}

int schema_ensure(struct pg_connection *pg, const struct schema_where *where,
		  const struct tally_table *table, const struct stored_table **ret_stored)
{
	const struct stored_table *old = catalog_find(where->catalog, table->name);
	struct stored_table *all = NULL;
	int r = where->doubt ? schema_repair(pg, where, old) : 0;
	bool lacks = old && where->make && catalog_lacks_flags(&old->table, table);
	if (r == 0 && old && !lacks && catalog_has_all(&old->table, table)) {
		*ret_stored = old;
		return 0;
	}
	if (r == 0)
		r = schema_check(pg->ctx, table);
	if (r == 0 && old)
		r = schema_merge(pg->ctx, old, table, &all);
	if (r < 0)
		return r;
	bool is_there = schema_is_there(where, old, all);
	/* Under the lock all is made again from what the database has now, not from our memory of
	 * it. */
	catalog_free(all);
	if (!is_there) {
		r = schema_ensure_in_database(pg, where, table, &all);
		if (r < 0)
			return r;
		catalog_add(where->catalog, all);
		old = all;
	}
	*ret_stored = old;
	return 0;
}
