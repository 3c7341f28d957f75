/*
 * Whom a rule is about: its subjects, and the series of rows that belong to each.  Both are bounded
 * in number; what there is no room for is counted and left out.  Under the engine's lock.
 */
#ifndef TALLYD_ALERT_SUBJECTS_H
#define TALLYD_ALERT_SUBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "evaluate/index.h"
#include "evaluate/phase.h"
#include "evaluate/ring.h"

/* Of a row's text, for messages. */
enum { SUBJECT_TELL = 400 };

struct subject {
	uint64_t hash;
	char *host, *text;
	struct phase phase;
	struct ring *ring;           /* of rules with a window */
	int64_t first_row, last_row; /* 0: none yet */
	double sum;                  /* of the newest values of its series */
	uint32_t n_sum;              /* how many of them there are */
	uint32_t n_true;             /* series whose newest row fulfils the conditions */
	int64_t true_since;
	double newest; /* the first number among the conditions, of a row that fulfils them */
	bool has_newest, known; /* known: a row has come since the start */
	bool gone;              /* of silence: it does not run, and has a right to be silent */
	int64_t gone_as_of;     /* time of the row that said whether it runs */
	char *tell;             /* SUBJECT_TELL bytes; NULL: there is nothing to tell */
	uint32_t n_series;
	bool dirty; /* in the list of those to look at */
	struct subject *next_dirty;
};

/* Rows with the same tags.  Its subject stays as long as it. */
struct series {
	uint64_t hash, version; /* version: of the identities when its subject was found */
	struct subject *subject;
	int64_t time;
	int64_t seen_from; /* of its first row that passed; 0: none has */
	int64_t read_to;   /* of its newest row that was read from a store, and its order there */
	int64_t read_order;
	double value; /* of a counter, or the newest */
	bool has_value, matches;
	bool gone; /* its newest row says that what it is about does not exist any more */
};

/* Zeroed, with both limits set, is empty. */
struct subjects {
	struct subject **items;
	size_t n, size, max;
	struct index index;
	struct series *series;
	size_t n_series, series_size, max_series;
	struct index series_index;
	struct subject *dirty;
};

void subjects_done(struct subjects *subjects);

/* Finds or makes it.  NULL: no room, or no memory. */
struct subject *subjects_get(struct subjects *subjects, const char *host, size_t host_len,
			     const char *text, size_t text_len);
struct subject *subjects_find(const struct subjects *subjects, const char *host, size_t host_len,
			      const char *text, size_t text_len); /* NULL: there is none */
struct series *subjects_series(struct subjects *subjects, uint64_t hash, bool *ret_fresh);
/* The series goes to another subject: what it gave to the old one is taken back. */
void subjects_move(struct series *series, struct subject *subject);

void subjects_mark(struct subjects *subjects, struct subject *subject);
struct subject *subjects_take_dirty(struct subjects *subjects); /* NULL: none is left */

/* Forgets series without a row since `before`; `keep`: only those that are gone, of a table whose
 * rows come when something changes. */
void subjects_expire_series(struct subjects *subjects, int64_t before, bool keep);
/* Forgets the subjects for which drop() returns true.  None of them is dirty. */
void subjects_drop(struct subjects *subjects, bool (*drop)(void *arg, struct subject *subject),
		   void *arg);

#endif
