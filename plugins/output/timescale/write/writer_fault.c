/*
 * Rows that cannot be stored, kept until their transaction has ended.  writer_series.c and
 * upsert_path.c reject them on the thread that writes; a transaction that is rolled back forgets
 * its own, so that the next attempt does not count them twice; the instance's thread reports what
 * is left (tally_reject_row() and the dead-letter file, which has one user).  The list spans all
 * transactions of one write: a thread of the parallel writer may have carried out several shards.
 * Only memory can run out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "write/writer.h"

void writer_forget_faults(struct writer *writer, uint32_t n)
{
	while (writer->n_faults > n)
		free(writer->faults[--writer->n_faults].message);
}

int writer_reject(struct writer *writer, struct writer_part *part, uint32_t row, const char *why,
		  const char *message)
{
	part->series[row] = 0;
	/* Each row is rejected once at most, so there are no more than the write has. */
	if (writer->n_faults == writer->faults_size) {
		uint32_t size = writer->faults_size ? 2 * writer->faults_size : 64;
		struct writer_fault *faults = realloc(writer->faults, size * sizeof(*faults));
		if (!faults)
			return tally_fail(writer->ctx, ENOMEM, "no memory for rejected rows");
		writer->faults = faults;
		writer->faults_size = size;
	}
	char *copy = message ? strdup(message) : NULL;
	writer->faults[writer->n_faults++] = (struct writer_fault){
		.batch = part->batch,
		.row = row,
		.why = copy  ? copy
		       : why ? why
			     : "the database refuses it",
		.message = copy,
	};
	return 0;
}

void writer_report_faults(struct writer *writer)
{
	for (uint32_t i = 0; i < writer->n_faults; i++) {
		const struct writer_fault *fault = &writer->faults[i];
		tally_reject_row(writer->ctx, fault->batch, fault->row, fault->why);
		dead_letter_put(writer->dead, fault->batch, fault->row, fault->why);
	}
	if (writer->n_faults > 0 && tally_must_flush(writer->ctx))
		dead_letter_flush(writer->dead);
	writer_forget_faults(writer, 0);
	writer->n_sure = 0;
}
