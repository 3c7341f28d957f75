/*
 * The first attempt, in as few round trips as can be: one script, which is BEGIN, the ledger, a
 * COPY per table, late marks, COMMIT; the rows follow when the server asks for them.  writer.c
 * calls writer_copy() on the thread that writes.  With rows of a STATE table there are more round
 * trips: their upserts have parameters, which a script cannot have.
 *
 * It is all or nothing: what was written before (TL001), a row that the database refuses, a
 * duplicate or a missing partition makes the whole transaction fail, and upsert_path.c sorts it
 * out.  That COPY knows no ON CONFLICT is the price; measured, COPY BINARY with the ledger in the
 * same transaction writes 125,000 rows/s on one connection, a staging table with ON CONFLICT
 * 84,000.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "maintenance/watermarks.h"
#include "write/writer.h"

/* Bytes per CopyData message.  Rows are encoded while the server reads the ones before, and memory
 * stays bounded whatever a batch holds. */
enum { WRITER_CHUNK = 64 << 10 };

/* ---- The script --------------------------------------------------------------- */

static bool writer_is_copied(const struct writer_part *part)
{
	return !part->refused && part->n_good > 0 && part->table->stored->table.kind != TALLY_STATE;
}

/* Whether an earlier part has the same table, and so its rows go with that one's COPY. */
static bool writer_goes_with(const struct writer *writer, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++)
		if (writer_is_copied(&writer->parts[j]) &&
		    writer->parts[j].table == writer->parts[i].table)
			return true;
	return false;
}

static int writer_script(struct writer *writer, bool *ret_more)
{
	strbuf_clear(&writer->script);
	/* hold_series() first: from here on no series is deleted, and TL002 says that some were
	 * since this writer filled its caches. */
	strbuf_add(&writer->script, "begin; select tally.hold_series(%" PRId64 ")",
		   writer->generation);
	int r = writer_script_ledger(writer, 0, writer->n_parts);
	strbuf_add(&writer->script, ";");
	for (uint32_t i = 0; i < writer->n_parts; i++)
		if (writer_is_copied(&writer->parts[i]) && !writer_goes_with(writer, i))
			strbuf_add(&writer->script, "%s;", writer->parts[i].table->copy);
	if (r == 0)
		r = writer_script_late(writer);
	*ret_more = false;
	for (uint32_t i = 0; i < writer->n_parts; i++) {
		const struct writer_part *part = &writer->parts[i];
		*ret_more |= !part->refused && part->n_good > 0 && !writer_is_copied(part);
	}
	if (!*ret_more)
		strbuf_add(&writer->script, "commit");
	return writer->script.failed ? tally_fail(writer->ctx, ENOMEM, "no memory") : r;
}

/* ---- Running it --------------------------------------------------------------- */

/* Leaves less than a chunk in the buffer, for the next part or the end. */
static int writer_copy_rows(struct writer *writer, const struct writer_part *part)
{
	struct strbuf *bytes = &writer->bytes;
	for (uint32_t row = 0; row < part->batch->n_rows; row++) {
		if (!part->series[row])
			continue;
		encode_copy(bytes, part, row);
		if (bytes->failed)
			return tally_fail(writer->ctx, ENOMEM, "no memory");
		if (bytes->len < WRITER_CHUNK)
			continue;
		int r = pg_copy_put(&writer->pg, bytes->data, bytes->len);
		if (r < 0)
			return r;
		strbuf_clear(bytes);
	}
	return 0;
}

/* The rows of all parts of one table, as one COPY. */
static int writer_copy_table(struct writer *writer, const struct writer_table *table)
{
	/* Signature, flags, length of the extension; and -1 where a tuple would say how many fields
	 * it has.  https://www.postgresql.org/docs/15/sql-copy.html, "Binary Format" */
	static const char head[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", end[2] = "\377\377";
	int r = 0;
	strbuf_clear(&writer->bytes);
	strbuf_bytes(&writer->bytes, head, sizeof(head));
	for (uint32_t i = 0; r == 0 && i < writer->n_parts; i++)
		if (writer_is_copied(&writer->parts[i]) && writer->parts[i].table == table)
			r = writer_copy_rows(writer, &writer->parts[i]);
	strbuf_bytes(&writer->bytes, end, sizeof(end));
	if (r == 0)
		r = pg_copy_put(&writer->pg, writer->bytes.data, writer->bytes.len);
	return r == 0 ? pg_copy_end(&writer->pg) : r;
}

/* The server goes through the script and stops at each COPY; they come in the order in which
 * writer_script() wrote them, so no name has to be matched. */
static int writer_run_script(struct writer *writer)
{
	PGresult *result = NULL;
	uint32_t at = 0;
	int r = pg_send_script(&writer->pg, writer->script.data);
	while (r == 0 && (r = pg_next(&writer->pg, &result)) == 0 && result) {
		bool copying = PQresultStatus(result) == PGRES_COPY_IN;
		PQclear(result);
		if (!copying)
			continue;
		while (at < writer->n_parts &&
		       (!writer_is_copied(&writer->parts[at]) || writer_goes_with(writer, at)))
			at++;
		r = writer_copy_table(writer, writer->parts[at++].table);
	}
	return r;
}

int writer_copy(struct writer *writer)
{
	bool more = false;
	int r = writer_script(writer, &more);
	if (r == 0)
		r = writer_run_script(writer);
	for (uint32_t i = 0; more && r == 0 && i < writer->n_parts; i++) {
		const struct writer_part *part = &writer->parts[i];
		if (!part->refused && part->n_good > 0 && !writer_is_copied(part))
			r = writer_insert(writer, part, 0, part->batch->n_rows);
	}
	if (more && r == 0)
		r = pg_exec(&writer->pg, "commit");
	return r;
}
