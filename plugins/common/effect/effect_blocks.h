/*
 * A side of a change cut into blocks, a twelfth of the window each, and what their correlation does
 * to a test over them.  effect_test.c compares their means, effect_growth.c their slopes.
 */
#ifndef TALLYD_EFFECT_BLOCKS_H
#define TALLYD_EFFECT_BLOCKS_H

#include "effect/effect_test.h"

enum { EFFECT_BLOCKS_LEAST = 6 };

struct blocks {
	double points[EFFECT_POINTS_MAX];
	uint32_t n_points; /* with gaps */
	double mean;
	double values[EFFECT_BLOCKS], at[EFFECT_BLOCKS]; /* at: the middle of each, in points */
	uint32_t n;                                      /* without gaps */
};

/* What each block stands for.  A spike moves its mean, and not its median. */
enum blocks_of { BLOCKS_OF_MEANS, BLOCKS_OF_MEDIANS };

/* other: subtracted point by point; NULL: nothing is. */
void blocks_make(const struct effect_points *side, const struct effect_points *other,
		 enum blocks_of of, struct blocks *ret);
double blocks_mean(const struct blocks *blocks);
/* Sums of squares and of products of neighbours about the mean, and how many; a gap has no
 * neighbours. */
void blocks_add_moments(const double *values, uint32_t n, double mean, double moments[3]);
/* By how much the variance is larger than that of independent blocks. */
double blocks_inflation(const struct blocks *before, const struct blocks *after);
int effect_by_value(const void *a, const void *b); /* for qsort(), of doubles */
double effect_p_of(double score); /* of a score in standard deviations, both ways */
/* By linear interpolation. */
double effect_quantile(const double *sorted, uint32_t n, double q);

/* The weaker of two scores, in units of their standard deviations: of ranks, and of a shift with
 * its error.  0: they disagree. */
double effect_weaker(double rank, double shift, double error);
/* In units of its standard deviation; above 0: after is more. */
typedef double blocks_score_fn(const struct blocks *before, const struct blocks *after);
/* 1: the day before says the same as this score; 0: it does not; -1: nothing is known of it. */
int effect_day_agrees(const struct effect_input *input, double score, enum blocks_of of,
		      blocks_score_fn *score_of);

#endif
