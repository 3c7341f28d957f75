/*
 * What a transaction notes of itself in the ledger.  One that holds all entries of a write moves
 * its producer's mark.  Of several side by side each notes its entries one by one, and the one that
 * has the first moves the mark up to it, since the core offers nothing before all earlier is
 * acknowledged.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "pg/pg_value.h"
#include "write/writer.h"

static bool ledger_is_same(const struct tally_entry *a, const struct tally_entry *b)
{
	return a->producer && b->producer && strcmp(a->producer, b->producer) == 0;
}

/* Whether this shard has the write's first entry of that producer, and so notes up to where
 * everything is acknowledged. */
static bool ledger_leads(const struct writer *writer, const struct tally_entry *entry)
{
	uint32_t i = 0;
	while (i < writer->n_whole && !ledger_is_same(&writer->whole[i], entry))
		i++;
	return i < writer->n_whole && writer->whole[i].sequence == entry->sequence;
}

static void ledger_note(struct writer *writer, const char *name, uint32_t from, uint32_t until)
{
	struct strbuf *script = &writer->script;
	const struct tally_entry *first = writer->parts[from].entry;
	strbuf_add(script, ", tally.ledger_note(%s, ", name);
	if (ledger_leads(writer, first))
		strbuf_add(script, "%" PRIu64, first->sequence - 1);
	else
		strbuf_add(script, "null");
	for (uint32_t i = from; i < until; i++)
		strbuf_add(script, "%s%" PRIu64, i == from ? ", '{" : ",",
			   writer->parts[i].entry->sequence);
	strbuf_add(script, "}')");
}

static int ledger_run(struct writer *writer, uint32_t from, uint32_t until)
{
	const struct tally_entry *first = writer->parts[from].entry;
	if (!first->producer)
		return 0;
	char *name = PQescapeLiteral(writer->pg.conn, first->producer, strlen(first->producer));
	if (!name)
		return tally_fail(writer->ctx, ENOMEM, "no memory");
	if (writer->whole)
		ledger_note(writer, name, from, until);
	else
		strbuf_add(&writer->script, ", tally.ledger_advance(%s, %" PRIu64 ", %" PRIu64 ")",
			   name, first->sequence, writer->parts[until - 1].entry->sequence);
	PQfreemem(name);
	return 0;
}

/* ---- How far it is ------------------------------------------------------------- */

static void ledger_take(const PGresult *result, struct tally_ledger *ret)
{
	for (int i = 0; i < PQntuples(result); i++) {
		uint64_t sequence = (uint64_t)pg_get_64(PQgetvalue(result, i, 0));
		if (!*PQgetvalue(result, i, 1))
			ret->sequence = sequence;
		else if (ret->n_ahead < TALLY_LEDGER_AHEAD)
			ret->ahead[ret->n_ahead++] = sequence;
	}
}

int writer_ledger(struct writer *writer, const char *name, struct tally_ledger *ret)
{
	auto_result PGresult *result = NULL;
	int r = writer_connect(writer);
	if (r < 0)
		return r;
	char *text = PQescapeLiteral(writer->pg.conn, name, strlen(name));
	auto_free char *sql = NULL;
	if (!text ||
	    asprintf(&sql,
		     "select sequence, false from tally.ledger where writer = %s union all "
		     "select sequence, true from tally.ledger_ahead where writer = %s and sequence "
		     "> "
		     "coalesce((select sequence from tally.ledger where writer = %s), 0) "
		     "order by 2, 1",
		     text, text, text) < 0) {
		sql = NULL;
		r = tally_fail(writer->ctx, ENOMEM, "no memory");
	}
	/* A daemon that was killed may have left a transaction whose COMMIT is still on its way: to
	 * lock its row waits for it to end.  Without this the ledger is read too early, and what
	 * that transaction holds is offered, and stored, again. */
	if (r == 0)
		r = pg_execf(&writer->pg, "select 1 from tally.ledger where writer = %s for update",
			     text);
	PQfreemem(text);
	if (r == 0)
		r = pg_query(&writer->pg, sql, NULL, &result);
	/* A database that was recreated has none. */
	const char *state = writer->pg.sqlstate;
	if (r < 0 && (strcmp(state, "42P01") == 0 || strcmp(state, "3F000") == 0))
		return 0;
	if (r == 0)
		ledger_take(result, ret);
	return r;
}

/* ---- What a transaction notes -------------------------------------------------- */

int writer_script_ledger(struct writer *writer, uint32_t from, uint32_t until)
{
	int r = 0;
	/* Entries of one producer that follow each other are one call. */
	while (r == 0 && from < until) {
		uint32_t end = from + 1;
		while (end < until &&
		       ledger_is_same(writer->parts[from].entry, writer->parts[end].entry))
			end++;
		r = ledger_run(writer, from, end);
		from = end;
	}
	return r;
}
